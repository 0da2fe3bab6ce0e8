"""What every adapter of the `Provider` port must do. Subclasses bring a fixture called `service`.

Longer than 300 lines: it is the whole contract of one port.
"""

import abc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from gemchain.errors import ProviderRejectedError, RequestError
from gemchain.formats.gemini.finish_reasons import judge
from gemchain.formats.response import Response
from gemchain.ports import Blobs, Job, JobState, Provider, Row
from gemchain.records import Batch, InputRow
from gemchain.records.identity import batch_id, child_id, job_name
from gemchain.simulated.output import lines_of
from gemchain.testing import EPOCH, VirtualClock

TURNAROUND = 600.0
"""Seconds that a job of the service takes."""

MANY = 40


@dataclass(frozen=True, slots=True)
class Service:
    """A provider and the service behind it, on a clock that the test moves.

    Attributes:
        set_faults: Makes later jobs go wrong, as `failed=0.1,expired=1`; words of `gemini.faults`.
        jobs_named: How many jobs the service keeps under a display name.
    """

    provider: Provider
    blobs: Blobs
    clock: VirtualClock
    set_faults: Callable[[str], None]
    jobs_named: Callable[[str], int]
    model: str = "gemini-3.5-flash-lite"

    def hash(self, request: dict[str, Any]) -> str:
        """The hash by which a row without an id finds its prompt."""
        return self.provider.format(self.model).echo_hash(request)

    def batch(self, count: int = 3, requests: list[dict[str, Any]] | None = None) -> Batch:
        """A WRITTEN batch."""
        identity = batch_id()
        rows = requests or [asking(f"What is {number} and {number}?") for number in range(count)]
        planned = Batch(id=identity, provider=self.provider.name, model=self.model, created_at=EPOCH)
        name = f"batches/{identity}/input-1.jsonl"
        with self.blobs.writer(name) as out:
            for place, request in enumerate(rows):
                row = InputRow(child_id(identity, place), orjson.dumps(request).decode())
                out.write(self.provider.input_line(planned, row))
        info = self.blobs.stat(self.blobs.uri(name))
        assert info is not None
        return replace(
            planned,
            requests=len(rows),
            size=info.size,
            input_uri=info.uri,
        )

    def sent(self, batch: Batch) -> Batch:
        return replace(batch, job=self.provider.create(batch).name)

    def landed(self, batch: Batch) -> Job:
        """The job after its time."""
        sent = batch if batch.job else self.sent(batch)
        self.clock.advance(TURNAROUND + 1)
        return self.provider.poll(sent)

    def lines(self, job: Job) -> list[bytes]:
        return [
            line
            for file in job.output
            for line in lines_of(self.blobs.stream(file.uri, generation=file.generation))
        ]

    def rows(self, job: Job) -> list[Row]:
        return [self.provider.read_row(line) for line in self.lines(job)]


