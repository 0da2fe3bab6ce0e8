"""Which prompt a row belongs to, whatever the service does to the rows.

Longer than 300 lines: rows with and without an id share their fixtures.
"""

import random
from dataclasses import replace

import orjson
import pytest

from gemchain.api.operations import cancel_chain
from gemchain.engine.batches.leases import free
from gemchain.engine.rows import correlation, unkeyed
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch, dispatch_part
from gemchain.errors import BlobNotFoundError, StoreUnavailableError
from gemchain.records import AnswerRef, OutputFile, RowCounts
from tests.apps import stages
from tests.support.scripted import answer, error, nameless

REQUEST = {
    "contents": [{"role": "user", "parts": [{"text": "a"}]}],
    "generation_config": {"top_p": 0.5, "stop_sequences": ["x_y"]},
    "system_instruction": {"parts": [{"text": "Be brief."}]},
}


def counts(**given):
    return RowCounts(**given)


@pytest.fixture
def ids(stand):
    """Three prompts that wait."""
    return stand.submit("a", "b", "c", callback=stages.take)


def results(stand, ids):
    """The results of the chains of these prompts."""
    return [orjson.loads(stand.chain(each).result or "null") for each in ids]


@pytest.fixture
def rows(stand, ids):
    """The batch of the three prompts, SENT, with a plain answer for each."""
    batch = stand.sent()
    return batch, list(stand.provider.rows(batch).values())


def land(stand, batch, lines, *files):
    stand.pass_time()
    stand.provider.land(batch, lines, *files)
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    return stand.batch(batch).counts


def test_rows_in_any_order_find_their_prompts(stand, ids, rows):
    batch, lines = rows
    random.Random(1).shuffle(lines)
    assert land(stand, batch, lines) == counts(done=3)
    assert results(stand, ids) == ["a", "b", "c"]


def test_a_row_that_does_not_come_sends_its_prompt_again(stand, ids, rows):
    batch, lines = rows
    assert land(stand, batch, lines[:2]) == counts(done=2, missing=1)
    assert stand.states(ids) == ["DONE", "DONE", "QUEUED"]
    assert stand.prompt(ids[2]).progress.failure.reason == "missing"


def test_a_row_that_comes_twice_counts_once(stand, ids, rows):
    batch, lines = rows
    assert land(stand, batch, [*lines, lines[0], lines[1], lines[0]]) == counts(done=3, duplicate=3)
    assert sorted(stages.calls) == ["a", "b", "c"]


def test_a_row_that_comes_again_in_a_later_group_counts_once(stand, ids, rows):
    stand.set(group=1)
    batch, lines = rows
    assert land(stand, batch, [*lines, *lines]) == counts(done=3, duplicate=3)
    assert sorted(stages.calls) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}", b'{"key":"x","response":7}', b'{"status":""}'],
)
def test_a_line_that_is_no_row_is_counted_and_passed_over(stand, ids, rows, line):
    batch, lines = rows
    assert land(stand, batch, [line, *lines, line]) == counts(done=3, malformed=2)


def test_a_row_cut_in_the_middle_sends_its_prompt_again(stand, ids, rows):
    batch, lines = rows
    assert land(stand, batch, [lines[0], lines[1][:-40], lines[2]]) == counts(done=2, malformed=1, missing=1)
    assert stand.states(ids) == ["DONE", "QUEUED", "DONE"]


def test_a_row_of_no_prompt_is_counted(stand, ids, rows):
    batch, lines = rows
    stranger = answer({**orjson.loads(lines[0]), "key": "p000"})
    unasked = nameless(answer({"key": "x", "request": {"contents": [{"parts": [{"text": "never asked"}]}]}}))
    assert land(stand, batch, [stranger, unasked, *lines]) == counts(done=3, unknown=2)


def test_a_row_without_a_name_and_without_a_request_is_unknown(stand, ids, rows):
    batch, lines = rows
    bare = orjson.loads(nameless(lines[0]))
    del bare["request"]
    assert land(stand, batch, [orjson.dumps(bare), *lines]) == counts(done=3, unknown=1)


def test_a_row_is_known_by_its_label_when_its_key_is_not_echoed(stand, ids, rows, monkeypatch):
    monkeypatch.setattr(correlation, "owners", None)
    batch, lines = rows
    keyless = [{name: value for name, value in orjson.loads(line).items() if name != "key"} for line in lines]
    assert land(stand, batch, map(orjson.dumps, keyless)) == counts(done=3)


