"""`gemchain export`: results of chains that were started at any time."""
