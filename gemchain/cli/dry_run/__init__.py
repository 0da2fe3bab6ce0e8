"""`gemchain run --dry-run`: what a run would do."""
