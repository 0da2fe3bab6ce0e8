"""Opening the state that a command works on, and finding records in it."""
