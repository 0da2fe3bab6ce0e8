"""The types that `configure` declares are those of the settings."""

import inspect
import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import gemchain
from gemchain.base.setting_types import Folder, SettingsOptions
from gemchain.errors import ConfigurationError
from gemchain.settings import TABLES, Settings
from gemchain.testing import embedded


def test_every_setting_has_a_type_for_configure_and_no_other_name_has():
    hints = get_type_hints(SettingsOptions)
    types = {each.name: each.type for each in fields(Settings)}
    assert list(hints) == list(types)
    differing = {name for name in types if hints[name] not in (types[name], Folder, str | dict[str, Any])}
    assert differing == set()


def test_a_setting_that_takes_a_path_is_kept_as_text():
    folders = [name for name, hint in get_type_hints(SettingsOptions).items() if hint == Folder]
    assert "state" in folders
    for name in folders:
        assert getattr(Settings().changed(**{name: Path("there")}), name)
    assert set(get_args(Folder)) == {str, os.PathLike[str]}


def test_a_setting_that_takes_a_dict_is_kept_as_json():
    tables = [
        name
        for name, hint in get_type_hints(SettingsOptions).items()
        if dict in map(get_origin, get_args(hint))
    ]
    assert set(tables) == TABLES
    for name in tables:
        assert json.loads(getattr(Settings().changed(**{name: {"a": {"b": 1}}}), name)) == {"a": {"b": 1}}


@pytest.mark.parametrize("function", [gemchain.configure, embedded])
def test_configure_and_embedded_declare_their_settings(function):
    settings = inspect.signature(function).parameters["settings"]
    assert get_args(settings.annotation) == (SettingsOptions,)


def test_an_unknown_setting_is_still_refused_when_it_is_given(tmp_path):
    with pytest.raises(ConfigurationError, match="did you mean 'max_attempts'"):
        gemchain.configure(state=tmp_path, max_atempts=3)
