"""What users call: submit, start, gather, wait, and the handle on a chain."""
