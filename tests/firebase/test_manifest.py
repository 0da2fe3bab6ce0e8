"""The manifest that `firebase deploy` reads from the codebase, and the time that importing it takes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import gemchain

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FUNCTIONS = REPOSITORY / "functions"
CONFIG = '{"projectId": "demo-gemchain", "storageBucket": "demo-gemchain.appspot.com"}'
COLD_START = 1.2


def in_functions(program: str) -> str:
    """The output of a program that runs in the functions' folder, as firebase-tools runs its own."""
    environment = {**os.environ, "FIREBASE_CONFIG": CONFIG, "GCLOUD_PROJECT": "demo-gemchain"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FUNCTIONS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def manifest():
    program = (
        "from firebase_functions.private import serving as s; print(s.functions_as_yaml(s.get_functions()))"
    )
    return yaml.safe_load(in_functions(program))


def test_the_manifest_is_the_recorded_one(manifest):
    """After an intended change, replace `functions.yaml` with the YAML that the failure shows."""
    assert manifest == yaml.safe_load((HERE / "functions.yaml").read_text()), yaml.dump(manifest)


def test_every_function_requires_an_authenticated_caller(manifest):
    for name, endpoint in manifest["endpoints"].items():
        # Firebase makes only functions with an httpsTrigger and without an invoker public.
        invoker = endpoint.get("httpsTrigger", {"invoker": ["private"]})["invoker"]
        assert invoker == ["private"], name
        assert "callableTrigger" not in endpoint, name
    assert {"scheduleTrigger"} <= manifest["endpoints"]["gemchainSweep"].keys()
    assert "invoker" not in manifest["endpoints"]["gemchainDispatch"]["taskQueueTrigger"]


def test_the_stages_stay_inside_the_limits_of_the_platform():
    settings = dict(
        line.split("=", 1) for line in (FUNCTIONS / ".env").read_text().splitlines() if "=" in line[:40]
    )
    assert int(settings["GEMCHAIN_PART_SECONDS"]) <= 1800
    assert int(settings["GEMCHAIN_SCHEDULE_SECONDS"]) <= 1800
    assert int(settings["GEMCHAIN_EVENT_SECONDS"]) <= 540


@pytest.mark.parametrize(("seconds", "stops_after"), [(1800, 1500), (540, 270), (60, 30)])
def test_a_scheduled_function_stops_before_its_time_limit(seconds, stops_after):
    program = (
        f"import os; os.environ['GEMCHAIN_SCHEDULE_SECONDS'] = '{seconds}';"
        "import gemchain.firebase as f; from types import SimpleNamespace as S;"
        "from datetime import datetime;"
        "now = datetime(2026, 1, 1);"
        "print((f._stop_at(S(store=S(now=lambda: now))) - now).total_seconds())"
    )
    assert float(in_functions(program)) == stops_after


def test_every_parameter_but_the_bucket_is_in_the_env_file_so_that_a_deploy_asks_for_it_only(manifest):
    parameters = {each["name"] for each in manifest["params"] if each["type"] != "secret"}
    in_file = {line.split("=")[0] for line in (FUNCTIONS / ".env").read_text().splitlines()}
    assert parameters - in_file == {"GEMCHAIN_BUCKET"}


def test_importing_the_functions_is_quick_and_loads_no_service_client():
    program = (
        "import sys, time; began = time.process_time(); import main; print(time.process_time() - began);"
        "print(*[m for m in ('google.cloud.firestore', 'google.cloud.storage', 'google.cloud.aiplatform_v1',"
        " 'grpc', 'vertexai', 'google.genai', 'openai', 'sqlite3') if m in sys.modules])"
    )
    seconds, loaded = zip(*(in_functions(program).splitlines() for _ in range(2)), strict=True)
    assert set(loaded) == {""}
    assert min(float(each) for each in seconds) < COLD_START


def test_the_requirements_name_the_wheel_of_this_version():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["version"] == gemchain.__version__
    wheel = f"./vendor/gemchain-{gemchain.__version__}-py3-none-any.whl[firebase]"
    assert wheel in (FUNCTIONS / "requirements.txt").read_text().splitlines()


def test_the_main_file_stays_short():
    assert len((FUNCTIONS / "main.py").read_text().splitlines()) < 40
