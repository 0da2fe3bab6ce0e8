"""What is removed, what stays for those who need it, and what a crash or somebody else in between leaves."""

from dataclasses import replace
from datetime import timedelta

import pytest

import gemchain
from gemchain.api import forks
from gemchain.engine.drive import drive
from gemchain.engine.operations.retention import forget, would_forget
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import using
from gemchain.testing import VirtualClock, embedded
from tests.apps import flows, kept
from tests.support.crashing import Crash, Fuse, Fused

NOTHING = timedelta(0)
MONTH = timedelta(days=30)


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        yield engine


def later(engine, days=31):
    engine.clock.advance(days * 86_400)


def ran(engine, *chains):
    engine.run()
    later(engine)
    return chains


def names(engine):
    return sorted(info.uri.partition("/files/")[2] for info in engine.runtime.blobs.list(""))


def ids(engine):
    return {each.id for each in engine.runtime.store.list_chains()}


def test_a_chain_goes_with_its_batches_and_all_of_their_files(engine):
    ran(engine, gemchain.start(flows.outline, "a"))
    assert {name.split("/")[0] for name in names(engine)} == {"batches", "simulated"}
    removed = forget(engine.runtime, MONTH)
    assert (removed.chains, removed.prompts, removed.batches) == (1, 2, 2)
    assert removed.files == 6, "an input, an output and a simulated job for each batch"
    assert names(engine) == []
    assert engine.runtime.store.list_batches() == []
    assert forget(engine.runtime, MONTH) == replace(removed, **dict.fromkeys(removed.__slots__, 0))


def test_a_file_that_a_late_process_adds_during_the_removal_goes_as_well(engine, monkeypatch):
    ran(engine, gemchain.start(flows.outline, "a"))
    blobs = engine.runtime.blobs
    delete, late = blobs.delete, []

    def delete_while_another_writes(uri):
        delete(uri)
        if "predictions" in uri and not late:
            late.append(blobs.put(uri.partition("/files/")[2].replace("predictions", "late"), b"rows"))

    monkeypatch.setattr(blobs, "delete", delete_while_another_writes)
    forget(engine.runtime, MONTH)
    assert late
    assert names(engine) == []


def test_the_files_of_a_batch_stay_as_long_as_any_prompt_needs_them(engine):
    old = gemchain.start(flows.outline, "a")
    waiting = gemchain.start(kept.answers_then_waits, "b")
    ran(engine)
    forget(engine.runtime, MONTH)
    assert ids(engine) == {waiting.id}
    assert old.id not in ids(engine)
    gemchain.resume(waiting, "c")
    assert (
        waiting.result() == flows.echo({"contents": [{"parts": [{"text": "b and c"}]}]}) or waiting.result()
    )
    assert waiting.status().state is ChainState.DONE


def test_a_dry_run_reports_and_removes_nothing(engine):
    ran(engine, gemchain.start(flows.outline, "a"), gemchain.start(flows.outline, "b", key="b"))
    before = names(engine)
    told = would_forget(engine.runtime, MONTH)
    assert names(engine) == before
    assert len(ids(engine)) == 2
    assert forget(engine.runtime, MONTH) == told


def test_a_parked_chain_and_what_it_needs_stay_for_ever(engine, monkeypatch):
    chain = gemchain.start(flows.outline, "a")
    with monkeypatch.context() as patch:
        patch.delattr(flows, "draft")
        engine.runtime.continuations._functions.clear()
        engine.run()
    assert chain.status().parked
    later(engine, 10_000)
    forget(engine.runtime, NOTHING, keys=True)
    assert chain.retry() == 1
    assert chain.result() == "DRAFT A FROM (OUTLINE A)"
    assert chain.status().prompts == {PromptState.DONE: 2}


def test_a_key_still_finds_its_chain_and_nothing_is_paid_twice(engine):
    chain, *_ = ran(engine, gemchain.start(flows.outline, "a", key="k"))
    before, result = engine.runtime.store.counters(), chain.result()
    forget(engine.runtime, MONTH)
    again = gemchain.start(flows.outline, "a", key="k")
    engine.run()
    assert (again.id, again.result()) == (chain.id, result)
    assert again.status().prompts == {}
    assert again.retry() == 0
    assert engine.runtime.store.counters() == before
    forget(engine.runtime, MONTH, keys=True)
    anew = gemchain.start(flows.outline, "a", key="k")
    assert anew.result() == result
    assert engine.runtime.store.counters() != before


def test_a_program_that_started_a_chain_does_not_pay_for_it_again_when_it_goes_on_weeks_later(engine):
    chain, *_ = ran(engine, gemchain.start(kept.asks_a_person_in_between, "a"))
    (other,) = ids(engine) - {chain.id}
    sent = sum(engine.runtime.store.counters().prompts.values())
    assert forget(engine.runtime, MONTH).kept_keys == 1
    gemchain.resume(chain, "good")
    assert chain.result() == ["DRAFT A FROM (OUTLINE A)", "good"]
    assert list(engine.runtime.store.chain_prompts(other)) == [], "it did not run again"
    assert sum(engine.runtime.store.counters().prompts.values()) == sent + 1, "one await more, and no request"


def test_a_chain_that_another_awaits_stays_until_the_other_has_its_value(engine):
    first = gemchain.start(flows.outline, "a")
    second = gemchain.start(kept.awaits, first.id)
    looks = []

    def remove():
        engine.clock.advance(0.001)
        if first.status().state is ChainState.DONE and second.status().state is ChainState.RUNNING:
            looks.append(forget(engine.runtime, NOTHING).chains)

    drive(engine.runtime, watch=remove)
    assert looks
    assert set(looks) == {0}
    assert second.result() == first.result()


