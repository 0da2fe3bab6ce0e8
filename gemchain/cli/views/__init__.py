"""Commands that show: status, chains, batches, show, replay."""
