"""Sorting lines by numbers, in pieces on the disk."""

import random
import tracemalloc

from gemchain.data.ordering import Sorter


def test_lines_come_by_their_numbers_whatever_fits_into_memory():
    numbers = list(range(-50, 50)) * 2
    random.Random(7).shuffle(numbers)
    for piece_bytes in (1, 10, 100, 1 << 20):
        with Sorter(piece_bytes) as sorter:
            for number in numbers:
                sorter.add(number, b"%d" % number)
            assert [int(line) for line in sorter] == sorted(numbers)


def test_of_lines_with_one_number_the_last_added_comes_first():
    for piece_bytes in (1, 1 << 20):
        with Sorter(piece_bytes) as sorter:
            for line in (b"new", b"old"):
                sorter.add(3, line)
            assert list(sorter) == [b"old", b"new"]


def test_memory_is_that_of_one_piece():
    tracemalloc.start()
    try:
        with Sorter(200_000) as sorter:
            for number in range(10_000):
                sorter.add(-number, b"x" * 1_000)
            assert sum(map(len, sorter)) == 10_000_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
