"""How an answer changes its prompt."""
