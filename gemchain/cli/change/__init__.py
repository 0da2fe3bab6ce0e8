"""Commands that change the state: retry, resume, fork, cancel, gc."""
