"""`gemchain serve`: an HTTP endpoint for those who know that a batch is done."""
