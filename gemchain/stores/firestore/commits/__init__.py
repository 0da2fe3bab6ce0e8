"""Units of moves, new prompts and chain changes, each applied whole or not at all."""
