"""Commands for a Firebase project: init, dev, doctor."""