def test_a_row_is_known_by_its_key_when_its_request_is_not_echoed(stand, ids, rows):
    batch, lines = rows
    bare = [{name: v for name, v in orjson.loads(line).items() if name != "request"} for line in lines]
    assert land(stand, batch, map(orjson.dumps, bare)) == counts(done=3)


@pytest.mark.parametrize("respelled", [False, True])
def test_rows_without_a_name_are_matched_by_what_they_echo(stand, ids, rows, respelled):
    batch, lines = rows
    lines = [nameless(line, respelled=respelled) for line in reversed(lines)]
    assert land(stand, batch, lines) == counts(done=3)
    assert results(stand, ids) == ["a", "b", "c"]


def test_a_request_with_settings_is_matched_in_the_services_own_spelling(stand):
    (prompt_id,) = stand.submit(REQUEST, callback=stages.take)
    batch = stand.sent()
    (line,) = stand.provider.rows(batch).values()
    echoed = nameless(line, respelled=True)
    assert b"generation_config" not in echoed
    assert b"null" in echoed
    assert land(stand, batch, [echoed]) == counts(done=1)
    assert results(stand, [prompt_id]) == ["a"]


def test_some_rows_may_have_names_and_others_not(stand, ids, rows):
    batch, lines = rows
    assert land(stand, batch, [nameless(lines[2]), lines[0], nameless(lines[1])]) == counts(done=3)
    assert results(stand, ids) == ["a", "b", "c"]


# Identical requests are interchangeable.


@pytest.fixture
def twins(stand):
    """Three prompts that ask the same, their batch, SENT, and an answer for each row."""
    ids = stand.submit("same", "same", "same", callback=stages.take)
    batch = stand.sent()
    lines = list(stand.provider.inputs(batch).values())
    texts = ("first", "second", "third")
    return ids, batch, [nameless(answer(line, text)) for line, text in zip(lines, texts, strict=True)]


def test_identical_requests_take_each_one_row(stand, twins):
    ids, batch, lines = twins
    assert land(stand, batch, lines) == counts(done=3)
    assert sorted(results(stand, ids)) == ["first", "second", "third"]


def test_identical_requests_in_groups_of_one_take_each_one_row(stand, twins):
    stand.set(group=1)
    ids, batch, lines = twins
    assert land(stand, batch, lines) == counts(done=3)
    assert sorted(results(stand, ids)) == ["first", "second", "third"]


def test_a_row_with_an_id_takes_its_prompt_before_rows_without_one(stand, twins):
    ids, batch, lines = twins
    named = answer(stand.provider.inputs(batch)[ids[0]], "mine")
    assert land(stand, batch, [*lines[:2], named]) == counts(done=3)
    assert results(stand, ids)[0] == "mine"


def test_one_row_too_many_for_identical_requests_is_a_duplicate(stand, twins):
    _, batch, lines = twins
    assert land(stand, batch, [*lines, lines[0]]) == counts(done=3, duplicate=1)


def test_a_failed_prompt_leaves_the_answers_to_those_with_the_same_request(stand, twins):
    ids, batch, lines = twins
    line = next(iter(stand.provider.inputs(batch).values()))
    assert land(stand, batch, [nameless(error(line)), *lines[:2]]) == counts(done=2, retried=1)
    assert sorted(stand.states(ids)) == ["DONE", "DONE", "QUEUED"]


def test_a_prompt_that_another_batch_holds_takes_no_row_of_those_with_the_same_request(stand, twins):
    """The first part fails one of them, which is sent again; then the rest of the output is dispatched."""
    ids, batch, lines = twins
    failed = nameless(error(next(iter(stand.provider.inputs(batch).values()))))
    stand.provider.land(batch, [failed], lines[:2])
    collect(stand.runtime)
    first, second = stand.store.open_parts(batch.id)
    dispatch_part(stand.runtime, first)
    stand.pass_time()
    again = stand.sent()
    assert again.requests == 1
    dispatch_part(stand.runtime, second)
    assert stand.batch(batch).counts == counts(done=2, retried=1)
    assert sorted(stand.states(ids)) == ["CLAIMED", "DONE", "DONE"]
    land(stand, again, stand.provider.rows(again).values())
    assert sorted(results(stand, ids)) == ["first", "same", "second"]


