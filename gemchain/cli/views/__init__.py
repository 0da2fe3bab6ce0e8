"""Commands that only read the state: status, chains, batches, show, replay."""
