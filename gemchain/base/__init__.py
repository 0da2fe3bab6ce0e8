"""Small things that everything may use: JSON text, chunks, logs, the clock."""
