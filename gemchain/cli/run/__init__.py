"""`gemchain run`."""
