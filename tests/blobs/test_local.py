"""Files in a folder: the contract, and what only a folder can do wrong.

Longer than 300 lines: all that holds for a folder alone.
"""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gemchain.blobs import unfinished
from gemchain.blobs.local import LocalBlobs
from gemchain.errors import BlobError, BlobNotFoundError
from tests.contracts.blobs_contract import BlobsContract, write_and_raise

DAY = 86_400


def leftovers(root: Path) -> list[Path]:
    return [path for path in (root / ".unfinished").glob("*") if path.is_file()]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "files"


@pytest.fixture
def blobs(root):
    return LocalBlobs(root)


class TestLocalBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self, root):
        return LocalBlobs(root)


def test_nothing_is_made_before_something_is_written(blobs, root):
    assert list(blobs.list("")) == []
    assert blobs.stat(blobs.uri("a")) is None
    assert not root.exists()


def test_an_object_is_a_plain_file_below_the_root(blobs, root):
    blobs.put("a/b.jsonl", b"content")
    assert (root / "a" / "b.jsonl").read_bytes() == b"content"


def test_an_address_is_a_file_uri_that_python_understands(blobs, root):
    info = blobs.put("a b/c#d.jsonl", b"x")
    assert blobs.read((root / "a b" / "c#d.jsonl").as_uri()) == b"x"
    assert info.uri.startswith("file:///")


def test_a_file_that_something_else_wrote_is_an_object(blobs, root):
    (root / "output").mkdir(parents=True)
    (root / "output" / "predictions.jsonl").write_bytes(b"row\n")
    [info] = blobs.list("output/")
    assert blobs.read(info.uri, generation=info.generation) == b"row\n"


def test_a_file_that_something_else_appends_to_has_another_generation(blobs, root):
    info = blobs.put("a", b"x")
    with (root / "a").open("ab") as file:
        file.write(b"y")
    with pytest.raises(BlobNotFoundError, match="replaced"):
        blobs.read(info.uri, generation=info.generation)


def test_a_foreign_file_whose_name_no_object_can_have_is_not_listed(blobs, root):
    info = blobs.put("a", b"x")
    (root / "back\\slash").write_bytes(b"x")
    os.mkfifo(root / "fifo")
    assert list(blobs.list("")) == [info]
    assert blobs.stat(blobs.uri("fifo")) is None
    with pytest.raises(BlobNotFoundError):
        blobs.read(blobs.uri("fifo"))


def test_two_adapters_on_one_folder_see_the_same(blobs, root):
    info = blobs.put("a", b"x")
    assert LocalBlobs(root).stat(info.uri) == info


def test_a_relative_root_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blobs = LocalBlobs(Path("state"))
    monkeypatch.chdir("/")
    assert blobs.uri("a") == (tmp_path / "state" / "a").as_uri()


