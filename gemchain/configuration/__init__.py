"""Where settings come from: calls of configure(), the environment, a file, the defaults."""
