"""What a person asks of the engine."""