def asking(text: str, **fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def ids(batch: Batch) -> set[str]:
    return {child_id(batch.id, place) for place in range(batch.requests)}


def named(rows: list[Row]) -> Counter[str | None]:
    return Counter(row.prompt_id for row in rows)


def how_it_ends(service: Service, batch: Batch) -> str:
    """The words of a refusal or of a failed job."""
    try:
        job = service.landed(batch)
    except ProviderRejectedError as error:
        return str(error)
    return job.failure.message if job.failure and job.state is JobState.FAILED else "rows"


REFUSED = [
    {},
    {"contents": []},
    {"contents": [{"role": "system", "parts": [{"text": "x"}]}]},
    {"contents": [{"role": "user", "parts": []}]},
    {"contents": [{"role": "user", "parts": [{"text": ""}]}]},
    {"contents": [{"role": "user", "parts": "x"}]},
    asking("x", labels={"Upper": "x"}),
    asking("x", temperature=0.5),
]


class ProviderContract(abc.ABC):
    echoes_requests = True
    """Whether an output row carries the request."""

    keeps_finished_rows = True
    """Whether a job that expired or was cancelled delivers the rows it had finished."""

    takes_labels = True
    """Whether requests may carry labels."""

    @property
    def labels(self) -> dict[str, Any]:
        return {"labels": {"team": "red"}} if self.takes_labels else {}

    def test_a_file_becomes_a_part_that_the_service_can_read(self, service, tmp_path):
        file = tmp_path / "note.txt"
        file.write_bytes(b"a note")
        provider = service.provider
        attached = provider.attach(file)
        assert provider.attach(file) == attached
        composed = provider.format(service.model).compose([file], attach=provider.attach)
        provider.check(service.model, composed.request)
        content = attached.data if attached.uri is None else service.blobs.read(attached.uri)
        assert (attached.mime_type, content) == ("text/plain", b"a note")

    @pytest.fixture
    @abc.abstractmethod
    def service(self) -> Service:
        """A provider and its service, whose jobs take TURNAROUND seconds and have no faults."""

    def test_a_job_runs_until_its_time_and_then_delivers_a_row_for_every_prompt(self, service):
        batch = service.sent(service.batch(3))
        assert service.provider.poll(batch).state is JobState.RUNNING
        job = service.landed(batch)
        assert job.state is JobState.LANDED
        assert job.failure is None
        assert named(service.rows(job)) == Counter(ids(batch))

    def test_every_row_carries_an_answer_that_counts_as_one(self, service):
        for row in service.rows(service.landed(service.batch(3))):
            assert row.failure is None
            assert judge(row.body) is None
            assert Response(row.body).text
            assert row.body["usageMetadata"]["promptTokenCount"] > 0

    def test_the_files_it_reports_are_the_files_that_are_there(self, service):
        for file in service.landed(service.batch(3)).output:
            info = service.blobs.stat(file.uri)
            assert (info.uri, info.generation, info.size) == file

    def test_asking_again_after_the_end_gives_the_same_rows(self, service):
        batch = service.sent(service.batch(5))
        first = service.landed(batch)
        again = service.provider.poll(batch)
        assert again.output == first.output
        assert again.state is JobState.LANDED

    def test_a_job_is_found_by_the_name_of_its_batch(self, service):
        batch = service.batch()
        assert service.provider.find(batch) is None
        created = service.provider.create(batch)
        service.clock.advance(service.provider.listing_lag)
        assert service.provider.find(batch).name == created.name

    def test_the_job_of_another_batch_is_never_found(self, service):
        service.provider.create(service.batch())
        service.clock.advance(service.provider.listing_lag)
        assert service.provider.find(service.batch()) is None

    def test_creating_twice_makes_two_jobs_so_it_is_for_the_caller_to_look_first(self, service):
        batch = service.batch()
        first, second = service.provider.create(batch), service.provider.create(batch)
        assert first.name != second.name
        assert service.jobs_named(job_name(batch.id)) == 2
        service.clock.advance(service.provider.listing_lag)
        assert service.provider.find(batch).name in {first.name, second.name}

    def test_a_job_that_was_found_is_polled_like_one_that_was_created(self, service):
        batch = service.batch()
        service.provider.create(batch)
        service.clock.advance(service.provider.listing_lag)
        adopted = replace(batch, job=service.provider.find(batch).name)
        assert named(service.rows(service.landed(adopted))) == Counter(ids(batch))

    def test_a_job_that_is_over_is_found_with_its_rows(self, service):
        batch = service.sent(service.batch())
        service.landed(batch)
        found = service.provider.find(batch)
        assert found.state is JobState.LANDED
        assert named(service.rows(found)) == Counter(ids(batch))

    def test_two_batches_do_not_meet(self, service):
        one, other = service.sent(service.batch(2)), service.sent(service.batch(2))
        assert named(service.rows(service.landed(one))) == Counter(ids(one))
        assert named(service.rows(service.landed(other))) == Counter(ids(other))

    @pytest.mark.parametrize("text", ['"labels"', "line\nbreak", "\u2028 é 日本 😀", '\\"}', "x" * 5000])
    def test_any_text_goes_out_and_comes_back(self, service, text):
        batch = service.batch(requests=[asking(text), asking(text, **self.labels)])
        rows = service.rows(service.landed(batch))
        assert named(rows) == Counter(ids(batch))
        if self.echoes_requests:
            assert [row.request["contents"][0]["parts"][0]["text"] for row in rows] == [text, text]

    def test_an_input_line_names_its_prompt_and_hashes_like_its_request(self, service):
        request = asking("x", **self.labels)
        line = service.provider.input_line(service.batch(1), InputRow("p1", orjson.dumps(request).decode()))
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        prompt_id, sent = service.provider.read_input(line)
        assert (prompt_id, service.hash(sent)) == ("p1", service.hash(request))

    @pytest.mark.parametrize("request_", REFUSED, ids=repr)
    def test_what_the_service_would_refuse_is_refused_before_it_is_recorded(self, service, request_):
        with pytest.raises(RequestError):
            service.provider.check(service.model, request_)

    def test_what_the_service_would_take_is_taken(self, service):
        config = {"generation_config": {"temperature": 0.2}, **self.labels}
        service.provider.check(service.model, asking("x", **config))
        service.provider.check(
            service.model, asking("x", systemInstruction={"parts": [{"text": "Be short."}]})
        )

    def test_a_row_that_failed_says_why_and_whether_to_try_again(self, service):
        service.set_faults("failed=0.5,refused=0.5")
        rows = service.rows(service.landed(service.batch(MANY)))
        assert {row.failure.reason for row in rows} == {"error"}
        assert {row.failure.retryable for row in rows} == {True, False}
        assert all(len(row.failure.message) > 10 for row in rows)
        assert all(row.body is None for row in rows)

    def test_a_row_with_a_bad_role_fails_in_the_words_of_the_service(self, service):
        bad = {"contents": [{"role": "system", "parts": [{"text": "x"}]}]}
        rows = service.rows(service.landed(service.batch(requests=[bad, asking("x")])))
        failures = [row.failure for row in rows if row.failure]
        assert len(failures) == 1
        assert "valid role: user, model" in failures[0].message
        assert not failures[0].retryable

    @pytest.mark.parametrize("fault", ["blocked", "truncated", "empty"])
    def test_an_answer_that_is_not_usable_is_no_error_of_the_row(self, service, fault):
        service.set_faults(f"{fault}=1")
        rows = service.rows(service.landed(service.batch(MANY)))
        assert all(row.failure is None for row in rows)
        assert {judge(row.body).reason for row in rows} == {fault}

    def test_rows_may_be_missing_doubled_or_broken_and_the_others_are_read(self, service):
        service.set_faults("missing=0.2,malformed=0.2,duplicated=0.2")
        batch = service.batch(MANY)
        rows, broken = [], 0
        for line in service.lines(service.landed(batch)):
            try:
                rows.append(service.provider.read_row(line))
            except ValueError:
                broken += 1
        found = named(rows)
        assert broken
        assert set(found) < ids(batch)
        assert max(found.values()) == 2

    def test_rows_without_a_name_are_known_by_what_they_echo(self, service):
        if not self.echoes_requests:
            pytest.skip("this service echoes the key and nothing else")
        service.set_faults("keyless=1,unlabelled=1,nulls=0.5")
        config = {"generation_config": {"max_output_tokens": 5}, "labels": {"team": "red"}}
        batch = service.batch(requests=[asking(f"number {number}", **config) for number in range(10)])
        lines = lines_of(service.blobs.stream(batch.input_uri))
        prompts = {service.hash(sent): prompt for prompt, sent in map(service.provider.read_input, lines)}
        rows = service.rows(service.landed(batch))
        assert {row.prompt_id for row in rows} == {None}
        assert {prompts[service.hash(row.request)] for row in rows} == ids(batch)

    def test_rows_with_only_a_label_name_their_prompt(self, service):
        if not self.echoes_requests:
            pytest.skip("this service echoes the key and nothing else")
        service.set_faults("keyless=1")
        batch = service.batch(5)
        assert named(service.rows(service.landed(batch))) == Counter(ids(batch))

    @pytest.mark.parametrize("fault", ["expired", "cancelled", "partial"])
    def test_a_job_that_ends_early_delivers_what_it_finished_and_says_why(self, service, fault):
        service.set_faults(f"{fault}=1")
        batch = service.batch(MANY)
        job = service.landed(batch)
        assert job.failure.reason == "job"
        assert job.failure.retryable
        if self.keeps_finished_rows:
            assert job.state is JobState.LANDED
            assert set(named(service.rows(job))) < ids(batch)
        else:
            assert job.state is JobState.FAILED

    def test_a_job_that_failed_delivers_nothing_and_says_why(self, service):
        service.set_faults("job_failed=1")
        job = service.landed(service.batch())
        assert job.state is JobState.FAILED
        assert job.output == ()
        assert job.failure.reason == "job"
        assert job.failure.message

    def test_a_failed_job_gives_way_to_a_later_one_of_the_same_name(self, service):
        service.set_faults("job_failed=1")
        batch = service.batch()
        service.landed(service.sent(batch))
        service.set_faults("")
        later = service.provider.create(batch)
        service.clock.advance(service.provider.listing_lag)
        assert service.provider.find(batch).name == later.name

    def test_cancelling_ends_the_job_early_with_the_rows_that_are_finished(self, service):
        batch = service.sent(service.batch(MANY))
        service.clock.advance(TURNAROUND / 2)
        service.provider.cancel(batch)
        service.clock.advance(TURNAROUND / 4)  # while it still would run
        job = service.provider.poll(batch)
        assert job.state is not JobState.RUNNING
        assert "cancel" in job.failure.message
        assert set(named(service.rows(job))) < ids(batch)

    def test_cancelling_a_job_that_is_over_changes_nothing(self, service):
        batch = service.sent(service.batch(3))
        service.landed(batch)
        service.provider.cancel(batch)
        assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))

    def test_a_job_that_is_not_there_is_refused_by_name(self, service):
        batch = service.sent(service.batch())
        lost = replace(batch, job=batch.job[:-4] + "9999")
        with pytest.raises(ProviderRejectedError, match=lost.job[-8:]):
            service.provider.poll(lost)

    def test_an_input_that_is_not_there_never_becomes_rows(self, service):
        batch = service.batch()
        service.blobs.delete(batch.input_uri)
        outcome = how_it_ends(service, batch)
        assert batch.input_uri.rpartition("/")[2] in outcome

    @pytest.mark.parametrize("line", [b"", b"{", b"[]", b"1", b'"x"', b"{}", b'{"key": "p1"}', b"\xff\xfe"])
    def test_what_is_no_row_is_refused(self, service, line):
        with pytest.raises(ValueError, match=r"."):
            service.provider.read_row(line)

    def test_limits_leave_room_for_a_request(self, service):
        limits = service.provider.limits
        assert limits.max_requests > 1
        assert 0 < limits.max_request_bytes <= limits.max_bytes
