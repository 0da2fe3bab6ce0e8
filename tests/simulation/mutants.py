"""Engines broken on purpose: a simulator that does not notice them proves nothing."""

from contextlib import nullcontext

unchanged = nullcontext
"""No mutant."""

MUTANTS = {}
