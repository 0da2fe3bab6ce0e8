"""What the package exports, and what importing it loads."""

import inspect
import subprocess
import sys

import pytest

import gemchain
from benchmarks import import_time

HEAVY = (
    "google",
    "openai",
    "pydantic",
    "sqlite3",
    "typer",
    "rich",
    "grpc",
    "jsonschema",
    "httpx",
    "httpx2",
    "genai_prices",
    "cloudpickle",
)


def test_importing_gemchain_loads_nothing_heavy():
    # What the interpreter loads by itself (namespace packages by way of .pth files) is not gemchain's.
    code = (
        "import sys; before = set(sys.modules); import gemchain; print('\\n'.join(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    roots = {name.partition(".")[0] for name in loaded.split()}
    assert not roots & set(HEAVY)


def test_importing_gemchain_stays_cheap_beside_importing_rich(capsys, monkeypatch):
    # The best processor times of two imports from the same minute; see `import_time.py`.
    monkeypatch.setattr("sys.argv", ["import_time", "--repeats", "5"])
    assert import_time.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(("used", "loaded", "code"), [(0.1, set(), 0), (0.5, set(), 1), (0.1, {"grpc"}, 1)])
def test_an_import_that_is_slow_or_loads_a_heavy_module_is_noticed(monkeypatch, used, loaded, code):
    measured = {"gemchain": (0.0, used, loaded), "rich": (0.0, 0.01, {"rich"})}
    monkeypatch.setattr(import_time, "measure", measured.__getitem__)
    monkeypatch.setattr("sys.argv", ["import_time"])
    assert import_time.main() == code


def test_every_public_name_is_there_sorted_and_documented():
    assert gemchain.__all__ == sorted(gemchain.__all__, key=lambda name: (name.islower(), name))
    assert all(getattr(gemchain, name).__doc__ for name in gemchain.__all__)


def test_every_error_hangs_in_the_tree_that_the_docstring_draws():
    from gemchain import errors

    drawn = [line.split("── ")[1].split() for line in errors.__doc__.splitlines() if "── " in line]
    names = {words[0] for words in drawn} | {"GemchainError"}
    assert names == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), errors.GemchainError) for name in names)


def test_the_arguments_of_a_prompt_are_spelled_alike_for_type_checkers_and_at_run_time():
    from dataclasses import fields

    from gemchain.api.specs import PromptOptions, PromptSpec

    kept = [each.name for each in fields(PromptSpec) if each.kw_only]
    assert kept == list(PromptOptions.__annotations__)
    documented = inspect.getdoc(gemchain.submit) or ""
    assert all(f"    {name}: " in documented for name in kept)


def test_an_argument_that_does_not_exist_is_named_together_with_the_one_that_was_meant():
    with pytest.raises(TypeError, match="no argument 'max_attemps'; did you mean 'max_attempts'"):
        gemchain.prompt("x", "simulated/echo", max_attemps=2)
