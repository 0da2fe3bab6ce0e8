"""Commands around a Firebase project: init, dev, doctor."""
