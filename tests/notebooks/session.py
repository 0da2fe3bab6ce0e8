"""A session in this process: code that runs as `__main__` and has no file, as in a notebook."""

import sys
import types
from contextlib import contextmanager


@contextmanager
def session(*cells):
    """Run the cells one after the other; inside the block their module is `__main__`."""
    main = types.ModuleType("__main__")
    before = sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        for cell in cells:
            exec(cell, vars(main))
        yield main
    finally:
        sys.modules["__main__"] = before
