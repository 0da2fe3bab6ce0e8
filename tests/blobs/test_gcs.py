"""Objects in Cloud Storage: the contract against fake-gcs-server, and what only a service can do wrong.

Longer than 300 lines: all that holds for Cloud Storage alone.
"""

import gc
import json
import subprocess
import sys
import uuid

import pytest
from google.cloud import storage

from gemchain.blobs import gcs
from gemchain.blobs.gcs import GcsBlobs
from gemchain.errors import BlobError, BlobNotFoundError, ConfigurationError
from tests.cloud_storage import emulator_of_firebase, fake_cloud_storage
from tests.contracts.blobs_contract import BlobsContract, content, write_and_raise

SMALL = 1 << 18
"""The smallest chunk that the service takes."""


def fail(*_, **__):
    raise ConnectionError("gone")


@pytest.fixture
def _dropped_answers():
    """The library drops the answers that it asks for again, and with them their sockets."""
    yield
    gc.collect()


drops_answers = [
    pytest.mark.usefixtures("_dropped_answers"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="session")
def service():
    with fake_cloud_storage() as url:
        yield url


@pytest.fixture
def bucket(service, monkeypatch):
    """A new bucket of the fake service."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", service)
    return storage.Client(project="test").create_bucket(f"bucket-{uuid.uuid4().hex}")


@pytest.fixture
def blobs(bucket):
    return GcsBlobs(bucket.name, "some/prefix", chunk_bytes=SMALL, whole_bytes=SMALL)


@pytest.fixture
def firebase(monkeypatch):
    with emulator_of_firebase() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def broken(firebase):
    """A storage that does not try again for long."""
    return GcsBlobs("bucket", retry_seconds=0.0)


class TestGcsBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self, bucket):
        return GcsBlobs(bucket.name, "some/prefix", chunk_bytes=SMALL, whole_bytes=SMALL)


class TestAddresses:
    def test_a_name_lies_below_the_prefix(self, bucket):
        assert GcsBlobs(bucket.name, "a/b/").uri("c") == f"gs://{bucket.name}/a/b/c"
        assert GcsBlobs(bucket.name).uri("c") == f"gs://{bucket.name}/c"

    @pytest.mark.parametrize("tail", ["", "/"])
    def test_a_storage_is_built_from_its_address(self, bucket, tail):
        assert GcsBlobs.from_address(f"gs://{bucket.name}{tail}").uri("c") == f"gs://{bucket.name}/c"
        assert GcsBlobs.from_address(f"gs://{bucket.name}/a/b{tail}").uri("c") == f"gs://{bucket.name}/a/b/c"

    @pytest.mark.parametrize(
        "address", ["bucket", "s3://bucket", "gs://", "gs:///a", "gs://b u/a", "gs://b/../a", "gs://b//a"]
    )
    def test_an_address_that_is_none_is_refused(self, address):
        with pytest.raises(ConfigurationError):
            GcsBlobs.from_address(address)

    @pytest.mark.parametrize("name", ["elsewhere/x", "some/x", "some/prefix-2/x"])
    def test_an_object_beside_the_prefix_is_not_there_and_stays_as_it_is(self, bucket, blobs, name):
        beside = bucket.blob(name)
        beside.upload_from_string(b"0123456789")
        uri = f"gs://{bucket.name}/{name}"
        for ask in (blobs.read, blobs.stat, blobs.delete, lambda uri: list(blobs.stream(uri))):
            with pytest.raises(BlobNotFoundError, match=r"not in their folder: 'gs://.*/some/prefix/'"):
                ask(uri)
        with pytest.raises(BlobNotFoundError):
            list(blobs.list(uri))
        assert list(blobs.list("")) == []
        assert beside.download_as_bytes() == b"0123456789"
        assert GcsBlobs(bucket.name).read(uri) == b"0123456789", (
            "a storage without a prefix is of the whole bucket"
        )

    def test_a_longer_bucket_name_is_another_bucket(self, bucket, blobs):
        with pytest.raises(BlobError, match="not in the bucket"):
            blobs.read(f"gs://{bucket.name}-2/a")

    def test_two_prefixes_of_a_bucket_do_not_see_each_other(self, bucket):
        one, two = GcsBlobs(bucket.name, "one"), GcsBlobs(bucket.name, "one-more")
        one.put("a", b"1")
        info = two.put("a", b"2")
        assert list(two.list("")) == [info]
        assert one.read(one.uri("a")) == b"1"

    def test_a_folder_that_the_console_made_is_not_listed(self, bucket, blobs):
        bucket.blob("some/prefix/folder/").upload_from_string(b"")
        info = blobs.put("folder/a", b"x")
        assert list(blobs.list("")) == [info]

    @pytest.mark.parametrize("chunk_bytes", [0, -SMALL, 1000, SMALL + 1])
    def test_a_chunk_that_the_service_does_not_take_is_refused(self, bucket, chunk_bytes):
        with pytest.raises(ConfigurationError, match="chunk_bytes"):
            GcsBlobs(bucket.name, chunk_bytes=chunk_bytes)


class TestRequests:
    pytestmark = drops_answers

    """How often the service is asked: every request costs money and tens of milliseconds."""

    @pytest.fixture
    def plain(self, firebase):
        return GcsBlobs("bucket", "p")

    def test_a_small_object_takes_one_request(self, plain, firebase):
        plain.put("a", b"x" * 1000)
        assert [method for method, _ in firebase.requests] == ["POST"]

    def test_a_stream_up_to_the_whole_size_takes_one_upload(self, plain, firebase):
        with plain.writer("a") as out:
            for _ in range(50):
                out.write(b"x" * 100_000)
        uploads = [path for method, path in firebase.requests if method in {"POST", "PUT"}]
        assert len(uploads) == 1
        assert "multipart" in uploads[0]

    def test_a_stream_is_read_in_requests_that_grow_and_stay_small(self, blobs, monkeypatch):
        uri = blobs.put("a", content(40_000)).uri
        asked = []
        read = GcsBlobs.read

        def noted(self, uri, **options):
            asked.append(options["end"] - options["start"])
            return read(self, uri, **options)

        monkeypatch.setattr(GcsBlobs, "read", noted)
        assert b"".join(blobs.stream(uri, chunk=1000)) == content(40_000)
        assert asked == [1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000]

    def test_a_stream_that_is_written_holds_only_a_few_chunks(self, bucket):
        blobs = GcsBlobs(bucket.name, chunk_bytes=SMALL, whole_bytes=SMALL)
        with blobs.writer("a") as out:
            for _ in range(40):
                out.write(b"x" * 100_000)
                assert len(out._claimed) + len(out._stream._buffer if out._stream else b"") <= 2 * SMALL
        assert blobs.stat(blobs.uri("a")).size == 4_000_000

    def test_an_object_marked_as_gzip_is_read_as_it_is_stored(self, bucket, blobs):
        blob = bucket.blob("some/prefix/zipped")
        blob.content_encoding = "gzip"
        blob.upload_from_string(b"\x1f\x8bnot really")
        uri = blobs.uri("zipped")
        assert blobs.read(uri) == b"\x1f\x8bnot really"
        assert blobs.read(uri, start=2, end=5) == b"not"

    def test_a_call_that_may_work_later_is_repeated_by_the_library(self, firebase, monkeypatch):
        monkeypatch.setattr("google.api_core.retry.retry_unary.time.sleep", lambda _: None)
        blobs = GcsBlobs("bucket")
        firebase.answers = [(503, "busy"), (429, "slow down"), (500, "oops")]
        assert blobs.put("a", b"x").size == 1
        assert len(firebase.requests) == 4
        firebase.answers = [(503, "busy")]
        assert blobs.read(blobs.uri("a")) == b"x"
        firebase.answers = [(503, "busy")]
        assert blobs.stat(blobs.uri("a")).size == 1


class TestEmulatorOfFirebase:
    """It ignores preconditions and finishes a resumable upload with the first chunk."""

    def test_an_object_larger_than_a_chunk_arrives_whole(self, firebase):
        blobs = GcsBlobs("bucket", chunk_bytes=SMALL)
        data = content(1_000_000)
        with blobs.writer("a") as out:
            for start in range(0, len(data), 100_000):
                out.write(data[start : start + 100_000])
        assert blobs.read(blobs.uri("a")) == data

    def test_an_object_larger_than_it_takes_is_an_error_and_is_not_left_cut_off(self, firebase):
        blobs = GcsBlobs("bucket", chunk_bytes=SMALL, whole_bytes=SMALL)
        with (
            pytest.raises(BlobError, match=r"emulator of Firebase.*GEMCHAIN_MAX_BATCH_BYTES"),
            blobs.writer("a") as out,
        ):
            out.write(b"x" * 1_000_000)
        assert blobs.stat(blobs.uri("a")) is None

    def test_put_if_absent_returns_what_is_there_though_it_was_overwritten(self, firebase):
        blobs = GcsBlobs("bucket")
        blobs.put("a", b"theirs")
        info = blobs.put("a", b"mine", if_absent=True)
        assert info == blobs.stat(blobs.uri("a"))
        assert blobs.read(info.uri) == b"mine"


class TestFailures:
    pytestmark = drops_answers

    @pytest.fixture
    def every_call(self, broken, tmp_path):
        """Each way of asking the service for something."""
        (tmp_path / "source").write_bytes(b"x")
        uri = broken.uri("a")

        def write():
            with broken.writer("a") as out:
                out.write(b"x")

        return [
            lambda: broken.put("a", b"x"),
            lambda: broken.put("a", b"x", if_absent=True),
            write,
            lambda: broken.upload_many([(tmp_path / "source", "a")]),
            lambda: broken.stat(uri),
            lambda: broken.read(uri),
            lambda: broken.read(uri, generation=3, start=5, end=5),
            lambda: list(broken.stream(uri)),
            lambda: list(broken.stream(uri, generation=3)),
            lambda: list(broken.list("")),
            lambda: broken.delete(uri),
        ]

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (401, "gcloud auth application-default login"),
            (403, r"gcloud storage buckets add-iam-policy-binding gs://bucket .*roles/storage\.objectUser"),
            (429, "may work later"),
            (503, "may work later"),
            (400, "status 400"),
        ],
    )
    def test_a_refusal_is_told_with_what_mends_it(self, every_call, firebase, status, message):
        for call in every_call:
            firebase.answers = [
                (status, json.dumps({"error": {"code": status, "message": "in its own words"}}))
            ] * 20
            with pytest.raises(BlobError, match=message) as caught:
                call()
            assert caught.value.__cause__ is not None
            assert "bucket" in str(caught.value)

    def test_a_bucket_that_is_not_there_is_told_with_the_command_that_makes_it(self, every_call, firebase):
        for call in every_call:
            firebase.answers = [(404, "The specified bucket does not exist.")] * 20
            with pytest.raises(
                BlobError, match="gcloud storage buckets create gs://bucket --location="
            ) as caught:
                call()
            assert not isinstance(caught.value, BlobNotFoundError)

    def test_a_bucket_that_is_not_there_is_told_while_a_stream_is_sent(self, service, monkeypatch):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", service)
        blobs = GcsBlobs("no-such-bucket", chunk_bytes=SMALL, whole_bytes=SMALL)
        with pytest.raises(BlobError, match="gcloud storage buckets create"), blobs.writer("a") as out:
            out.write(b"x" * 1_000_000)

    def test_a_service_out_of_reach_is_told(self, monkeypatch):
        with emulator_of_firebase() as server:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
            blobs = GcsBlobs("bucket", retry_seconds=0.0, chunk_bytes=SMALL, whole_bytes=SMALL)
        for call in (
            lambda: blobs.put("a", b"x"),
            lambda: blobs.read(blobs.uri("a")),
            lambda: blobs.stat(blobs.uri("a")),
            lambda: list(blobs.list("")),
            lambda: write_and_raise(blobs, "a", b"x" * 1_000_000, AssertionError("not reached")),
        ):
            with pytest.raises(BlobError, match="cannot be reached"):
                call()

    def test_a_stream_that_fails_half_way_leaves_no_object(self, blobs, bucket, monkeypatch):
        def write():
            with blobs.writer("a") as out:
                out.write(b"x" * 400_000)
                monkeypatch.setattr(out._stream._upload_and_transport[0], "transmit_next_chunk", fail)
                out.write(b"x" * 400_000)

        with pytest.raises(BlobError, match="cannot be reached"):
            write()
        assert blobs.stat(blobs.uri("a")) is None

    def test_a_stream_given_up_while_the_service_is_out_of_reach_leaves_no_object(self, blobs, monkeypatch):
        """Python closes forgotten files, and the library's would finish the upload then."""

        def give_up():
            with blobs.writer("a") as out:
                out.write(b"x" * 400_000)
                monkeypatch.setattr(out._stream._upload_and_transport[1], "delete", fail)
                raise ValueError("given up")

        with pytest.raises(ValueError, match="given up"):
            give_up()
        assert blobs.stat(blobs.uri("a")) is None

    def test_missing_credentials_are_told_with_the_command_that_brings_them(self, monkeypatch, tmp_path):
        for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        with pytest.raises(BlobError, match="gcloud auth application-default login"):
            GcsBlobs("bucket")

    def test_an_emulator_address_without_its_scheme_is_refused(self, monkeypatch):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9199")
        with pytest.raises(ConfigurationError, match=r"'http://127\.0\.0\.1:9199'"):
            GcsBlobs("bucket")

    def test_a_package_that_is_not_installed_is_named_with_its_extra(self):
        script = (
            "import sys; sys.modules['google.cloud.storage'] = None\n"
            "from gemchain.errors import MissingExtraError\n"
            "try:\n    import gemchain.blobs.gcs\n"
            "except MissingExtraError as error:\n    print(error)\n"
        )
        printed = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        assert "Cloud Storage" in printed
        assert "pip install 'gemchain[gemini]'" in printed

    def test_gemchain_and_the_local_adapter_load_none_of_it(self):
        script = (
            "import sys; before = set(sys.modules)\n"
            "import gemchain, gemchain.blobs.local, gemchain.engine.rows.lines\n"
            "loaded = set(sys.modules) - before\n"
            "print([name for name in loaded if name.split('.')[0] in {'google', 'requests', 'urllib3'}])"
        )
        printed = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        assert printed.strip() == "[]"


def test_the_whole_size_covers_a_chunk_of_the_library():
    """Larger, and the library itself would cut an upload from memory in two."""
    assert gcs.EMULATOR_WHOLE_BYTES <= 104_857_600
