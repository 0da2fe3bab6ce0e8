"""What every adapter of the `Blobs` port must do. Subclasses bring a fixture called `blobs`.

Longer than 300 lines: it is the whole contract of one port.
"""

import abc
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from gemchain.errors import BlobError, BlobNotFoundError
from gemchain.ports import Blobs

VERTEX_NAME = "batches/b1/output/prediction-model-2026-07-06T13:04:46.670249Z/predictions.jsonl"

BAD_NAMES = [
    "",
    "/etc/passwd",
    "..",
    "../secret",
    "a/../b",
    "a/..",
    ".",
    "./a",
    "a//b",
    "a/",
    "nul\0byte",
    "back\\slash",
    "line\nbreak",
    "x" * 2000,
    "lone\ud800surrogate",
]

ODD_NAMES = [
    VERTEX_NAME,
    "with space",
    "q?u#e%20r&y+.txt",
    "ünï/日本.jsonl",
    "..hidden",
    "a/.b",
    "c...d",
    "[x]{y}",
]


class Crash(BaseException):
    """Stops a block as a signal would."""


def content(size: int) -> bytes:
    return bytes((7 * i + i // 251) % 256 for i in range(size))


def write_and_raise(blobs: Blobs, name: str, data: bytes, error: BaseException) -> None:
    with blobs.writer(name) as out:
        out.write(data)
        raise error


class BlobsContract(abc.ABC):
    @pytest.fixture
    @abc.abstractmethod
    def blobs(self) -> Blobs:
        """An empty file storage."""

    # --- names and addresses

    def test_an_address_is_absolute_and_the_same_every_time(self, blobs):
        assert blobs.uri("a/b.jsonl") == blobs.uri("a/b.jsonl")
        assert blobs.uri("a/b.jsonl").split("://")[0] in {"file", "gs"}
        assert blobs.uri("a/b.jsonl") != blobs.uri("a/c.jsonl")

    @pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:20])
    def test_a_name_that_is_none_or_leads_out_is_refused_everywhere(self, blobs, name):
        with pytest.raises(BlobError):
            blobs.uri(name)
        with pytest.raises(BlobError):
            blobs.put(name, b"x")
        with pytest.raises(BlobError), blobs.writer(name) as out:
            out.write(b"x")
        assert list(blobs.list("")) == []

    def test_the_refusal_of_a_name_names_it(self, blobs):
        with pytest.raises(BlobError, match=r"\.\./secret"):
            blobs.uri("../secret")

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_a_name_may_hold_colons_spaces_and_other_scripts(self, blobs, name):
        info = blobs.put(name, b"content")
        assert info.uri == blobs.uri(name)
        assert blobs.read(info.uri) == b"content"
        assert list(blobs.list("")) == [info]

    def test_an_address_elsewhere_is_refused(self, blobs):
        for uri in ("file:///etc/hostname", "gs://another-bucket/a", "http://127.0.0.1/a", "a/b", ""):
            with pytest.raises(BlobError):
                blobs.read(uri)
            with pytest.raises(BlobError):
                blobs.stat(uri)
            with pytest.raises(BlobError):
                list(blobs.stream(uri))
            with pytest.raises(BlobError):
                blobs.delete(uri)

    def test_what_lies_beside_the_files_is_refused_however_alike_its_name_is(self, blobs):
        home = blobs.uri("x").removesuffix("/x")
        for uri in (f"{home}-2/a", f"{home.rpartition('/')[0]}/a", f"{home}a", home, f"{home}/"):
            for ask in (blobs.read, blobs.stat, blobs.delete, lambda uri: list(blobs.stream(uri))):
                with pytest.raises(BlobNotFoundError):
                    ask(uri)
        for uri in (f"{home}-2/a", f"{home.rpartition('/')[0]}/a", home):
            with pytest.raises(BlobError):
                list(blobs.list(uri))

    def test_the_address_of_all_files_lists_all_files(self, blobs):
        infos = [blobs.put(name, b"x") for name in ("a", "b/c")]
        assert list(blobs.list(f"{blobs.uri('x').removesuffix('x')}")) == infos

    # --- writing

    def test_what_was_written_as_a_stream_is_read_back(self, blobs):
        with blobs.writer("a/stream") as out:
            for number in range(1000):
                out.write(f"line {number}\n".encode())
        assert blobs.read(blobs.uri("a/stream")).splitlines()[999] == b"line 999"

    @pytest.mark.parametrize("size", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 19, 1_500_000])
    def test_a_stream_of_any_size_arrives_byte_for_byte(self, blobs, size):
        data = content(size)
        with blobs.writer("sized") as out:
            for start in range(0, size, 100_000):
                out.write(data[start : start + 100_000])
        assert blobs.read(blobs.uri("sized")) == data
        assert blobs.stat(blobs.uri("sized")).size == size

    def test_write_tells_how_much_it_took(self, blobs):
        with blobs.writer("counted") as out:
            assert out.write(b"12345") == 5

    def test_one_large_write_arrives(self, blobs):
        data = content(900_000)
        with blobs.writer("large") as out:
            out.write(data)
        assert blobs.read(blobs.uri("large")) == data

    @pytest.mark.parametrize("size", [0, 10, 1_000_000])
    def test_an_object_appears_only_when_its_block_ends(self, blobs, size):
        with blobs.writer("a/b") as out:
            out.write(content(size))
            assert blobs.stat(blobs.uri("a/b")) is None
            assert list(blobs.list("")) == []
        assert blobs.stat(blobs.uri("a/b")).size == size

    @pytest.mark.parametrize("size", [0, 10, 1_000_000])
    @pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, Crash])
    def test_a_block_that_ends_with_an_error_leaves_no_object(self, blobs, size, error):
        with pytest.raises(error):
            write_and_raise(blobs, "a/b", content(size), error())
        assert blobs.stat(blobs.uri("a/b")) is None
        assert list(blobs.list("")) == []

    @pytest.mark.parametrize("size", [10, 1_000_000])
    def test_a_block_that_ends_with_an_error_leaves_the_former_object(self, blobs, size):
        before = blobs.put("a/b", b"former")
        with pytest.raises(ValueError, match="broken"):
            write_and_raise(blobs, "a/b", content(size), ValueError("broken"))
        assert blobs.stat(before.uri) == before
        assert blobs.read(before.uri) == b"former"

    def test_a_stream_replaces_the_object_of_its_name(self, blobs):
        before = blobs.put("a/b", b"a longer former content")
        with blobs.writer("a/b") as out:
            out.write(b"new")
        assert blobs.read(before.uri) == b"new"
        assert blobs.stat(before.uri).generation != before.generation

    def test_put_writes_whole_and_returns_what_stat_returns(self, blobs):
        info = blobs.put("a/b", b"hello")
        assert info == blobs.stat(blobs.uri("a/b"))
        assert info.size == 5
        assert info.uri == blobs.uri("a/b")

    def test_put_takes_an_empty_object(self, blobs):
        info = blobs.put("empty", b"")
        assert info.size == 0
        assert blobs.read(info.uri) == b""
        assert list(blobs.stream(info.uri)) == []

    def test_put_replaces_the_object_of_its_name(self, blobs):
        blobs.put("a", b"first")
        blobs.put("a", b"2nd")
        assert blobs.read(blobs.uri("a")) == b"2nd"

    def test_put_if_absent_writes_when_there_is_none(self, blobs):
        info = blobs.put("a/b", b"mine", if_absent=True)
        assert info == blobs.stat(blobs.uri("a/b"))
        assert blobs.read(info.uri) == b"mine"

    def test_put_if_absent_leaves_an_existing_object_and_tells_of_it(self, blobs):
        before = blobs.put("a", b"theirs")
        assert blobs.put("a", b"mine", if_absent=True) == before
        assert blobs.read(before.uri) == b"theirs"

    def test_of_many_that_put_if_absent_at_once_one_wins_and_all_see_it(self, blobs):
        start = threading.Barrier(4)

        def write(number: int) -> object:
            start.wait()
            return blobs.put("contended", b"%d" % number * 1000, if_absent=True)

        with ThreadPoolExecutor(4) as threads:
            infos = set(threads.map(write, range(4)))
        assert infos == {blobs.stat(blobs.uri("contended"))}
        assert len(set(blobs.read(blobs.uri("contended")))) == 1

    def test_of_two_writers_of_one_name_the_object_is_one_or_the_other(self, blobs):
        with blobs.writer("same") as one, blobs.writer("same") as two:
            one.write(b"1" * 400_000)
            two.write(b"2" * 400_000)
        assert blobs.read(blobs.uri("same")) == b"1" * 400_000  # the outer block ended last

    # --- generations

    def test_every_replacement_has_another_generation(self, blobs):
        seen = [blobs.put("a", b"same bytes").generation for _ in range(20)]
        assert len(set(seen)) == 20
        assert all(earlier < later for earlier, later in pairwise(seen))

    def test_a_generation_fits_a_signed_64_bit_column(self, blobs):
        assert 0 < blobs.put("a", b"x").generation < 1 << 63

    def test_a_generation_stays_while_the_object_does(self, blobs):
        info = blobs.put("a", b"x")
        blobs.read(info.uri)
        blobs.put("b", b"x")
        assert blobs.stat(info.uri) == info

    def test_an_object_that_is_deleted_and_written_again_has_another_generation(self, blobs):
        before = blobs.put("a", b"x")
        blobs.delete(before.uri)
        assert blobs.put("a", b"x").generation != before.generation

    def test_reading_a_generation_gives_its_bytes(self, blobs):
        info = blobs.put("a", b"0123456789")
        assert blobs.read(info.uri, generation=info.generation, start=2, end=5) == b"234"
        assert b"".join(blobs.stream(info.uri, generation=info.generation, start=8)) == b"89"

    def test_reading_a_generation_that_was_replaced_is_an_error_not_other_bytes(self, blobs):
        old = blobs.put("a", b"old bytes")
        blobs.put("a", b"new bytes")
        with pytest.raises(BlobNotFoundError):
            blobs.read(old.uri, generation=old.generation)
        with pytest.raises(BlobNotFoundError):
            blobs.read(old.uri, generation=old.generation, start=3, end=3)
        with pytest.raises(BlobNotFoundError):
            list(blobs.stream(old.uri, generation=old.generation))

    def test_a_stream_never_mixes_two_generations(self, blobs):
        size = 600_000
        info = blobs.put("a", b"1" * size)
        pieces = blobs.stream(info.uri, chunk=10_000)
        read = next(pieces)
        blobs.put("a", b"2" * size)
        try:
            read += b"".join(pieces)
        except BlobNotFoundError:
            read = b"1"  # the service keeps no former generation, and says so
        assert set(read) == set(b"1")

    # --- reading

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (0, None),
            (0, 0),
            (0, 1),
            (3, 7),
            (9, 10),
            (9, None),
            (5, 100),
            (4, 4),
            (7, 3),
            (10, None),
            (10, 20),
            (50, 60),
        ],
    )
    def test_a_range_is_read_like_a_slice(self, blobs, start, end):
        uri = blobs.put("a", b"0123456789").uri
        assert blobs.read(uri, start=start, end=end) == b"0123456789"[start:end]

    @pytest.mark.parametrize("end", [None, 0, 5])
    def test_any_range_of_an_empty_object_is_empty(self, blobs, end):
        assert blobs.read(blobs.put("a", b"").uri, end=end) == b""

    @pytest.mark.parametrize("chunk", [1, 7, 4096, 1 << 20])
    @pytest.mark.parametrize("start", [0, 1, 9_999, 10_000, 10_001])
    def test_a_stream_gives_the_bytes_from_start_on(self, blobs, chunk, start):
        data = content(10_000) if chunk > 7 else content(10_000)[-50:]
        start = max(0, start - 10_000 + len(data))
        uri = blobs.put("a", data).uri
        assert b"".join(blobs.stream(uri, start=start, chunk=chunk)) == data[start:]

    def test_a_stream_comes_in_pieces_of_about_the_chunk(self, blobs):
        uri = blobs.put("a", content(100_000)).uri
        pieces = list(blobs.stream(uri, chunk=10_000))
        assert len(pieces) == 10
        assert max(map(len, pieces)) <= 20_000
        assert all(pieces)

    def test_a_stream_may_be_left_half_read(self, blobs):
        uri = blobs.put("a", content(100_000)).uri
        pieces = blobs.stream(uri, chunk=1000)
        assert next(pieces) == content(1000)
        pieces.close()
        blobs.delete(uri)
        assert blobs.stat(uri) is None

    def test_reading_what_is_not_there_raises(self, blobs):
        uri = blobs.uri("not/there")
        with pytest.raises(BlobNotFoundError, match="not/there"):
            blobs.read(uri)
        with pytest.raises(BlobNotFoundError, match="not/there"):
            blobs.read(uri, start=5, end=5)
        with pytest.raises(BlobNotFoundError, match="not/there"):
            list(blobs.stream(uri))
        with pytest.raises(BlobNotFoundError, match="not/there"):
            blobs.read(uri, generation=5)

    def test_stat_of_what_is_not_there_is_none(self, blobs):
        blobs.put("folder/object", b"x")
        assert blobs.stat(blobs.uri("nothing")) is None
        assert blobs.stat(blobs.uri("folder")) is None
        assert blobs.stat(blobs.uri("folder/object/below")) is None

    # --- listing

    def test_a_list_is_ordered_by_name(self, blobs):
        names = ["b", "a/b", "a-b", "a.b", "a/c/d", "a0", "B", "a/b.c", "é", "z/1", "z/10", "z/2"]
        for name in names:
            blobs.put(name, b"x")
        assert [info.uri for info in blobs.list("")] == [blobs.uri(name) for name in sorted(names)]

    def test_a_list_tells_what_stat_tells(self, blobs):
        blobs.put("a", b"1")
        blobs.put("b/c", b"22")
        assert list(blobs.list("")) == [blobs.stat(blobs.uri("a")), blobs.stat(blobs.uri("b/c"))]

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("batches/", ["batches/b1/x", "batches/b1/y", "batches/b10/x"]),
            ("batches/b1", ["batches/b1/x", "batches/b1/y", "batches/b10/x"]),
            ("batches/b1/", ["batches/b1/x", "batches/b1/y"]),
            ("batches/b1/y", ["batches/b1/y"]),
            ("bat", ["batches/b1/x", "batches/b1/y", "batches/b10/x", "bats"]),
            ("atches", []),
            ("batches/b1/x/", []),
            ("nowhere/at/all", []),
        ],
    )
    def test_a_list_holds_the_names_that_start_with_the_prefix(self, blobs, prefix, expected):
        for name in ("batches/b1/x", "batches/b1/y", "batches/b10/x", "bats", "other"):
            blobs.put(name, b"x")
        assert [info.uri for info in blobs.list(prefix)] == [blobs.uri(name) for name in expected]

    def test_a_list_takes_the_beginning_of_an_address_too(self, blobs):
        info = blobs.put(VERTEX_NAME, b"x")
        blobs.put("batches/b2/input.jsonl", b"x")
        folder = blobs.uri("batches/b1/output")
        assert list(blobs.list(folder)) == [info]
        assert list(blobs.list(folder + "/")) == [info]
        assert list(blobs.list(folder + "/prediction-model-2026-07-06T13:04")) == [info]

    def test_a_list_of_nothing_is_empty(self, blobs):
        assert list(blobs.list("")) == []
        assert list(blobs.list("a/b")) == []

    @pytest.mark.parametrize("prefix", ["../", "/etc", "a//b", "a/../b", "nul\0"])
    def test_a_prefix_that_no_name_has_is_refused(self, blobs, prefix):
        with pytest.raises(BlobError):
            list(blobs.list(prefix))

    def test_objects_may_be_deleted_while_they_are_listed(self, blobs):
        for number in range(5):
            blobs.put(f"a/{number}", b"x")
        for info in blobs.list("a/"):
            blobs.delete(info.uri)
        assert list(blobs.list("")) == []

    # --- deleting

    def test_a_deleted_object_is_gone(self, blobs):
        uri = blobs.put("a/b", b"x").uri
        neighbour = blobs.put("a/bc", b"y")
        blobs.delete(uri)
        assert blobs.stat(uri) is None
        assert list(blobs.list("")) == [neighbour]

    def test_deleting_what_is_not_there_does_nothing(self, blobs):
        kept = blobs.put("a/b", b"x")
        blobs.delete(blobs.uri("nothing"))
        blobs.delete(blobs.uri("a"))
        blobs.delete(blobs.uri("a/b/c"))
        assert list(blobs.list("")) == [kept]

    # --- many at once

    def test_many_files_are_copied_and_told_of_in_their_order(self, blobs, tmp_path):
        pairs = []
        for number in range(12):
            source = tmp_path / f"{number}.bin"
            source.write_bytes(content(number * 30_000))
            pairs.append((source, f"media/{number}.bin"))
        infos = blobs.upload_many(pairs)
        assert infos == [blobs.stat(blobs.uri(name)) for _, name in pairs]
        assert [blobs.read(info.uri) for info in infos] == [source.read_bytes() for source, _ in pairs]

    def test_copying_no_file_does_nothing(self, blobs):
        assert blobs.upload_many([]) == []

    def test_a_file_that_cannot_be_read_is_named_and_the_others_are_copied(self, blobs, tmp_path):
        good = tmp_path / "good"
        good.write_bytes(b"good")
        with pytest.raises(BlobError, match="missing-file"):
            blobs.upload_many([(tmp_path / "missing-file", "a"), (good, "b")])
        assert [info.uri for info in blobs.list("")] == [blobs.uri("b")]

    def test_a_file_that_is_copied_may_not_leave_the_root(self, blobs, tmp_path):
        source = tmp_path / "source"
        source.write_bytes(b"x")
        with pytest.raises(BlobError, match="outside"):
            blobs.upload_many([(source, "../outside")])
        assert list(tmp_path.rglob("outside")) == []

    def test_threads_may_share_it(self, blobs):
        def cycle(number: int) -> bytes:
            uri = blobs.put(f"shared/{number}", b"%d" % number).uri
            return blobs.read(uri)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(cycle, range(40))) == [b"%d" % number for number in range(40)]
        assert len(list(blobs.list("shared/"))) == 40
