"""The order of the sources: configure(), the environment, the file, the default."""

import subprocess
import sys
from pathlib import Path

import pytest

import gemchain
from gemchain.configuration.sources import Source, current_settings, find_sources, folders_of
from gemchain.configuration.variables import variable_of
from gemchain.errors import ConfigurationError
from gemchain.settings import Settings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a file of settings, and no variable of gemchain's set."""
    for name in Settings.names():
        monkeypatch.delenv(variable_of(name), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gemchain.toml").write_text("lease = 1\ngrace = 1\nsweep = 1\n", encoding="utf-8")
    return tmp_path


def test_configure_wins_over_the_environment_which_wins_over_the_file(folder, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_GRACE", "2")
    monkeypatch.setenv("GEMCHAIN_SWEEP", "2")
    settings = gemchain.configure(sweep=3, state=str(folder / "state")).settings
    assert (settings.lease, settings.grace, settings.sweep, settings.poll) == (1.0, 2.0, 3.0, 1.0)


def test_each_setting_names_its_source(folder):
    found = find_sources({"GEMCHAIN_GRACE": "2"})
    assert set(found.source) == set(Settings.names())
    assert [found.source[name] for name in ("grace", "lease", "poll")] == [
        Source.ENVIRONMENT,
        Source.FILE,
        Source.DEFAULT,
    ]
    assert found.file == folder / "gemchain.toml"


def test_without_configure_the_file_applies_too(folder):
    program = "import gemchain; from gemchain.runtime import active; print(active().settings.lease)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "1.0\n"


def test_a_script_finds_the_file_beside_it_from_any_folder(folder, tmp_path_factory):
    (folder / "script.py").write_text("import gemchain\nprint(gemchain.configure().settings.lease)\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, str(folder / "script.py")]
    told = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
    assert told.stdout == "1.0\n"


def test_the_folder_of_an_installed_program_is_not_the_applications(folder, monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "__file__", str(Path(sys.executable).with_name("gemchain")), raising=False)
    assert folders_of("") == [folder]
    monkeypatch.setattr(main, "__file__", str(folder / "app" / "main.py"))
    assert folders_of("") == [folder / "app", folder]


def test_the_folder_that_is_named_as_the_applications_comes_first(folder):
    (folder / "app").mkdir()
    assert current_settings(application=str(folder / "app")).lease == 1.0
    (folder / "app" / "pyproject.toml").write_text("[tool.gemchain]\nlease = 5")
    assert current_settings(application=str(folder / "app")).lease == 5.0
    assert find_sources({"GEMCHAIN_APPLICATION": "app"}).settings.lease == 5.0


def test_a_wrong_value_names_the_variable_or_the_file(folder):
    with pytest.raises(ConfigurationError, match=r"^GEMCHAIN_GRACE: setting 'grace' takes float, not 'soon'"):
        find_sources({"GEMCHAIN_GRACE": "soon"})
    (folder / "gemchain.toml").write_text("lease = -1")
    with pytest.raises(ConfigurationError, match=r"gemchain\.toml: setting 'lease' cannot be negative"):
        find_sources({})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lane": "drect"}, "setting 'lane' is one of 'batch', 'flex'"),
        ({"concurrency": 0}, "is at least 1, not 0"),
    ],
)
def test_a_value_with_which_nothing_would_be_sent_is_refused(given, words):
    with pytest.raises(ConfigurationError, match=words):
        Settings().changed(**given)
