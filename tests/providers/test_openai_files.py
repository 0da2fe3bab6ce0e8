"""How OpenAI's batches are found again, and how their files go up and come down."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.errors import ProviderUnavailableError
from tests.contracts.provider_contract import (
    MANY,
    TURNAROUND,
    ids,
    named,
)
from tests.support.openai_service import served


@pytest.fixture
def world(tmp_path, clock):
    with served(tmp_path, clock) as found:
        yield found


@pytest.fixture
def service(world):
    return world[0]


@pytest.fixture
def emulator(world):
    return world[1]


@pytest.fixture
def blobs(service):
    return service.blobs


def test_a_job_is_found_among_many_pages_and_the_search_ends_at_the_age_of_the_batch(service, emulator):
    service.provider.create(service.batch(1))
    client, (file,) = service.provider._opened(), emulator.files()

    def others(count):
        for _ in range(count):
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )

    others(210)
    service.clock.advance(7200)
    batch = replace(service.batch(1), created_at=service.clock.now())
    first = service.provider.create(batch)
    others(105)
    assert service.provider.find(batch).name == first.name
    asked = emulator.calls("GET", "/v1/batches")
    assert service.provider.find(replace(batch, id="b0")) is None
    assert emulator.calls("GET", "/v1/batches") - asked == 3  # of four pages


def test_an_upload_whose_job_never_came_to_be_is_used_by_the_next_attempt(service, emulator):
    batch = service.batch(2)
    client = service.provider._opened()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.batches, "create", _dies)
        with pytest.raises(KeyboardInterrupt):
            service.provider.create(batch)
    assert emulator.batches() == []
    service.provider.create(batch)
    inputs = [each for each in emulator.files() if each.purpose == "batch"]
    assert [each.id for each in inputs] == [each.input_file_id for each in emulator.batches()]


def _dies(**_):
    raise KeyboardInterrupt


def test_a_large_input_goes_up_and_its_rows_come_down(service):
    batch = service.batch(requests=[service.asking("x" * 1_000_000) for _ in range(10)])
    assert named(service.rows(service.landed(batch))) == Counter(ids(batch))


def test_an_upload_that_is_about_to_expire_is_not_used_again(service, emulator):
    batch = service.batch(2)
    service.provider.create(batch)
    service.clock.advance(timedelta(days=4).total_seconds())
    service.provider.create(replace(batch, create_at=service.clock.now()))
    assert len({each.input_file_id for each in emulator.batches()}) == 2


def test_input_files_expire_by_themselves(service, emulator):
    service.provider.create(service.batch(1))
    (file,) = emulator.files()
    assert file.expires_at - file.created_at == timedelta(days=5)


def test_a_job_whose_creation_was_answered_with_an_error_is_found_and_made_once(service, emulator):
    batch = service.batch(3)
    emulator.set_faults("create_lost=1,list_lag=50")
    with pytest.raises(ProviderUnavailableError, match="500"):
        service.provider.create(batch)
    assert service.provider.find(batch) is None
    service.clock.advance(service.provider.listing_lag)
    assert service.provider.find(batch).name == emulator.batches()[0].id
    assert len(emulator.batches()) == 1


def test_answers_and_errors_come_in_two_files_that_are_each_downloaded_once(service, blobs):
    service.set_faults("failed=0.5")
    batch = service.sent(service.batch(MANY))
    first = service.landed(batch)
    assert service.provider.poll(batch).output == first.output
    names = [each.uri for each in blobs.list(f"batches/{batch.id}/output/")]
    assert sorted(names) == sorted(each.uri for each in first.output)
    folders = [each.uri.rpartition(f"/{batch.job}/")[2].partition("/")[0] for each in first.output]
    assert folders == ["output", "errors"]


def test_a_download_that_breaks_in_the_middle_leaves_nothing_and_is_made_again(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND + 1)
    emulator.set_faults("cut=1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached to download"):
        service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    emulator.set_faults("")
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def test_a_download_that_is_shorter_than_the_service_says_is_made_again(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND + 1)
    client = service.provider._opened()
    shown = client.files.retrieve

    def asked_first(file):
        emulator.answer_next(b"<html>a proxy</html>")
        return told

    told = shown(service_output(client, batch))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.files, "retrieve", asked_first)
        with pytest.raises(ProviderUnavailableError, match="and 20 came"):
            service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def service_output(client, batch):
    return client.batches.retrieve(batch.job).output_file_id


def test_a_collector_that_dies_between_two_files_has_the_first_and_gets_the_second(service, blobs):
    service.set_faults("failed=0.5")
    batch = service.sent(service.batch(MANY))
    service.clock.advance(TURNAROUND + 1)
    writer, written = blobs.writer, []

    def dies_at_the_second(name):
        written.append(name)
        if len(written) == 2:
            raise KeyboardInterrupt
        return writer(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "writer", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            service.provider.poll(batch)
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 1
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 2
