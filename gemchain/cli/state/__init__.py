"""The state that a command works on, and the records in it."""
