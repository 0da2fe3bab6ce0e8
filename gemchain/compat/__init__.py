"""What code written for other libraries calls, carried on by gemchain."""
