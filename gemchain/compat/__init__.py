"""Functions with the signatures of other libraries, implemented by gemchain."""
