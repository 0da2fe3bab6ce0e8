"""When to send a queue."""