def test_two_parts_at_once_give_each_prompt_with_the_same_request_one_row(stand, twins):
    ids, batch, lines = twins
    stand.provider.land(batch, lines[:1], lines[1:])
    collect(stand.runtime)
    first, second = stand.store.open_parts(batch.id)
    stages.before_return.append(lambda: dispatch_part(stand.runtime, second))
    dispatch_part(stand.runtime, first)
    assert stand.states(ids) == ["DONE"] * 3
    assert sorted(results(stand, ids)) == ["first", "second", "third"]
    assert stand.batch(batch).counts == counts(done=3)


def test_a_part_that_is_dispatched_again_gives_every_prompt_the_row_it_had(stand, twins):
    stand.set(group=1)
    ids, batch, lines = twins
    stand.provider.land(batch, lines)
    collect(stand.runtime)
    stages.before_return += [lambda: None, interrupt]
    with pytest.raises(KeyboardInterrupt):
        list(dispatch(stand.runtime))
    before = {each: result for each, result in zip(ids, results(stand, ids), strict=True) if result}
    assert list(before.values()) == ["first"]
    list(dispatch(stand.runtime))
    after = dict(zip(ids, results(stand, ids), strict=True))
    assert sorted(after.values()) == ["first", "second", "third"]
    assert before.items() <= after.items()


def test_a_failed_row_sends_only_its_own_prompt_again(stand, twins):
    """The failed row comes first, and whoever dispatched it died before its twins had theirs."""
    stand.set(group=1)
    ids, batch, lines = twins
    failed = nameless(error(next(iter(stand.provider.inputs(batch).values()))))
    stand.provider.land(batch, [failed, *lines[:2]])
    collect(stand.runtime)
    stages.before_return.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(dispatch(stand.runtime))
    assert sorted(stand.states(ids)) == ["CLAIMED", "CLAIMED", "QUEUED"]
    list(dispatch(stand.runtime))
    assert sorted(stand.states(ids)) == ["DONE", "DONE", "QUEUED"]


def test_an_error_takes_no_turn_while_there_are_answers_in_whatever_part(stand, twins):
    ids, batch, lines = twins
    failed = nameless(error(next(iter(stand.provider.inputs(batch).values()))))
    assert land(stand, batch, [failed], lines) == counts(done=3, duplicate=1)
    assert sorted(results(stand, ids)) == ["first", "second", "third"]


@pytest.mark.parametrize("first", [False, True])
def test_an_answer_goes_before_an_error_of_the_same_prompt(stand, ids, rows, first):
    """The service may give a row twice, once as each; with a name, the first of them counts."""
    batch, lines = rows
    failed = nameless(error(next(iter(stand.provider.inputs(batch).values()))))
    both = [nameless(lines[0]), failed] if first else [failed, nameless(lines[0])]
    assert land(stand, batch, [*both, *lines[1:]]) == counts(done=3, duplicate=1)


def test_a_file_that_is_lost_holds_up_no_row_of_another(stand, twins):
    ids, batch, lines = twins
    stand.provider.land(batch, lines[:2], lines[2:])
    collect(stand.runtime)
    _, second = stand.store.open_parts(batch.id)
    stand.blobs.delete(second.file.uri)
    with pytest.raises(BlobNotFoundError):
        list(dispatch(stand.runtime))
    assert stand.states(ids) == ["DONE", "DONE", "CLAIMED"]


def test_a_part_is_held_while_the_whole_output_is_read(stand, twins, monkeypatch):
    monkeypatch.setattr(unkeyed, "HEARTBEAT_ROWS", 1)
    _, batch, lines = twins
    stand.provider.land(batch, lines)
    collect(stand.runtime)
    held = []
    real = stand.provider.read_row

    def slow(line):
        stand.clock.advance(stand.runtime.settings.lease * 0.4)
        held.append(not free(stand.store.open_parts(batch.id)[0], stand.store.now()))
        return real(line)

    stages.before_return.append(interrupt)
    monkeypatch.setattr(stand.provider, "read_row", slow)
    with pytest.raises(KeyboardInterrupt):
        list(dispatch(stand.runtime))
    assert len(held) == 6
    assert all(held[3:])


