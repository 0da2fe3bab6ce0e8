"""Wire formats: how a request and an answer are spelled. Pure functions on JSON."""
