"""Example chains; their texts come with Python, so every machine has them."""
