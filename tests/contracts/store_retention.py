"""What `Store` promises of removing what ended long ago."""

from dataclasses import replace
from datetime import timedelta

from gemchain.records import ChainMove, Forgotten, Progress
from gemchain.records.arguments import arguments_of, fingerprint
from gemchain.records.states import BatchState, ChainState, PartState, PromptState
from tests.contracts.store_samples import APPLIED, CONFLICT, ids

P, C, B = PromptState, ChainState, BatchState


def ended(given, chain_id, after=C.DONE, *, key=None, state=P.DONE, batch=None, **fields):
    """A chain of two prompts that ended just now; its batch is closed."""
    one, two = f"{chain_id}-1", f"{chain_id}-2"
    given.start(chain_id, one, chain_fields={"key": key, "args": '{"secret":1}'}, **fields)
    holder = given.plan(batch or f"b-{chain_id}")
    assert given.claim(holder) == [one]
    first = given.move(given.read(one)[0], P.DONE, two)
    assert first.progress.batch_id == holder.id
    (last,) = given.read(two)
    move = given.unit(last, state)
    unit = replace(move, ending=given.end(chain_id, after, result='"fine"'))
    assert given.store.commit([unit]) == [APPLIED]
    given.save(holder, B.WRITTEN, B.SENT, B.ARRIVED, B.CLOSED, closed_at=given.clock.now())


def total(removed):
    chains, kept_keys, prompts = 0, 0, 0
    for each in removed:
        chains, kept_keys, prompts = chains + each.chains, kept_keys + each.kept_keys, prompts + each.prompts
    return Forgotten(chains, kept_keys, prompts)


def forget(given, **options):
    """What goes when everything that ended before now may go."""
    return total(given.store.forget_chains(given.clock.now(), **options))


