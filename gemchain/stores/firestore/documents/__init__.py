"""Records as documents, and the writes that store them."""
