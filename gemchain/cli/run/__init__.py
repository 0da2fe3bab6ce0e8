"""`gemchain run`: reading rows, starting chains, showing progress, writing results."""
