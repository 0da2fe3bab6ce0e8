"""Words, tables and errors for the terminal."""
