"""Old module paths lead to where the modules are now."""

import importlib
import subprocess
import sys

import pytest

from gemchain.base.moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_imports_the_module_itself_and_warns(old):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to {MOVED[old]}"):
        found = importlib.import_module(old)
    assert found is importlib.import_module(MOVED[old])
    sys.modules.pop(old)


def test_a_path_that_never_was_is_still_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"gemchain\.nothing"):
        importlib.import_module("gemchain.nothing")


OLD_IMPORTS = """
import gemchain
from gemchain.responses import PromptError, Response
from gemchain.starting import start
from gemchain.submission import submit
assert (PromptError, Response) == (gemchain.PromptError, gemchain.Response)
assert (start, submit) == (gemchain.start, gemchain.submit)
"""


def test_names_that_were_imported_from_old_paths_are_the_public_ones():
    command = [sys.executable, "-W", "always", "-c", OLD_IMPORTS]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stderr.count("DeprecationWarning") == 3
