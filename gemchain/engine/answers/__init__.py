"""What an answer does to its prompt."""
