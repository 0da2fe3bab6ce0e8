"""A record can make nobody run a function that is not the application's own."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gemchain
from gemchain.errors import UnresolvedError
from gemchain.functions.continuations import Continuations
from gemchain.testing import embedded
from tests.support.fuzzing import FOREIGN_NAMES, fuzz
from tests.support.watching import watched

ROOT = Path(__file__).parents[2]
PIECES = (
    *FOREIGN_NAMES,
    "tests",
    "apps",
    "guarded",
    "finish",
    "os",
    "system",
    "eval",
    "__main__",
    ":",
    ".",
    "..",
    "@1",
)


@pytest.fixture(scope="module")
def ours():
    return Continuations(ROOT)


@pytest.mark.parametrize("name", FOREIGN_NAMES)
@pytest.mark.parametrize("verb", ["resolve", "resolve_chain", "resolve_model"])
def test_names_of_anything_else_are_refused_before_anything_is_imported(ours, name, verb):
    before = set(sys.modules)
    with watched() as watch, pytest.raises(UnresolvedError):
        getattr(ours, verb)(name)
    assert watch.done == []
    assert {each for each in set(sys.modules) - before if each in ("this", "antigravity")} == set()


@fuzz(150)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=6).map("".join))
def test_any_text_is_refused_or_leads_to_a_plain_function_of_the_application(ours, name):
    for verb in ("resolve", "resolve_chain", "resolve_model"):
        try:
            found = getattr(ours, verb)(name)
        except UnresolvedError:
            continue
        assert Path(sys.modules[found.__module__].__file__).is_relative_to(ROOT)
        assert "." not in found.__qualname__


def test_a_file_that_a_user_attached_is_no_module(tmp_path, monkeypatch):
    """Its name in the state's folder follows from its content, and may well be a name of Python."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "attached.py").write_text("raise SystemExit('it ran')\n")
    with embedded(tmp_path / "state", application=str(tmp_path)) as engine:
        for number in range(40):  # until a name begins with a letter
            (tmp_path / "attached.py").write_text(f"def run(*_): raise SystemExit({number})\n")
            attached = engine.runtime.providers.named("simulated").attach(tmp_path / "attached.py")
            module = Path(attached.uri).stem
            if module.isidentifier():
                break
        with pytest.raises(UnresolvedError, match="not the application's"):
            engine.runtime.continuations.resolve(f"state.files.media.{module}:run")


def test_a_script_that_some_package_installed_is_no_module_of_the_application(monkeypatch, tmp_path):
    main = type(sys)("__main__")
    main.__file__, main.__spec__ = str(Path(sys.prefix) / "bin" / "some_server"), None
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("def serve(*_): raise SystemExit", main.__dict__)
    with pytest.raises(UnresolvedError, match="script 'some_server' is not the application's"):
        Continuations(tmp_path).resolve("some_server:serve")


def test_names_that_point_to_each_other_end(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "circle_app.py").write_text(
        "import gemchain\n\n\n@gemchain.callback(aliases=['circle_app:other'])\ndef one(response): ...\n\n\n"
        "@gemchain.callback(name='other', aliases=['circle_app:one'])\ndef two(response): ...\n"
    )
    found = Continuations(tmp_path)
    assert found.resolve("circle_app:one") is not None
    assert found.resolve("circle_app:other") is not None
    assert gemchain.callback is not None
