"""The smallest wire format: `{"text"}` in, `{"text"}` out. It proves the `Format` port."""
