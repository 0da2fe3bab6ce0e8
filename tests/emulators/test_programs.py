"""Stand-ins as programs: each says where it is, serves, and ends when it is told to."""

import re
import signal
import subprocess
import sys

import httpx2
import pytest


@pytest.mark.parametrize(
    ("name", "variable"),
    [("anthropic", "ANTHROPIC_BASE_URL"), ("mistral", "GEMCHAIN_MISTRAL_ENDPOINT")],
)
def test_a_stand_in_serves_as_a_program_until_it_is_told_to_stop(name, variable):
    command = [sys.executable, "-m", f"gemchain.emulators.{name}", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        url = re.search(rf"{variable}=(http://127\.0\.0\.1:\d+)$", program.stdout.readline().strip()).group(1)
        headers = {"x-api-key": "k", "authorization": "Bearer k"}
        assert httpx2.get(f"{url}/v1/models", headers=headers).status_code == 200
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0


@pytest.mark.parametrize("name", ["anthropic", "mistral"])
def test_faults_that_nobody_knows_are_refused_in_one_line(name):
    command = [sys.executable, "-m", f"gemchain.emulators.{name}", "--port", "0", "--faults", "fialed=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "no simulated fault is called 'fialed'; did you mean 'failed'?"
    ]
