"""The flow: one module for each stage."""
