"""Who holds a lease, and whether that process is gone."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.base.process import is_gone, this_process
from gemchain.engine.batches.leases import abandoned, free
from gemchain.records import Part
from gemchain.testing import embedded
from tests.contracts.store_samples import OUTPUT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")

PRINT = "from gemchain.base.process import this_process; print(this_process(), flush=True); input()"


def test_this_process_is_not_gone():
    assert not is_gone(this_process())


def test_a_process_is_gone_when_it_has_ended_even_before_its_parent_noticed():
    with subprocess.Popen(
        [sys.executable, "-c", PRINT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        identity = child.stdout.readline().strip()
        assert not is_gone(identity)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        assert is_gone(identity)
    assert is_gone(identity)


def test_a_process_whose_id_another_one_has_by_now_is_gone():
    machine, pid, begun = this_process().split(":")
    assert is_gone(f"{machine}:{pid}:{int(begun) + 1}")


@pytest.mark.parametrize("text", [None, "", "nonsense", "::", "another machine:1:1"])
def test_of_anything_else_it_is_not_certain(text):
    assert not is_gone(text)


def test_a_lease_names_its_holder_on_this_machine_and_nobody_waits_for_a_dead_one(tmp_path):
    with embedded(tmp_path) as engine:
        runtime = engine.runtime
        assert runtime.process == this_process()
        part = Part(id="p", batch_id="b", index=0, file=OUTPUT, start=0, end=1)
        now = runtime.store.now()
        held = replace(part, leased_until_at=now + timedelta(hours=1), holder=this_process())
        assert not abandoned(held, now)
        machine, pid, _ = this_process().split(":")
        dead = replace(held, holder=f"{machine}:{pid}:0")
        assert abandoned(dead, now)
        assert not free(dead, now), "what may have left the machine waits for the lease"


def test_on_firestore_leases_name_nobody(monkeypatch):
    """Cloud Functions may look like one machine from inside."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    from gemchain.settings import Settings
    from gemchain.wiring import build

    assert build(Settings().changed(store="firestore://demo-nobody")).process is None
