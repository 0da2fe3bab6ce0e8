"""How batches, joins and chains end."""
