"""The file of settings: where it is found, what it may hold, and what is refused."""

import pytest

from gemchain.configuration.file import find_file
from gemchain.errors import ConfigurationError


def own(folder, text):
    (folder / "gemchain.toml").write_text(text, encoding="utf-8")


def project(folder, text):
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def values(*folders):
    return find_file(folders).values


def test_settings_stand_at_the_top_of_gemchain_toml(tmp_path):
    own(tmp_path, 'max_wait = 60\nlocation = "eu"\nretry_delay = 0.5')
    assert values(tmp_path) == {"max_wait": 60, "location": "eu", "retry_delay": 0.5}


def test_settings_stand_in_a_table_of_pyproject_toml(tmp_path):
    project(tmp_path, '[project]\nname = "x"\n[tool.gemchain]\nmax_attempts = 7')
    assert values(tmp_path) == {"max_attempts": 7}


@pytest.mark.parametrize("text", ['[project]\nname = "gemchain-app"', "[tool]", "broken ="])
def test_a_pyproject_without_the_table_is_no_file_of_settings(tmp_path, text):
    project(tmp_path, text)
    assert find_file([tmp_path]) is None


def test_the_file_of_the_first_folder_that_has_one_is_taken(tmp_path):
    folders = [tmp_path / name for name in ("empty", "first", "second")]
    for folder in folders:
        folder.mkdir()
    own(folders[1], "lease = 1")
    own(folders[2], "lease = 2")
    assert find_file(folders).path == folders[1] / "gemchain.toml"


def test_settings_in_both_files_of_one_folder_are_refused(tmp_path):
    own(tmp_path, "lease = 1")
    project(tmp_path, "[tool.gemchain]\nlease = 2")
    with pytest.raises(ConfigurationError, match=r"in gemchain\.toml and in \[tool\.gemchain\].*move them"):
        find_file([tmp_path])


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path):
    own(tmp_path, 'state = "kept"\nprices = "/etc/prices.toml"\napplication = ""\nstore = "firestore://p"')
    assert values(tmp_path) == {
        "state": str(tmp_path / "kept"),
        "prices": "/etc/prices.toml",
        "application": "",
        "store": "firestore://p",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_wiat = 3", "no setting is called 'max_wiat'; did you mean 'max_wait'"),
        ("max-wait = 3", "no setting is called 'max-wait'; did you mean 'max_wait'"),
        ("qqq = 3", "no setting is called 'qqq'; `gemchain config` lists them"),
        (
            "[tool.gemchain]\nmax_wait = 3",
            r"\[tool\] is no setting; in gemchain.toml settings stand at the top",
        ),
        ('max_attempts = "3"', "'max_attempts' is a whole number, not '3'"),
        ("max_attempts = 3.5", "'max_attempts' is a whole number, not 3.5"),
        ("max_attempts = true", "'max_attempts' is a whole number, not True"),
        ("max_wait = true", "'max_wait' is a number, not True"),
        ("state = 3", "'state' is a text in quotes, not 3"),
        ('signing_key = "sixteen letters and more"', "is a secret.* set GEMCHAIN_SIGNING_KEY"),
        ("max_wait = ", "is not TOML: "),
    ],
)
def test_what_is_wrong_is_refused_with_the_file_and_what_to_do(tmp_path, text, message):
    own(tmp_path, text)
    with pytest.raises(ConfigurationError, match=message) as error:
        find_file([tmp_path])
    assert str(error.value).startswith(str(tmp_path / "gemchain.toml"))
    assert "sixteen letters" not in str(error.value)


def test_a_table_that_is_no_table_is_refused(tmp_path):
    project(tmp_path, "[tool]\ngemchain = 3")
    with pytest.raises(ConfigurationError, match="a table of settings, not 3"):
        find_file([tmp_path])
