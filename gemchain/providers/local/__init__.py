"""Models that run on this machine, without an account: `local/smollm2` and `local/PATH.gguf`."""
