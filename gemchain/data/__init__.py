"""Rows in, results out: formats of files, readers and writers. One row at a time is in memory."""
