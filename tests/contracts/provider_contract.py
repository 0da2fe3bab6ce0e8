"""What every adapter of the `Provider` port must do. Subclasses bring the fixtures `service` and `refused`.

What a test asks and reads goes through the format of the service's model, so the promises are the same for
every provider. What only services of one format promise stands in a subclass, as `gemini_batches_contract`.

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
from gemchain.ports import Blobs, Format, Job, JobState, Options, Provider, Row
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
        set_faults: Makes later jobs go wrong, as `failed=0.1,expired=1`; words of `simulated.faults`.
        jobs_named: How many jobs the service keeps under a display name.
    """

    provider: Provider
    blobs: Blobs
    clock: VirtualClock
    set_faults: Callable[[str], None]
    jobs_named: Callable[[str], int]
    model: str

    @property
    def format(self) -> Format:
        """The wire format of its model."""
        return self.provider.format(self.model)

    def asking(self, text: str, **options: Any) -> dict[str, Any]:
        """A request with this text, and with these of `Options`."""
        return self.format.compose(text, options=Options(**options)).request

    def hash(self, request: dict[str, Any]) -> str:
        """The hash by which a row without an id finds its prompt."""
        return self.format.echo_hash(request)

    def batch(self, count: int = 3, requests: list[dict[str, Any]] | None = None) -> Batch:
        """A WRITTEN batch."""
        identity = batch_id()
        rows = requests or [self.asking(f"What is {number} and {number}?") for number in range(count)]
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


def ids(batch: Batch) -> set[str]:
    return {child_id(batch.id, place) for place in range(batch.requests)}


def named(rows: list[Row]) -> Counter[str | None]:
    return Counter(row.prompt_id for row in rows)


def answered(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.failure is None]


def how_it_ends(service: Service, batch: Batch) -> str:
    """The words of a refusal or of a failed job."""
    try:
        job = service.landed(batch)
    except ProviderRejectedError as error:
        return str(error)
    return job.failure.message if job.failure and job.state is JobState.FAILED else "rows"


class ProviderContract(abc.ABC):
    keeps_finished_rows = True
    """Whether a job that expired or was cancelled delivers the rows it had finished."""

    early_ends = frozenset({"expired", "cancelled", "partial"})
    """Faults by which jobs of this service end early."""

    takes_temperature = True
    """Whether a request may say how much answers vary."""

    row_reasons = frozenset({"rate", "server", "rejected"})
    """What may be the reason of a row's failure."""

    bad_row: tuple[dict[str, Any], str] | None = None
    """A request that the service refuses in its row, and words by which it does so."""

    @pytest.fixture
    @abc.abstractmethod
    def service(self) -> Service:
        """A provider and its service, whose jobs take TURNAROUND seconds and have no faults."""

    @pytest.fixture
    @abc.abstractmethod
    def refused(self) -> dict[str, Any]:
        """A request that is refused before it is recorded; mostly several, as the fixture's params."""

    def test_a_file_becomes_a_part_that_the_service_can_read(self, service, tmp_path):
        file = tmp_path / "note.txt"
        file.write_bytes(b"a note")
        provider = service.provider
        attached = provider.attach(file)
        assert provider.attach(file) == attached
        composed = service.format.compose([file], attach=provider.attach)
        provider.check(service.model, composed.request)
        content = attached.data if attached.uri is None else service.blobs.read(attached.uri)
        assert (attached.mime_type, content) == ("text/plain", b"a note")

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
            assert service.format.judge(row.body) is None
            assert service.format.text(row.body)
            assert service.format.usage(row.body).input > 0
            assert service.format.usage(row.body).output > 0

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
        batch = service.batch(requests=[service.asking(text), service.asking(text, system="Be short.")])
        rows = service.rows(service.landed(batch))
        assert named(rows) == Counter(ids(batch))
        assert all(row.failure is None for row in rows)

    def test_an_input_line_names_its_prompt_and_hashes_like_its_request(self, service):
        request = service.asking("x", system="Be short.")
        line = service.provider.input_line(service.batch(1), InputRow("p1", orjson.dumps(request).decode()))
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        prompt_id, sent = service.provider.read_input(line)
        assert (prompt_id, service.hash(sent)) == ("p1", service.hash(request))

    def test_what_the_service_would_refuse_is_refused_before_it_is_recorded(self, service, refused):
        with pytest.raises(RequestError):
            service.provider.check(service.model, refused)

    def test_what_the_service_would_take_is_taken(self, service):
        service.provider.check(service.model, service.asking("x"))
        settings = {"temperature": 0.2} if self.takes_temperature else {}
        service.provider.check(service.model, service.asking("x", max_output_tokens=9, **settings))
        service.provider.check(service.model, service.asking("x", system="Be short."))

    def test_a_row_that_failed_says_why_and_whether_to_try_again(self, service):
        service.set_faults("failed=0.5,refused=0.5")
        batch = service.batch(MANY)
        rows = service.rows(service.landed(batch))
        assert named(rows) == Counter(ids(batch))
        assert {row.failure.reason for row in rows} <= self.row_reasons
        assert {row.failure.retryable for row in rows} == {True, False}
        assert all(len(row.failure.message) > 10 for row in rows)
        assert all(row.body is None for row in rows)

    def test_answers_and_errors_are_read_alike_whichever_file_they_come_in(self, service):
        service.set_faults("failed=0.5")
        batch = service.batch(MANY)
        rows = service.rows(service.landed(batch))
        assert named(rows) == Counter(ids(batch))
        assert {row.failure is None for row in rows} == {True, False}
        assert all((row.body is None) is (row.failure is not None) for row in rows)

    def test_a_bad_request_fails_in_the_words_of_the_service_and_alone(self, service):
        if self.bad_row is None:
            pytest.skip("this service refuses no single row")
        bad, words = self.bad_row
        rows = service.rows(service.landed(service.batch(requests=[bad, service.asking("x")])))
        (failure,) = [row.failure for row in rows if row.failure]
        assert words in failure.message
        assert not failure.retryable
        assert len(rows) == 2

    @pytest.mark.parametrize("fault", ["blocked", "truncated", "empty"])
    def test_an_answer_that_is_not_usable_is_no_error_of_the_row(self, service, fault):
        service.set_faults(f"{fault}=1")
        rows = service.rows(service.landed(service.batch(MANY)))
        assert all(row.failure is None for row in rows)
        assert {service.format.judge(row.body).reason for row in rows} == {fault}

    def test_rows_may_be_missing_doubled_or_broken_and_the_others_are_read(self, service):
        service.set_faults("missing=0.3,malformed=0.3,duplicated=0.6")
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

    @pytest.mark.parametrize("fault", ["expired", "cancelled", "partial"])
    def test_a_job_that_ends_early_delivers_what_it_finished_and_says_why(self, service, fault):
        if fault not in self.early_ends:
            pytest.skip(f"no job of this service ends as {fault}")
        service.set_faults(f"{fault}=1")
        batch = service.batch(MANY)
        job = service.landed(batch)
        assert job.failure.reason == "job"
        assert job.failure.retryable
        if self.keeps_finished_rows:
            assert job.state is JobState.LANDED
            assert set(named(answered(service.rows(job)))) < ids(batch)
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
        assert set(named(answered(service.rows(job)))) < ids(batch)

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
