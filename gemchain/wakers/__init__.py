"""The adapters of the `Waker` port."""
