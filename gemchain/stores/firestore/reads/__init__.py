"""Records found by id or by an index."""
