"""What a person sees of a run: numbers as text, a board on a terminal, lines elsewhere."""
