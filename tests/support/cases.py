"""Which cases of a long test `make test` runs, and which it leaves to `make test-all`."""

import pytest

__all__ = ["rounds"]


def rounds(number, quick):
    """The numbers from 0 on as parameters of a test; from `quick` on they are marked as slow."""
    return [pytest.param(each, marks=() if each < quick else pytest.mark.slow) for each in range(number)]