class RetentionContract:
    def test_a_chain_that_ended_before_goes_with_all_its_prompts(self, given):
        ended(given, "c1")
        given.clock.advance(1)
        assert forget(given) == Forgotten(chains=1, prompts=2)
        store = given.store
        assert store.chains(["c1"]) == store.prompts(["c1-1", "c1-2"]) == store.requests(["c1-1"]) == {}
        assert store.find_ids("c1") == store.list_chains() == store.list_prompts(state=P.DONE) == []
        assert forget(given) == Forgotten()

    def test_every_way_to_end_counts(self, given):
        ended(given, "c1", C.DONE)
        ended(given, "c2", C.FAILED, state=P.FAILED)
        ended(given, "c3", C.CANCELLED, state=P.CANCELLED)
        given.clock.advance(1)
        assert forget(given) == Forgotten(chains=3, prompts=6)

    def test_a_younger_chain_stays(self, given):
        ended(given, "old")
        given.clock.advance(10)
        ended(given, "young")
        given.clock.advance(10)
        before = given.clock.now() - timedelta(seconds=15)
        assert total(given.store.forget_chains(before)) == Forgotten(chains=1, prompts=2)
        assert ids(given.store.list_chains()) == ["young"]

    def test_what_is_open_or_parked_stays_for_ever(self, given):
        ended(given, "parked", C.FAILED, state=P.PARKED)
        ended(given, "waiting", C.FAILED, state=P.FAILED, kind="wait")
        (sent_back,) = given.read("waiting-2")
        given.move(sent_back, P.WAITING)
        given.start("running", "r1")
        given.clock.advance(10**9)
        assert forget(given) == forget(given, keys=True) == Forgotten()
        assert sorted(ids(given.store.list_chains())) == ["parked", "running", "waiting"]

    def test_a_chain_that_another_waits_for_stays_until_that_has_its_result(self, given):
        ended(given, "awaited")
        waits = {"kind": "chain", "key": "awaited", "progress": Progress(P.WAITING)}
        (waiting,) = given.start("c2", "w1", **waits)
        given.clock.advance(1)
        assert forget(given) == Forgotten()
        given.move(waiting, P.DONE)
        assert forget(given) == Forgotten(chains=1, prompts=2)

    def test_a_wait_for_a_chain_that_is_not_there_has_ended(self, given):
        waits = {"kind": "chain", "key": "nobody", "progress": Progress(P.WAITING)}
        given.start("c1", "w1", **waits)
        assert ids(given.store.ended_waits(limit=10)) == ["w1"]

    def test_a_chain_stays_while_an_open_batch_holds_one_of_its_prompts(self, given):
        given.start("c1", "p1")
        batch = given.plan()
        given.claim(batch)
        (claimed,) = given.read("p1")
        unit = replace(given.unit(claimed, P.CANCELLED), ending=given.end("c1", C.CANCELLED))
        assert given.store.commit([unit]) == [APPLIED]
        given.clock.advance(1)
        assert forget(given) == Forgotten()
        given.save(batch, B.CLOSED, closed_at=given.clock.now())
        assert forget(given) == Forgotten(chains=1, prompts=1)

    def test_a_chain_with_a_marked_prompt_stays_until_somebody_has_looked(self, given):
        ended(given, "c1", C.FAILED, state=P.FAILED)
        (failed,) = given.read("c1-2")
        (sent_back,) = [given.move(failed, P.QUEUED)]
        marked = given.move(sent_back, P.CANCELLED, unsettled=True)
        given.clock.advance(1)
        assert forget(given) == Forgotten()
        given.store.settle([marked])
        assert forget(given) == Forgotten(chains=1, prompts=2)

    def test_a_chain_with_a_key_keeps_its_record_and_result_and_cannot_be_started_twice(self, given):
        ended(given, "c1", key="article-17")
        given.clock.advance(1)
        assert forget(given) == Forgotten(kept_keys=1, prompts=2)
        assert forget(given) == Forgotten(), "a second run finds nothing left of it"
        found = given.store.chains(["c1"])["c1"]
        assert (found.key, found.state, found.result) == ("article-17", C.DONE, '"fine"')
        assert list(given.store.chain_prompts("c1")) == []
        again = given.start_unit("c1", "c1-1", chain_fields={"key": "article-17"})
        assert given.store.commit([replace(again, token="again")]) == [CONFLICT]

    def test_the_arguments_go_and_a_fingerprint_tells_whether_others_are_the_same(self, given):
        ended(given, "c1", key="one")
        ended(given, "c2", key="two")
        ended(given, "c3")
        given.clock.advance(1)
        forget(given)
        found = given.store.chains(["c1", "c2", "c3"])
        assert found.keys() == {"c1", "c2"}
        kept = found["c1"].args
        assert "secret" not in kept
        assert arguments_of(kept) is None
        assert fingerprint("c1", kept) == fingerprint("c1", '{"secret":1}') is not None
        assert fingerprint("c1", kept) != fingerprint("c1", '{"secret":2}')
        assert found["c2"].args != kept, "equal arguments of two chains do not show"

    def test_the_keys_go_too_when_asked_for(self, given):
        ended(given, "c1", key="article-17")
        ended(given, "c2", key="article-18")
        given.clock.advance(1)
        assert forget(given, keys=True) == Forgotten(chains=2, prompts=4)
        assert given.store.list_chains() == []

    def test_the_keys_that_stayed_can_go_later(self, given):
        ended(given, "c1", key="article-17")
        given.clock.advance(1)
        forget(given)
        assert forget(given, keys=True) == Forgotten(chains=1)
        assert given.store.chains(["c1"]) == {}

    def test_a_dry_run_tells_the_same_and_removes_nothing(self, given):
        ended(given, "c1")
        ended(given, "c2", key="two")
        given.clock.advance(1)
        told = forget(given, dry_run=True)
        assert told == forget(given, dry_run=True) == Forgotten(chains=1, kept_keys=1, prompts=4)
        assert forget(given) == told

    def test_the_tally_counts_what_ever_was(self, given):
        ended(given, "c1")
        ended(given, "c2", key="two")
        given.clock.advance(1)
        counters = given.store.counters()
        forget(given)
        for batch in given.store.unused_batches(given.clock.now()):
            given.store.forget_batch(batch)
        assert given.store.counters() == counters
        given.start("c3", "p1")
        assert given.store.counters().prompts == {P.DONE: 4, P.QUEUED: 1}

    def test_a_failed_chain_that_went_back_to_work_stays_however_long_ago_it_failed(self, given):
        ended(given, "c1", C.FAILED, state=P.FAILED)
        (failed,) = given.read("c1-2")
        revived = replace(given.unit(failed, P.QUEUED), ending=ChainMove("c1", C.FAILED, C.RUNNING))
        assert given.store.commit([revived]) == [APPLIED]
        given.clock.advance(10**9)
        assert forget(given, keys=True) == Forgotten()

    def test_a_batch_is_unused_once_no_prompt_carries_its_id(self, given):
        ended(given, "c1")
        given.start("c2", "p1")
        given.clock.advance(1)
        store, now = given.store, given.clock.now()
        assert list(store.unused_batches(now)) == []
        store.forget_batch(store.batches(["b-c1"])["b-c1"])
        assert store.batches(["b-c1"]), "a batch that a prompt carries is never removed"
        forget(given)
        assert ids(store.unused_batches(now)) == ["b-c1"]
        assert list(store.unused_batches(now - timedelta(seconds=5))) == []
        for batch in store.unused_batches(now):
            store.forget_batch(batch)
            store.forget_batch(batch)
        assert store.batches(["b-c1"]) == {}
        assert list(store.unused_batches(now)) == store.list_batches() == []

    def test_a_batch_goes_with_its_parts_and_an_open_one_never(self, given):
        open_one = given.plan("b2")
        batch = given.arrived(given.plan("b1"), parts=3)
        for part in given.store.open_parts("b1"):
            given.store.save_part(replace(part, state=PartState.DONE))
        given.store.forget_batch(batch)
        given.store.forget_batch(open_one)
        assert sorted(given.store.batches(["b1", "b2"])) == ["b1", "b2"]
        assert len(given.store.batch_parts("b1")) == 3
        closed = given.save(batch, B.CLOSED, closed_at=given.clock.now())
        given.clock.advance(1)
        assert ids(given.store.unused_batches(given.clock.now())) == ["b1"]
        given.store.forget_batch(closed)
        assert given.store.batches(["b1", "b2"]).keys() == {"b2"}
        assert given.store.batch_parts("b1") == []

    def test_thousands_of_chains_go_in_one_call(self, given):
        given.queue(*(f"p{n}" for n in range(300)))
        given.claim(given.plan())
        at = given.clock.now()
        claimed = given.read(*(f"p{n}" for n in range(300)))
        units = [replace(given.unit(each, P.DONE), ending=given.end(each.chain_id)) for each in claimed]
        assert set(given.store.commit(units)) == {APPLIED}
        holder = given.store.open_batches()[0]
        given.save(holder, B.CLOSED, closed_at=at)
        given.clock.advance(1)
        assert forget(given) == Forgotten(chains=300, prompts=300)
        assert given.store.list_chains() == []

    def test_a_chain_of_thousands_of_prompts_goes_as_well(self, given):
        names = [f"p{n}" for n in range(2_300)]
        unit = given.start_unit("c1", *names, progress=Progress(P.DONE))
        unit = replace(unit, chain=replace(unit.chain, state=C.DONE, ended_at=given.clock.now()))
        assert given.store.commit([unit]) == [APPLIED]
        given.clock.advance(1)
        assert forget(given) == Forgotten(chains=1, prompts=2_300)
        assert list(given.store.chain_prompts("c1")) == []

    def test_what_was_removed_is_never_taken_for_what_came_after(self, given):
        given.start("c1", "p1")
        holder = given.plan()
        given.claim(holder)
        (stale,) = given.read("p1")
        unit = replace(given.unit(stale, P.DONE), ending=given.end("c1"))
        assert given.store.commit([unit]) == [APPLIED]
        given.save(holder, B.CLOSED, closed_at=given.clock.now())
        given.clock.advance(1)
        assert forget(given) == Forgotten(chains=1, prompts=1)
        given.start("c2", "p2")
        given.claim(given.plan("b2"))
        late = given.unit(stale, P.FAILED, token="late")
        assert given.store.commit([late]) == [CONFLICT]
        assert given.state("p2") is P.CLAIMED

    def test_the_store_tells_its_space_or_that_it_cannot(self, given):
        ended(given, "c1")
        before = given.store.space()
        given.store.compact()
        after = given.store.space()
        assert (before is None) is (after is None)
        assert before is None or 0 <= before.free <= before.size
        assert given.read("c1-1")

    def test_two_that_remove_at_once_remove_each_chain_once(self, given, elsewhere):
        for number in range(5):
            ended(given, f"c{number}")
        given.clock.advance(1)
        other = elsewhere()
        one, two = (each.forget_chains(given.clock.now()) for each in (given.store, other))
        told = [next(one, Forgotten()), *two, *one]
        assert total(told) == Forgotten(chains=5, prompts=10)
        assert given.store.list_chains() == []
        other.close()