def test_the_root_may_be_a_link_and_both_spellings_of_an_address_are_read(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    blobs = LocalBlobs(tmp_path / "link")
    info = blobs.put("a", b"x")
    assert info.uri == (tmp_path / "link" / "a").as_uri()
    assert blobs.read((tmp_path / "real" / "a").as_uri(), generation=info.generation) == b"x"


class TestLinksAndPlacesOutside:
    @pytest.fixture
    def outside(self, root, tmp_path):
        root.mkdir()
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
        (root / "folder").symlink_to(outside)
        (root / "file").symlink_to(outside / "secret")
        return outside

    @pytest.mark.parametrize("name", ["folder/secret", "file"])
    def test_nothing_is_read_over_a_link(self, blobs, outside, name):
        for ask in (blobs.read, blobs.stat, blobs.delete, lambda uri: list(blobs.stream(uri))):
            with pytest.raises(BlobError, match="link"):
                ask(blobs.uri(name))
        assert (outside / "secret").read_bytes() == b"secret"

    @pytest.mark.parametrize("name", ["folder/new", "folder/deep/new", "file"])
    def test_nothing_is_written_over_a_link(self, blobs, outside, name):
        with pytest.raises(BlobError, match="link"):
            blobs.put(name, b"x")
        with pytest.raises(BlobError, match="link"):
            blobs.put(name, b"x", if_absent=True)
        assert [path.name for path in outside.iterdir()] == ["secret"]
        assert (outside / "secret").read_bytes() == b"secret"

    def test_nothing_is_listed_over_a_link(self, blobs, outside):
        info = blobs.put("own", b"x")
        assert list(blobs.list("")) == [info]

    @pytest.mark.parametrize(
        "tail", ["/../outside/secret", "/a/../../outside/secret", "/%2e%2e/outside/secret", "", "/"]
    )
    def test_an_address_does_not_climb_out(self, blobs, outside, root, tail):
        with pytest.raises(BlobError):
            blobs.read(root.as_uri() + tail)

    def test_a_neighbour_whose_name_begins_like_the_root_is_outside(self, blobs, tmp_path):
        (tmp_path / "files-2").mkdir()
        (tmp_path / "files-2" / "a").write_bytes(b"x")
        with pytest.raises(BlobError, match="files-2"):
            blobs.read((tmp_path / "files-2" / "a").as_uri())


class TestGenerations:
    def test_two_replacements_within_one_tick_of_the_clock_differ(self, blobs, monkeypatch):
        moment = time.time_ns()
        monkeypatch.setattr(unfinished.time, "time_ns", lambda: moment)
        monkeypatch.setattr(unfinished.random, "randrange", lambda _: 0)
        seen = [blobs.put("a", b"x").generation for _ in range(50)]
        assert len(set(seen)) == 50

    def test_a_clock_that_was_set_back_gives_no_generation_twice(self, blobs, monkeypatch):
        first = blobs.put("a", b"x")
        monkeypatch.setattr(unfinished.time, "time_ns", lambda: first.generation - 10**12)
        assert blobs.put("a", b"y").generation > first.generation

    def test_a_file_system_with_slow_ticks_gives_no_generation_twice(self, blobs, monkeypatch):
        set_times = os.utime

        def in_whole_seconds(path, *, ns):
            set_times(path, ns=tuple(each // 10**9 * 10**9 for each in ns))

        monkeypatch.setattr(unfinished.os, "utime", in_whole_seconds)
        seen = [blobs.put("a", b"x").generation for _ in range(10)]
        assert len(set(seen)) == 10

    def test_a_backup_that_keeps_times_keeps_generations(self, blobs, root):
        info = blobs.put("a", b"x")
        moved = root.with_name("elsewhere")
        subprocess.run(["cp", "-a", str(root), str(moved)], check=True)
        assert LocalBlobs(moved).stat(LocalBlobs(moved).uri("a")).generation == info.generation


class TestWhenTheDiskRefuses:
    @pytest.fixture
    def full(self, monkeypatch):
        """A disk on which `call` of the os module fails."""

        def fail(call: str, number: int = errno.ENOSPC) -> None:
            def refuse(*_: object, **__: object) -> None:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr(os, call, refuse)

        return fail

    @pytest.mark.parametrize("call", ["fsync", "rename", "makedirs", "utime"])
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_an_error_that_says_so_and_leaves_the_former_object(
        self, root, full, monkeypatch, call, number
    ):
        blobs = LocalBlobs(root)
        before = blobs.put("a", b"former")
        full(call, number)
        with pytest.raises(BlobError, match=r"disk is full.*make room"):
            blobs.put("a", b"new")
        with pytest.raises(BlobError, match="disk is full"), blobs.writer("a") as out:
            out.write(b"new")
        monkeypatch.undo()
        assert blobs.read(before.uri, generation=before.generation) == b"former"
        assert leftovers(root) == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    @pytest.mark.parametrize("size", [1, 5_000_000])
    def test_a_disk_that_fills_up_while_writing_is_an_error_that_says_so(
        self, blobs, root, monkeypatch, size
    ):
        really_open = open

        def open_on_full_disk(path, *args, **kwargs):
            really_open(path, "xb").close()
            return really_open("/dev/full", "wb", buffering=kwargs["buffering"])

        monkeypatch.setattr(unfinished, "open", open_on_full_disk, raising=False)
        with pytest.raises(BlobError, match="disk is full"), blobs.writer("a") as out:
            out.write(b"x" * size)
        assert list(blobs.list("")) == []
        assert leftovers(root) == []

    def test_a_full_disk_while_many_are_copied_says_so(self, blobs, full, tmp_path):
        (tmp_path / "source").write_bytes(b"x")
        full("fsync")
        with pytest.raises(BlobError, match="disk is full"):
            blobs.upload_many([(tmp_path / "source", "a")])

    def test_an_error_of_the_block_itself_is_not_taken_for_one_of_the_disk(self, blobs):
        with pytest.raises(OSError, match="of the caller"):
            write_and_raise(blobs, "a", b"x", OSError(errno.ENOSPC, "of the caller"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
    def test_a_folder_without_permission_is_named(self, root):
        root.mkdir(mode=0o500)
        with pytest.raises(BlobError, match=r"files.*ermission"):
            LocalBlobs(root).put("a", b"x")

    def test_a_root_that_is_a_file_is_named(self, root):
        root.write_bytes(b"")
        with pytest.raises(BlobError, match="files"):
            LocalBlobs(root).put("a", b"x")

    def test_an_object_cannot_lie_below_another(self, blobs, root):
        kept = blobs.put("a", b"x")
        with pytest.raises(BlobError, match="a/b"):
            blobs.put("a/b", b"y")
        with pytest.raises(BlobError, match="a/b"):
            blobs.put("a/b", b"y", if_absent=True)
        assert list(blobs.list("")) == [kept]
        assert leftovers(root) == []

    def test_an_object_cannot_take_the_place_of_a_folder(self, blobs):
        kept = blobs.put("a/b", b"x")
        with pytest.raises(BlobError, match="files/a"):
            blobs.put("a", b"y")
        assert list(blobs.list("")) == [kept]

    def test_a_disk_without_hard_links_still_puts_if_absent(self, blobs, root, full):
        full("link", errno.EPERM)
        info = blobs.put("a", b"mine", if_absent=True)
        assert blobs.put("a", b"other", if_absent=True) == info
        assert blobs.read(info.uri) == b"mine"
        assert leftovers(root) == []

    def test_a_file_system_that_cannot_sync_folders_will_do(self, blobs, monkeypatch):
        sync = os.fsync

        def files_only(number):
            if stat.S_ISDIR(os.fstat(number).st_mode):
                raise OSError(errno.EINVAL, "cannot sync folders")
            sync(number)

        monkeypatch.setattr(os, "fsync", files_only)
        assert blobs.read(blobs.put("a/b", b"x").uri) == b"x"


def test_bytes_are_durable_before_the_name_and_the_name_before_the_return(blobs, monkeypatch):
    """The order that a power failure tests: file synced, then named, then its folder synced."""
    blobs.put("a/former", b"x")
    events = []
    sync, rename = os.fsync, os.rename

    def note_sync(number):
        events.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        sync(number)

    def note_rename(*args):
        events.append("name")
        rename(*args)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "rename", note_rename)
    blobs.put("a/b", b"x")
    assert events == ["file", "name", "folder"]


class TestAfterAKill:
    SCRIPT = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from gemchain.blobs.local import LocalBlobs

        with LocalBlobs(Path(sys.argv[1])).writer("a/b") as out:
            out.write(b"half of it" * 100_000)
            print("written", flush=True)
            sys.stdin.readline()
        """
    )

    @pytest.fixture
    def writing(self, root):
        """Another process, in the middle of writing an object."""
        with subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout.readline() == "written\n"
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)

    def test_a_killed_writer_leaves_no_object(self, writing, blobs, root):
        writing.send_signal(signal.SIGKILL)
        writing.wait()
        assert len(leftovers(root)) == 1
        assert list(blobs.list("")) == []
        assert blobs.stat(blobs.uri("a/b")) is None

    def test_what_it_left_is_removed_once_it_is_old(self, writing, root):
        writing.send_signal(signal.SIGKILL)
        writing.wait()
        [left] = leftovers(root)
        LocalBlobs(root).put("other", b"x")
        assert leftovers(root) == [left]
        long_ago = time.time() - DAY
        os.utime(left, (long_ago, long_ago))
        LocalBlobs(root).put("other", b"x")
        assert leftovers(root) == []

    def test_a_slow_writer_that_lives_is_left_alone(self, writing, blobs, root):
        [file] = leftovers(root)
        long_ago = time.time() - DAY
        os.utime(file, (long_ago, long_ago))
        LocalBlobs(root).put("other", b"x")
        assert leftovers(root) == [file]
        writing.communicate("go on\n")
        assert writing.returncode == 0
        assert blobs.stat(blobs.uri("a/b")).size == 1_000_000

    def test_unfinished_files_cannot_be_named_or_addressed(self, writing, blobs, root):
        [file] = leftovers(root)
        with pytest.raises(BlobError, match="unfinished"):
            blobs.read(file.as_uri())
        with pytest.raises(BlobError, match="unfinished"):
            blobs.put(".unfinished/a", b"x")
        assert list(blobs.list(".unfin")) == []
        assert list(blobs.list(".unfinished/")) == []
