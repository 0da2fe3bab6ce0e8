"""Commands that change: retry, resume, fork, cancel, gc."""
