"""The adapters of the `Provider` port."""