def test_what_was_found_in_a_copy_of_the_files_is_for_the_copy(stand, twins):
    ids, batch, lines = twins
    stand.provider.land(batch, lines)
    collect(stand.runtime)
    batch = stand.batch(batch)
    (file,) = batch.output
    row = stand.provider.read_row(lines[0])
    here = AnswerRef(file.uri, file.generation, 0, len(lines[0]))
    there = AnswerRef("file:///elsewhere", 1, 0, len(lines[0]))
    copy = replace(batch, output=(OutputFile(there.uri, there.generation, file.size),))
    assert unkeyed.owners(stand.runtime, batch, {here: row}, list).found == {here: ids[0]}
    stand.blobs.delete(stand.blobs.uri(f"batches/{batch.id}/turns-1.jsonl.txt"))
    assert unkeyed.owners(stand.runtime, copy, {there: row}, list).found == {there: None}


def interrupt():
    raise KeyboardInterrupt


# What was found out stays beside the input.


def beside(stand, batch, kind):
    """The lines of what was left there."""
    left = [info for info in stand.blobs.list(f"batches/{batch.id}/") if f"/{kind}-" in info.uri]
    return [stand.blobs.read(info.uri).decode().splitlines() for info in left]


def test_the_hashes_are_read_only_when_a_row_without_a_name_is_met(stand, ids, rows):
    batch, lines = rows
    land(stand, batch, lines)
    assert not beside(stand, batch, "manifest")


def test_the_hashes_are_left_for_the_others_beside_the_input(stand, ids, rows):
    batch, lines = rows
    land(stand, batch, map(nameless, lines))
    (manifest,) = beside(stand, batch, "manifest")
    assert [line.split()[1] for line in manifest] == ids


def test_the_whole_output_is_read_only_where_several_ask_the_same(stand, ids, rows):
    batch, lines = rows
    land(stand, batch, map(nameless, lines))
    assert not beside(stand, batch, "turns")


def test_the_turns_of_those_that_ask_the_same_are_left_for_the_others(stand, twins):
    ids, batch, lines = twins
    named = answer(stand.provider.inputs(batch)[ids[1]], "mine")
    land(stand, batch, [b"{", lines[0]], [named, lines[1], lines[2]])
    (turns,) = beside(stand, batch, "turns")
    assert turns == [f"0 2 {ids[0]}", f"1 {len(named) + 1} {ids[2]}"]


def test_a_damaged_turns_file_leaves_rows_without_a_prompt_and_no_prompt_without_an_end(stand, twins):
    ids, batch, lines = twins
    stand.blobs.put(f"batches/{batch.id}/turns-1.jsonl.txt", b"\xff\n\n0 0\n0 1 p000\nx y z\n")
    assert land(stand, batch, lines) == counts(duplicate=3, missing=3)
    assert stand.states(ids) == ["QUEUED"] * 3


def test_an_input_that_is_gone_leaves_rows_without_a_name_unknown(stand, ids, rows):
    batch, lines = rows
    stand.blobs.delete(batch.input_uri)
    assert land(stand, batch, [nameless(lines[0]), *lines[1:]]) == counts(done=2, unknown=1, missing=1)


def test_late_rows_of_an_older_attempt_are_dropped_and_counted(stand, ids):
    first = stand.arrived([])
    stand.pass_time()
    assert stand.batch(first).counts == counts(missing=3)
    stand.pass_time()
    second = stand.sent()
    late = stand.provider.rows(second)
    strangers = [answer(orjson.loads(line), "late") for line in late.values()]
    stand.submit("d")
    stand.pass_time()
    third = stand.sent()
    assert land(stand, third, [*strangers, *stand.provider.rows(third).values()]) == counts(done=1, late=3)
    assert stand.states(ids) == ["CLAIMED"] * 3
    assert land(stand, second, late.values()) == counts(done=3)
    assert results(stand, ids) == ["a", "b", "c"]


def test_rows_of_a_cancelled_prompt_are_late(stand, ids, rows):
    batch, lines = rows
    cancel_chain(stand.store, stand.prompt(ids[1]).chain_id)
    assert land(stand, batch, lines) == counts(done=2, late=1)
    assert stand.states(ids) == ["DONE", "CANCELLED", "DONE"]


def test_a_store_that_is_away_is_not_taken_for_a_row_that_is_unknown(stand, ids, rows):
    batch, lines = rows
    stand.provider.land(batch, lines)
    collect(stand.runtime)

    def away():
        raise StoreUnavailableError("away")

    with pytest.raises(StoreUnavailableError):
        list(dispatch(stand.interrupted("prompts", away)))
    list(dispatch(stand.runtime))
    assert stand.batch(batch).counts == counts(done=3)
