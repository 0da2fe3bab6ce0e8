"""How a user's function is named in a record, and found again."""
