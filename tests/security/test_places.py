"""No address, name or path out of a record or a service leads out of the state's folder or the bucket."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.errors import BlobError, BlobNotFoundError
from gemchain.records import OutputFile
from gemchain.runtime import using
from gemchain.stores.firestore.documents.spill import Spill
from tests.apps import stages
from tests.support.fuzzing import FOREIGN_PLACES, fuzz
from tests.support.watching import watched

PIECES = (
    "..",
    ".",
    "/",
    "//",
    "%2e",
    "%2f",
    "%00",
    "\0",
    "file://",
    "gs://",
    "\\",
    "a",
    "etc/passwd",
    "~",
    "\n",
)
PLACES = st.one_of(
    st.sampled_from(FOREIGN_PLACES),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(max_size=9),
)
VERBS = ("stat", "read", "delete", "stream", "list")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder of files, with something beside it that is nobody's business, and a link to it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("secret")
    root = outside / "files"
    root.mkdir()
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    return LocalBlobs(root), outside


def call(blobs, verb, place):
    found = getattr(blobs, verb)(place)
    return list(found) if verb in ("stream", "list") else found


@fuzz(150)
@given(PLACES, st.sampled_from(VERBS), st.booleans())
def test_no_address_leads_out_of_the_folder(house, place, verb, below):
    blobs, outside = house
    uri = f"file://{outside}/files/{place}" if below else place
    with watched() as watch:
        try:
            found = call(blobs, verb, uri)
        except BlobError:
            found = None
    assert watch.outside(outside / "files") == []
    assert found in (None, b"", []) or verb == "list"
    assert (outside / "secret").read_text() == "secret"


@fuzz(80)
@given(PLACES)
def test_no_name_is_written_outside(house, name):
    blobs, outside = house
    with watched() as watch:
        try:
            blobs.put(name, b"x")
        except BlobError:
            return
    assert watch.outside(outside / "files") == []
    assert sorted(each.name for each in outside.iterdir()) == ["files", "secret"]


@pytest.mark.parametrize("name", ["link/secret", "file", "link/new"])
def test_links_are_not_followed(house, name):
    blobs, outside = house
    for verb in ("stat", "read"):
        with pytest.raises(BlobError, match="link"):
            call(blobs, verb, f"file://{outside}/files/{name}")


@pytest.mark.parametrize("place", FOREIGN_PLACES)
def test_an_output_elsewhere_is_not_read_and_holds_up_no_other(stand, place):
    """A service, or whoever writes its records, names the files of a batch."""
    stand.submit("a", callback=stages.take)
    batch = stand.sent()
    stand.provider.land(batch, stand.provider.rows(batch).values())
    job = stand.provider.jobs[batch.job]
    stand.provider.jobs[batch.job] = type(job)(job.name, job.state, (OutputFile(place, 1, 100),))
    fine = stand.submit("b", model="other", callback=stages.take)
    stand.pass_time()
    stand.sent_all()
    for each in stand.store.open_batches():
        if each.model == "other":
            stand.provider.land(each, stand.provider.rows(each).values())
    collect(stand.runtime)
    with watched() as watch, pytest.raises(BlobNotFoundError):
        list(dispatch(stand.runtime))
    assert watch.outside(stand.blobs._root, os.devnull) == []
    assert stand.states(fine) == ["DONE"]


@pytest.mark.parametrize(
    "place", [*FOREIGN_PLACES, "batches/b1/x", "spill/other/p1-request-00", "spill/mine/../x", 5]
)
def test_a_long_text_is_taken_only_from_where_texts_of_that_name_lie(tmp_path, place):
    blobs = LocalBlobs(tmp_path)
    blobs.put("batches/b1/x", b"{}")
    content = {"spilled": {"request": place}}
    Spill(blobs, "mine").back([content])
    assert not isinstance(content["request"], str)
    Spill(blobs, "mine").remove([place])
    assert blobs.stat(blobs.uri("batches/b1/x")) is not None


def test_a_long_text_that_was_changed_is_not_taken(tmp_path):
    blobs = LocalBlobs(tmp_path)
    spill, pending = Spill(blobs, "mine"), {}
    kept = spill.out("p1", {"params": "x" * 100_000}, pending=pending)
    spill.upload(pending)
    again = dict(kept)
    spill.back([again])
    assert again["params"] == "x" * 100_000
    blobs.put(kept["spilled"]["params"], b"y" * 100_000)
    spill.back([kept])
    assert "was changed" in kept["params"].why


@pytest.mark.parametrize("place", [each for each in FOREIGN_PLACES if not each.startswith("gs://bucket")])
def test_vertex_is_sent_no_input_of_somebody_else(place):
    from gemchain.errors import ProviderRejectedError
    from gemchain.providers.vertex import VertexProvider
    from gemchain.records import Batch
    from gemchain.testing import EPOCH
    from tests.support.bucket import MemoryBucket

    provider = VertexProvider(MemoryBucket(), project="p", endpoint="http://127.0.0.1:1")
    batch = Batch(id="b1", provider="vertex", model="gemini-x", created_at=EPOCH, input_uri=place)
    with pytest.raises(ProviderRejectedError, match="not one of this batch"):
        provider.create(batch)


def test_a_path_in_a_request_is_the_users_own_file_and_no_record_can_bring_one(stand, tmp_path):
    with using(stand.runtime), pytest.raises(gemchain.RequestError):
        gemchain.submit([tmp_path / ".." / "nothing.png"], "model")
