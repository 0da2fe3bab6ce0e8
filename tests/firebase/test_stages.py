"""The bodies of the Cloud Functions without Firebase: on SQLite, with a waker that records its calls."""

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from gemchain.api.submission import prompt, submit_many
from gemchain.firebase.stages import (
    REMINDERS,
    BusyError,
    assemble_and_launch,
    collect_hinted,
    dispatch_hinted,
    look_hinted,
    sweep_up,
)
from gemchain.providers.output_files import output_folder
from gemchain.records import OutputFile, Part
from gemchain.records.states import BatchState, PartState
from gemchain.runtime import using
from gemchain.testing import embedded


class RecordingWaker:
    def __init__(self):
        self.parts = []
        self.batches = []

    def dispatch(self, part, /):
        self.parts.append(part.id)

    def look(self, batch, /):
        self.batches.append(batch.id)

    def hurry(self):
        pass


@pytest.fixture
def runtime(tmp_path):
    with embedded(tmp_path, grace=0, simulated_turnaround=60, lease=30, poll=1) as engine:
        runtime = replace(engine.runtime, waker=RecordingWaker())
        with using(runtime):
            yield runtime


@pytest.fixture
def sent(runtime):
    submit_many(prompt(f"number {each}", "simulated/x") for each in range(3))
    (batch,) = assemble_and_launch(runtime).batches
    assert batch.state is BatchState.SENT
    return batch


def output(batch):
    return f"gemchain/{output_folder(batch.id)}/prediction-model-1/predictions.jsonl"


def arrive(runtime, batch):
    runtime.clock.advance(60)
    (arrived,) = collect_hinted(runtime, output(batch)).batches
    return arrived


def test_an_output_makes_parts_and_a_task_for_each(runtime, sent):
    assert arrive(runtime, sent).state is BatchState.ARRIVED
    assert runtime.waker.parts == [f"{sent.id}-00000"]


def test_a_job_that_still_runs_when_its_output_appears_is_polled_again(runtime, sent):
    runtime.clock.advance(30)
    (arrived,) = collect_hinted(runtime, output(sent)).batches
    assert arrived.state is BatchState.ARRIVED


@pytest.mark.parametrize(
    "name",
    ["uploads/x.txt", "gemchain/batches/b0/input-1.jsonl", "gemchain/batches/b0/output/p/predictions.jsonl"],
)
def test_objects_that_are_not_the_output_of_a_known_batch_are_ignored(runtime, sent, name):
    assert collect_hinted(runtime, name).batches == []


def test_a_second_event_for_an_output_changes_nothing(runtime, sent):
    arrive(runtime, sent)
    assert collect_hinted(runtime, output(sent)).batches == []
    assert len(runtime.waker.parts) == 1


def test_a_task_for_a_batch_collects_it_and_a_second_one_finds_it_arrived(runtime, sent):
    runtime.clock.advance(60)
    (arrived,) = look_hinted(runtime, sent.id, runtime.store.now()).batches
    assert arrived.state is BatchState.ARRIVED
    assert runtime.waker.parts == [f"{sent.id}-00000"]
    assert look_hinted(runtime, sent.id, runtime.store.now()).batches == []
    assert runtime.store.batches([sent.id])[sent.id] == arrived


def test_a_task_dispatches_its_part_and_a_second_one_finds_it_done(runtime, sent):
    arrive(runtime, sent)
    part = dispatch_hinted(runtime, sent.id, f"{sent.id}-00000")
    assert part.state is PartState.DONE
    assert dispatch_hinted(runtime, sent.id, f"{sent.id}-00000") is None


def test_a_task_for_a_part_that_another_worker_holds_must_come_again(runtime, sent):
    arrive(runtime, sent)
    (part,) = runtime.store.open_parts(sent.id)
    until = runtime.store.now() + timedelta(seconds=30)
    runtime.store.save_part(replace(part, leased_until_at=until))
    with pytest.raises(BusyError, match=part.id):
        dispatch_hinted(runtime, sent.id, part.id)
    runtime.clock.advance(31)
    assert dispatch_hinted(runtime, sent.id, part.id).state is PartState.DONE


def test_without_any_event_or_task_the_sweep_finds_everything(runtime, sent):
    runtime.clock.advance(60)
    (arrived,) = sweep_up(runtime, runtime.store.now()).batches
    assert arrived.state is BatchState.ARRIVED
    runtime.waker.parts.clear()
    sweep_up(runtime, runtime.store.now())
    assert runtime.waker.parts == []  # just announced: its task may still arrive
    runtime.clock.advance(31)
    sweep_up(runtime, runtime.store.now())
    assert runtime.waker.parts == [f"{sent.id}-00000"]


def test_a_sweep_announces_only_some_parts_of_a_long_queue(runtime, sent):
    file = OutputFile("file:///x", 1, 1000)
    parts = [
        Part(id=f"{sent.id}-{each:05d}", batch_id=sent.id, index=each, file=file, start=each, end=each + 1)
        for each in range(REMINDERS + 50)
    ]
    arrived = replace(sent, state=BatchState.ARRIVED, arrived_at=runtime.store.now(), parts=len(parts))
    runtime.store.save_batch(arrived, parts=parts)
    with mock.patch.object(runtime.store, "batches", wraps=runtime.store.batches) as looked_up:
        sweep_up(runtime, runtime.store.now())
    assert (runtime.waker.parts, looked_up.call_count) == ([], 1)
    runtime.clock.advance(31)
    sweep_up(runtime, runtime.store.now())
    assert len(runtime.waker.parts) == REMINDERS