def test_awaiting_a_chain_that_was_removed_fails_readably_and_does_not_wait_for_ever(engine):
    first, second = ran(engine, gemchain.start(flows.outline, "a"), gemchain.start(kept.awaits, "c-nobody"))
    with pytest.raises(gemchain.ChainFailedError, match="there is no chain c-nobody"):
        second.result()
    third = gemchain.start(kept.waits_then_awaits, first.id)
    engine.run()
    later(engine)
    forget(engine.runtime, MONTH)
    gemchain.resume(third, None)
    with pytest.raises(gemchain.ChainFailedError, match="never started, or `gemchain gc` removed it"):
        third.result()


def test_a_fork_keeps_the_answers_it_took_over_from_being_removed(engine):
    chain, *_ = ran(engine, gemchain.start(flows.outline, "a"))
    prompts = {each.depth: each for each in engine.runtime.store.chain_prompts(chain.id)}
    fork = chain.fork(prompts[1].id)
    forget(engine.runtime, MONTH)
    assert ids(engine) == {fork.id}
    assert fork.result() == "DRAFT A FROM (OUTLINE A)"
    assert names(engine), "the answers of the first prompt lie where they lay"
    later(engine)
    forget(engine.runtime, MONTH)
    assert names(engine) == []


def test_a_fork_of_a_chain_that_is_removed_at_this_moment_is_taken_back(engine, monkeypatch):
    chain, *_ = ran(engine, gemchain.start(flows.outline, "a"))
    (first, *_) = engine.runtime.store.chain_prompts(chain.id)
    unit = forks._unit

    def removed_meanwhile(*arguments):
        made = unit(*arguments)
        forget(engine.runtime, MONTH)
        return made

    monkeypatch.setattr(forks, "_unit", removed_meanwhile)
    with pytest.raises(gemchain.ChainNotFoundError, match=r"removed .* while it was being forked"):
        chain.fork(first.id)
    assert [each.state for each in engine.runtime.store.list_chains()] == [ChainState.CANCELLED]
    engine.run()
    assert engine.runtime.store.counters().prompts.get(PromptState.QUEUED, 0) == 0


class Dying(Fused):
    """A store that dies between two commits of one removal, too."""

    def forget_chains(self, *args, **kwargs):
        for removed in self._inner.forget_chains(*args, **kwargs):
            yield self._fuse.pass_through("forget_chains", lambda told=removed: told)


def dying(runtime, fuse):
    store = Dying(runtime.store, fuse, ("forget_batch",))
    return replace(runtime, store=store, blobs=Fused(runtime.blobs, fuse, ("delete",)))


def lived(folder, fuse=None):
    """A month after a run of five chains, one of which waits: removed, if need be by a second process."""
    with embedded(folder, responder=flows.echo, clock=VirtualClock()) as engine:
        chains = [gemchain.start(flows.outline, word, key=word if word == "a" else None) for word in "abcd"]
        waiting = gemchain.start(kept.answers_then_waits, "e")
        ran(engine)
        if fuse is not None:
            try:
                with using(dying(engine.runtime, fuse)) as runtime:
                    forget(runtime, MONTH)
            except Crash:
                forget(engine.runtime, MONTH)
        left = {
            "chains": {each.key or each.function for each in engine.runtime.store.list_chains()},
            "result": chains[0].result(),
            "batches": len(engine.runtime.store.list_batches()),
            "files": [name.split("/")[0] for name in names(engine)],
        }
        gemchain.resume(waiting, "f")
        return left | {"waited": waiting.result()}


def test_a_removal_that_dies_at_any_write_is_finished_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("gemchain.stores.sqlite.retention.GROUP", 2)
    fuse = Fuse()
    undisturbed = lived(tmp_path / "undisturbed", fuse)
    assert len(undisturbed["chains"]) == 2
    assert undisturbed["batches"] == 1, "that of the chain which waits"
    assert fuse.count == 8
    for at in range(fuse.count):
        for after in (False, True):
            assert lived(tmp_path / f"{at}-{after}", Fuse(at, after=after)) == undisturbed


def test_driving_goes_on_while_everything_that_ends_is_removed_at_once(tmp_path):
    """Removal after every piece of work, of everything that has ended: nothing open is ever touched."""
    with embedded(tmp_path, responder=flows.echo, part_bytes=2_000, max_batch_requests=7) as engine:
        chains = [gemchain.start(flows.outline, f"{n}", key=f"{n}") for n in range(20)]
        chains += [gemchain.start(flows.fork, f"f{n}", key=f"f{n}") for n in range(5)]
        unkeyed = [gemchain.start(flows.outline, f"u{n}") for n in range(5)]

        def remove():
            engine.clock.advance(0.001)
            forget(engine.runtime, NOTHING)

        drive(engine.runtime, watch=remove)
        remove()
        assert ids(engine) == {each.id for each in chains}
        assert not ids(engine) & {each.id for each in unkeyed}
        assert {each.status().state for each in chains} == {ChainState.DONE}
        assert chains[0].result() == "DRAFT 0 FROM (OUTLINE 0)"
        assert names(engine) == []
        counters = engine.runtime.store.counters()
        assert counters.chains == {ChainState.DONE: 30}
        assert set(counters.prompts) == {PromptState.DONE}
