"""Parts of an output file, and the lines that belong to them."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemchain.blobs.local import LocalBlobs
from gemchain.engine.rows import lines
from gemchain.engine.rows.lines import read_lines, split
from gemchain.errors import BlobNotFoundError
from gemchain.records import OutputFile


class Pieces:
    """A file storage of one object in memory, that counts what was read of it."""

    def __init__(self, content: bytes, chunk: int | None = None):
        self.content = content
        self.chunk = chunk
        self.read = 0

    def stream(self, uri, *, generation=None, start=0, chunk=1 << 20):
        assert (uri, generation) == ("gs://bucket/out", 7)
        chunk = self.chunk or chunk
        for at in range(start, len(self.content), chunk):
            piece = self.content[at : at + chunk]
            self.read += len(piece)
            yield piece


def file_of(content: bytes) -> OutputFile:
    return OutputFile("gs://bucket/out", 7, len(content))


def read(
    content: bytes, start: int = 0, end: int | None = None, chunk: int | None = None
) -> list[tuple[int, bytes]]:
    file = file_of(content)
    return list(read_lines(Pieces(content, chunk), file, start, len(content) if end is None else end))


def expected(content: bytes) -> list[tuple[int, bytes]]:
    """The lines of a whole file, found the slow and obvious way."""
    found, offset = [], 0
    for line in content.split(b"\n"):
        bare = line.removesuffix(b"\r")
        if bare:
            found.append((offset, bare))
        offset += len(line) + 1
    return found


class TestSplit:
    @pytest.mark.parametrize(
        ("size", "part_bytes", "ranges"),
        [
            (0, 10, []),
            (1, 10, [(0, 1)]),
            (10, 10, [(0, 10)]),
            (11, 10, [(0, 10), (10, 11)]),
            (30, 10, [(0, 10), (10, 20), (20, 30)]),
            (3, 1, [(0, 1), (1, 2), (2, 3)]),
        ],
    )
    def test_a_file_has_as_many_parts_as_its_size_needs(self, size, part_bytes, ranges):
        assert split(OutputFile("gs://bucket/out", 7, size), part_bytes) == ranges

    @pytest.mark.parametrize("part_bytes", [0, -1])
    def test_a_part_of_no_bytes_is_refused(self, part_bytes):
        with pytest.raises(ValueError, match="at least 1"):
            split(file_of(b"abc"), part_bytes)


class TestReadLines:
    def test_lines_come_with_their_offsets(self):
        assert read(b"one\ntwo\nthree\n") == [(0, b"one"), (4, b"two"), (8, b"three")]

    def test_the_last_line_needs_no_end(self):
        assert read(b"one\ntwo") == [(0, b"one"), (4, b"two")]

    def test_windows_line_ends_are_taken_off(self):
        assert read(b"one\r\ntwo\r\n\r\nthree\r") == [(0, b"one"), (5, b"two"), (12, b"three")]

    def test_a_carriage_return_inside_a_line_stays(self):
        assert read(b"a\rb\r\r\n") == [(0, b"a\rb\r")]

    def test_empty_lines_are_left_out_and_counted_in_offsets(self):
        assert read(b"\n\none\n\n\ntwo\n\n") == [(2, b"one"), (8, b"two")]

    @pytest.mark.parametrize("content", [b"", b"\n", b"\n\n\n", b"\r\n"])
    def test_a_file_without_content_has_no_lines(self, content):
        assert read(content, 0, 10) == []

    @pytest.mark.parametrize(
        ("start", "end", "owned"),
        [
            (0, 4, [b"one"]),
            (0, 5, [b"one", b"two"]),
            (0, 1, [b"one"]),
            (1, 4, []),
            (1, 5, [b"two"]),
            (3, 4, []),
            (4, 5, [b"two"]),
            (4, 8, [b"two"]),
            (5, 8, []),
            (5, 99, [b"three"]),
            (8, 9, [b"three"]),
            (9, 14, []),
            (14, 99, []),
            (4, 4, []),
            (8, 4, []),
        ],
    )
    def test_a_range_owns_the_lines_that_start_inside_it(self, start, end, owned):
        assert [line for _, line in read(b"one\ntwo\nthree\n", start, end)] == owned

    @pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
    def test_a_line_that_runs_past_the_end_is_read_to_its_end(self, chunk):
        content = b"x\n" + b"long" * 100 + b"\ny\n"
        assert read(content, 0, 3, chunk) == [(0, b"x"), (2, b"long" * 100)]
        assert read(content, 3, len(content), chunk) == [(403, b"y")]

    def test_a_line_over_several_parts_belongs_to_the_first(self):
        content = b"a" * 35 + b"\nb\n"
        parts = [read(content, start, end) for start, end in split(file_of(content), 10)]
        assert parts == [[(0, b"a" * 35)], [], [], [(36, b"b")]]

    @pytest.mark.parametrize("chunk", [1, 5, 8])
    def test_a_line_end_between_two_chunks_is_one_line_end(self, chunk):
        assert read(b"abcd\r\nefg\n", chunk=chunk) == [(0, b"abcd"), (6, b"efg")]

    @pytest.mark.parametrize(("start", "end"), [(0, 1000), (1000, 2000), (500_000, 501_000)])
    def test_no_more_is_read_than_the_part_and_a_chunk_and_its_last_line(self, start, end):
        content = (b"x" * 99 + b"\n") * 10_000
        blobs = Pieces(content, chunk=256)
        assert len(list(read_lines(blobs, file_of(content), start, end))) == 10
        assert blobs.read <= 1000 + 1 + 2 * 256

    def test_a_part_inside_one_long_line_is_not_read_to_the_line_end(self):
        content = b"x" * 1_000_000
        blobs = Pieces(content, chunk=1000)
        assert list(read_lines(blobs, file_of(content), 5000, 10_000)) == []
        assert blobs.read <= 5000 + 1 + 2 * 1000

    def test_a_line_far_larger_than_the_chunk_costs_no_more_than_its_length(self):
        content = b"x" * 1_000_000 + b"\ny"
        assert read(content, chunk=10) == [(0, b"x" * 1_000_000), (1_000_001, b"y")]

    def test_memory_does_not_grow_with_the_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lines, "CHUNK", 1 << 16)
        blobs = LocalBlobs(tmp_path)
        info = blobs.put("out", (b"x" * 999 + b"\n") * 20_000)
        tracemalloc.start()
        count = sum(1 for _ in read_lines(blobs, OutputFile(*info), 0, info.size))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 20_000
        assert peak < 10 * (1 << 16)

    def test_a_file_that_was_replaced_is_an_error(self, tmp_path):
        blobs = LocalBlobs(tmp_path)
        file = OutputFile(*blobs.put("out", b"one\ntwo\n"))
        blobs.put("out", b"three\nfour\n")
        with pytest.raises(BlobNotFoundError):
            list(read_lines(blobs, file, 0, file.size))

    def test_an_offset_and_a_length_find_the_line_again(self, tmp_path):
        blobs = LocalBlobs(tmp_path)
        file = OutputFile(*blobs.put("out", b'{"a":1}\r\n\n{"b":"\xc3\xa9"}\n{"c":3}'))
        for start, end in split(file, 5):
            for offset, line in read_lines(blobs, file, start, end):
                assert blobs.read(file.uri, start=offset, end=offset + len(line)) == line


files = st.lists(
    st.one_of(st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r"]), st.binary(max_size=12), st.just(b"x" * 40)),
    max_size=20,
).map(b"".join)


@given(content=files, part_bytes=st.integers(1, 60), chunk=st.integers(1, 70))
@settings(max_examples=400)
def test_the_parts_of_any_file_own_each_of_its_lines_exactly_once(content, part_bytes, chunk):
    parts = [read(content, start, end, chunk) for start, end in split(file_of(content), part_bytes)]
    assert [line for part in parts for line in part] == expected(content)


@given(content=files, start=st.integers(0, 200), length=st.integers(0, 200), chunk=st.integers(1, 70))
@settings(max_examples=400)
def test_any_range_owns_what_starts_inside_it(content, start, length, chunk):
    owned = [(offset, line) for offset, line in expected(content) if start <= offset < start + length]
    assert read(content, start, start + length, chunk) == owned
