"""The packages of a release: what is in them, what they say of themselves, and a trial on every Python."""
