"""The adapters of the `Store` port."""
