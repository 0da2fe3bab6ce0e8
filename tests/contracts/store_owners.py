"""What `Store` promises of owners: whose work a process is shown, and the records of runs."""

from datetime import timedelta

from gemchain.records import Run, Usage, queue_name
from gemchain.records.states import BatchState, ChainState, PromptState
from tests.contracts.store_samples import MODEL, PROVIDER, ROOM

P = PromptState


def started(given, owner, *names, **fields):
    """One chain of an owner for each prompt."""
    units = [
        given.start_unit(f"c-{each}", each, chain_fields={"owner": owner}, owner=owner, **fields)
        for each in names
    ]
    given.store.commit(units)
    return given.read(*names)


class OwnerContract:
    def test_a_chain_and_its_prompts_keep_their_owner(self, given):
        (prompt,) = started(given, "mine", "p1")
        assert (prompt.owner, given.store.chains(["c-p1"])["c-p1"].owner) == ("mine", "mine")
        moved = given.move(given.read("p1")[0], P.CANCELLED)
        assert moved.owner == "mine"

    def test_the_queue_of_an_owner_is_its_own(self, given):
        started(given, "mine", "p1", "p2")
        started(given, "theirs", "p3")
        started(given, "", "p4")
        found = {each.queue: each.ready for each in given.store.queues()}
        assert found == {
            queue_name("batch", PROVIDER, MODEL, "mine"): 2,
            queue_name("batch", PROVIDER, MODEL, "theirs"): 1,
            queue_name("batch", PROVIDER, MODEL): 1,
        }

    def test_a_view_shows_the_queues_of_its_owners(self, given):
        started(given, "mine", "p1")
        started(given, "theirs", "p2")
        started(given, "", "p3")
        view = given.store.owned_by({"mine", ""})
        assert {each.queue for each in view.queues()} == {
            queue_name("batch", PROVIDER, MODEL, "mine"),
            queue_name("batch", PROVIDER, MODEL),
        }
        assert len(given.store.owned_by(None).queues()) == 3
        assert given.store.owned_by(set()).queues() == []

    def test_a_claim_takes_the_prompts_of_the_batchs_owner_alone(self, given):
        started(given, "mine", "p1")
        started(given, "theirs", "p2")
        batch = given.plan(owner="mine")
        assert [row.prompt_id for row in given.store.claim(batch, limit=10, max_bytes=ROOM)] == ["p1"]
        assert given.store.batches(["b1"])["b1"].owner == "mine"

    def test_a_view_shows_the_batches_and_parts_of_its_owners(self, given):
        mine, theirs = given.plan("b1", owner="mine"), given.plan("b2", owner="theirs")
        for batch in (mine, theirs):
            given.arrived(batch, parts=1)
        view = given.store.owned_by({"mine"})
        assert [each.id for each in view.open_batches()] == ["b1"]
        assert [each.id for each in view.list_batches()] == ["b1"]
        assert [each.id for each in view.list_batches(limit=1)] == ["b1"]
        assert {each.batch_id for each in view.open_parts()} == {"b1"}
        assert {each.batch_id for each in given.store.open_parts()} == {"b1", "b2"}

    def test_counters_of_a_view_are_those_of_its_owners(self, given):
        started(given, "mine", "p1", "p2")
        started(given, "theirs", "p3")
        (first,) = given.read("p1")
        given.claim(given.plan(owner="mine"))
        (first,) = given.read("p1")
        ending = given.end("c-p1", owner="mine")
        spent = Usage(10, 5, 0.5, 1.0)
        unit = given.unit(first, P.DONE, usage=spent)
        given.store.commit([unit.__class__(unit.token, moves=unit.moves, ending=ending)])
        mine = given.store.owned_by({"mine"}).counters()
        assert dict(mine.prompts) == {P.DONE: 1, P.CLAIMED: 1}
        assert dict(mine.chains) == {ChainState.DONE: 1, ChainState.RUNNING: 1}
        assert dict(mine.batches) == {BatchState.PLANNED: 1}
        assert mine.usage == spent
        theirs = given.store.owned_by({"theirs"}).counters()
        assert dict(theirs.prompts) == {P.QUEUED: 1}
        everyone = given.store.counters()
        assert dict(everyone.prompts) == {P.DONE: 1, P.CLAIMED: 1, P.QUEUED: 1}
        assert everyone.usage == spent

    def test_steps_are_counted_by_the_function_that_gets_the_answer(self, given):
        started(given, "mine", "p1", "p2", callback="articles:draft")
        started(given, "mine", "p3", callback="value:articles:later@2")
        started(given, "mine", "p4")
        given.move(given.read("p1")[0], P.CANCELLED)
        failed = given.move(given.read("p2")[0], P.FAILED)
        mine = given.store.owned_by({"mine"})
        counted = {"draft": (2, 2), "later": (1, 0), "(result)": (1, 0)}
        assert mine.counters().steps == counted
        given.move(failed, P.QUEUED)
        assert mine.counters().steps == counted | {"draft": (2, 1)}

    def test_answers_that_wait_are_shown_to_their_owners(self, given):
        for owner, name in (("theirs", "p1"), ("theirs", "p2"), ("mine", "p3")):
            started(given, owner, name)
            given.claim(given.plan(f"b-{name}", owner=owner))
            given.move(given.read(name)[0], P.ANSWERED)
        view = given.store.owned_by({"mine"})
        assert [each.id for each in view.due_answers(limit=1)] == ["p3"]
        assert view.next_answer_at() is not None
        assert given.store.owned_by({"nobody"}).next_answer_at() is None
        assert len(given.store.due_answers(limit=10)) == 3

    def test_overdue_prompts_are_shown_to_their_owners(self, given):
        soon = given.clock.now() + timedelta(seconds=5)
        started(given, "theirs", "p1", "p2", deadline_at=soon)
        started(given, "mine", "p3", deadline_at=soon)
        given.clock.advance(10)
        assert [each.id for each in given.store.owned_by({"mine"}).overdue(limit=1)] == ["p3"]

    def test_waits_that_are_over_are_shown_to_their_owners(self, given):
        for owner, name in (("theirs", "p1"), ("mine", "p2")):
            wait = given.start_unit(
                f"c-{name}",
                name,
                chain_fields={"owner": owner},
                owner=owner,
                kind="chain",
                provider="",
                model="",
                key="gone",
            )
            (drafted,) = wait.drafts
            waiting = drafted.prompt.standing(drafted.prompt.progress.__class__(P.WAITING))
            given.store.commit([wait.__class__(wait.token, wait.chain, (drafted._replace(prompt=waiting),))])
        assert [each.id for each in given.store.owned_by({"mine"}).ended_waits(limit=1)] == ["p2"]

    def test_marked_chains_are_shown_to_their_owners(self, given):
        for owner, name in (("theirs", "p1"), ("mine", "p2")):
            (prompt,) = started(given, owner, name)
            given.move(prompt, P.CANCELLED, unsettled=True)
        assert given.store.owned_by({"mine"}).unsettled_chains(limit=1) == ["c-p2"]

    def test_chains_are_listed_by_owner(self, given):
        started(given, "mine", "p1", "p2", "p3")
        started(given, "theirs", "p4")
        started(given, "", "p5")
        given.store.commit([_cancelled(given, "p1")])
        listed = given.store.list_chains
        assert sorted(each.id for each in listed(owner="mine")) == ["c-p1", "c-p2", "c-p3"]
        assert [each.id for each in listed(owner="mine", state=ChainState.CANCELLED)] == ["c-p1"]
        assert [each.id for each in listed(owner="")] == ["c-p5"]
        pages, last = [], None
        while page := listed(owner="mine", limit=2, after=last):
            pages += [each.id for each in page]
            last = page[-1].id
        assert sorted(pages) == ["c-p1", "c-p2", "c-p3"]

    def test_a_run_is_recorded_once_and_continued(self, given):
        first = given.clock.now()
        run = Run(id="r1", function="a.py:f", input="/x", output="/y", created_at=first, begun_at=first)
        given.store.save_run(run)
        given.clock.advance(60)
        later = given.clock.now()
        given.store.save_run(
            Run(id="r1", function="a.py:f", input="/x", output="/z", created_at=later, begun_at=later)
        )
        (found,) = given.store.runs(["r1", "nobody"])
        assert (found.created_at, found.begun_at, found.output) == (first, later, "/z")

    def test_runs_are_listed_with_the_one_begun_last_first(self, given):
        for name in ("r1", "r2", "r3"):
            given.clock.advance(1)
            now = given.clock.now()
            given.store.save_run(Run(id=name, kind="program", created_at=now, begun_at=now))
        assert [each.id for each in given.store.runs()] == ["r3", "r2", "r1"]
        assert [each.id for each in given.store.runs(limit=1)] == ["r3"]


def _cancelled(given, name):
    (prompt,) = given.read(name)
    unit = given.unit(prompt, P.CANCELLED)
    ending = given.end(prompt.chain_id, ChainState.CANCELLED, owner=prompt.owner)
    return unit.__class__(unit.token, moves=unit.moves, ending=ending)
