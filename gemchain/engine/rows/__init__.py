"""Rows of an output: read, and matched to their prompts."""
