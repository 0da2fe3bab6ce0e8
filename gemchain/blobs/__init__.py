"""The adapters of the `Blobs` port."""
