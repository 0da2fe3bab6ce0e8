"""Environment variables that mean nothing are named, with the nearest name that does."""

import logging
import os
import subprocess
import sys

import pytest

from gemchain.configuration import variables
from gemchain.configuration.variables import DEPLOYMENT, unknown_variables, warn_of_unknown_variables


def test_known_variables_are_those_of_settings_and_deployments():
    assert unknown_variables({"GEMCHAIN_MAX_WAIT": "1", "GEMCHAIN_REGION": "x", "PATH": "/bin"}) == {}


def test_an_unknown_variable_comes_with_the_nearest_known_one_if_there_is_one():
    found = unknown_variables(["GEMCHAIN_MAX_WIAT", "GEMCHAIN_REGOIN", "GEMCHAIN_ZZZ"])
    assert found == {
        "GEMCHAIN_MAX_WIAT": "GEMCHAIN_MAX_WAIT",
        "GEMCHAIN_REGOIN": "GEMCHAIN_REGION",
        "GEMCHAIN_ZZZ": None,
    }


def test_each_is_warned_of_once(caplog, monkeypatch):
    monkeypatch.setattr(variables, "_warned", set())
    with caplog.at_level(logging.WARNING, "gemchain"):
        for _ in range(2):
            warn_of_unknown_variables({"GEMCHAIN_LAESE": "1"})
    assert caplog.messages == ["GEMCHAIN_LAESE is no setting and is ignored; did you mean GEMCHAIN_LEASE?"]


def test_a_program_that_configures_gemchain_twice_prints_the_warning_once_on_stderr(tmp_path):
    program = "import gemchain; gemchain.configure(); gemchain.configure()"
    environment = os.environ | {"GEMCHAIN_QQQ": "1"}
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    expected = "GEMCHAIN_QQQ is no setting and is ignored; `gemchain config` lists the settings\n"
    assert (told.stdout, told.stderr) == ("", expected)


def test_the_parameters_of_a_deployment_are_all_known():
    pytest.importorskip("firebase_functions")
    from gemchain.firebase import parameters

    named = {value.name for value in vars(parameters).values() if hasattr(value, "name")}
    ours = {name for name in named if isinstance(name, str) and name.startswith("GEMCHAIN_")}
    assert len(ours) > 5
    assert ours <= DEPLOYMENT | {"GEMCHAIN_SIGNING_KEY"}
    assert ours >= DEPLOYMENT
