"""Whole chains in the direct lane over real connections, while the service refuses, breaks and cuts."""

import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.emulators.refusals import Refusal
from gemchain.records.lanes import FLEX
from gemchain.testing import embedded

MODEL = "gemini-api/gemini-3.5-flash-lite"
MINUTE = 60


@pytest.fixture
def emulator():
    with GeminiApiEmulator() as emulator:
        yield emulator


@pytest.fixture
def engine(tmp_path, emulator):
    with embedded(
        tmp_path,
        clock=SystemClock(),
        gemini_api_endpoint=emulator.url,
        lane="direct",
        concurrency=16,
        flush=0.02,
        poll=0.05,
        grace=0,
        retry_delay=0.01,
    ) as engine:
        yield engine


def ask(number):
    gemchain.submit(f"What is {number}?", MODEL, ask_again, params={"number": number})


def ask_again(response, number):
    gemchain.submit(f"{number}, and then? {response.text}", MODEL, keep, params={"number": number})


def keep(response, number):
    return f"{number}: {bool(response.text)}"


def test_every_chain_ends_with_its_own_answers(engine, emulator):
    busy = Refusal(429, "RESOURCE_EXHAUSTED", "too many", {"Retry-After": "0.01"})
    broken = Refusal(500, "INTERNAL", "boom")
    for refusal in (busy, busy, broken, busy, broken):
        emulator.refuse_next(refusal)
    emulator.cut_next(times=3)
    chains = [gemchain.start(ask, number) for number in range(100)]
    assert engine.run(timeout=MINUTE)
    assert [each.result() for each in chains] == [f"{number}: True" for number in range(100)]
    assert all(batch.job is None for batch in engine.runtime.store.list_batches())
    assert emulator.batches() == []


def test_what_the_service_refuses_is_told_to_the_chain_and_the_others_go_on(engine, emulator):
    emulator.refuse_next(Refusal(400, "INVALID_ARGUMENT", "this one is wrong"))
    chains = [gemchain.start(ask, number) for number in range(5)]
    assert engine.run(timeout=MINUTE)
    (failed,) = [each for each in chains if each.status().failure]
    assert failed.status().failure.message.startswith("400")
    assert "this one is wrong" in failed.status().failure.message
    assert failed.status().failure.reason == "rejected"


def test_a_prompt_may_ask_for_the_flex_lane(engine):
    chain = gemchain.start(ask_flexibly)
    assert engine.run(timeout=MINUTE)
    assert chain.result() == "1: True"
    assert [each.lane for each in engine.runtime.store.list_batches()] == [FLEX]


def ask_flexibly():
    gemchain.submit("What?", MODEL, keep, params={"number": 1}, lane=FLEX)
