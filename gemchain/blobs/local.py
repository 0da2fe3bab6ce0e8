"""Files in a folder: the `Blobs` port for one machine.

An object is written to a file in `.unfinished/`, made durable, and renamed to its name. So it is
there whole or not at all, whenever the process or the machine stops. What a killed process leaves
in `.unfinished/` is never listed; a later process removes it once it is old and not locked.

The generation of an object is its time of modification in nanoseconds. It is set here, and later
than that of the object which is replaced, because the clock of a file system ticks too slowly to
tell two replacements apart. It survives a backup that keeps times (`cp -a`, `rsync -a`).
"""

import builtins
import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gemchain.blobs.names import check_name, check_prefix
from gemchain.blobs.unfinished import Unfinished, refusals, remove_stale, sync_folder
from gemchain.errors import BlobError, BlobNotFoundError
from gemchain.ports import BlobInfo, BlobWriter

__all__ = ["LocalBlobs"]

UNFINISHED = ".unfinished"
COPY_BYTES = 1 << 20
SCHEME = "file://"

_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalBlobs:
    """Objects as files below one folder, which is made when the first object is written.

    Several processes and threads may use the same folder. The folder itself may be a symbolic link;
    below it links are refused, because they could lead out.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)  # not resolved: addresses keep the spelling that the user gave
        self._roots = {self._root.rstrip("/") + "/", os.path.realpath(root).rstrip("/") + "/"}
        self._swept = False

    def uri(self, name: str) -> str:
        """The address of a name; see `Blobs.uri`."""
        return SCHEME + _quoted(self._path(name))

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[BlobWriter]:
        """Write an object as a stream; see `Blobs.writer`."""
        path = self._path(name)
        with self._unfinished(path) as file:
            yield file
            self._publish(file, path)

    def put(self, name: str, data: bytes, *, if_absent: bool = False) -> BlobInfo:
        """Write a small object whole; `if_absent` holds even against other processes. See `Blobs.put`."""
        path = self._path(name)
        info = self._info(path) if if_absent else None
        while info is None:
            with self._unfinished(path) as file:
                file.write(data)
                info = self._publish_new(file, path) if if_absent else self._publish(file, path)
        return info

    def upload_many(self, pairs: Sequence[tuple[Path, str]]) -> builtins.list[BlobInfo]:
        """Copy files to objects; see `Blobs.upload_many`."""
        infos, errors = [], []
        for source, name in pairs:
            try:
                infos.append(self._copy(source, name))
            except BlobError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return infos

    def stat(self, uri: str) -> BlobInfo | None:
        """What is there now; see `Blobs.stat`."""
        return self._info(self._located(uri))

    def read(
        self, uri: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """The bytes of a range; see `Blobs.read`."""
        with self._opened(uri, generation) as number:
            size = os.fstat(number).st_size
            end = size if end is None else min(end, size)
            pieces = []
            while start < end and (piece := os.pread(number, end - start, start)):
                pieces.append(piece)
                start += len(piece)
        return b"".join(pieces)

    def stream(
        self, uri: str, *, generation: int | None = None, start: int = 0, chunk: int = 1 << 20
    ) -> Iterator[bytes]:
        """The bytes from `start` on, of one generation even while it is replaced; see `Blobs.stream`."""
        with self._opened(uri, generation) as number:
            while piece := os.pread(number, chunk, start):
                yield piece
                start += len(piece)

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects by name; see `Blobs.list`."""
        if prefix.startswith(SCHEME):
            prefix = self._below(prefix)
        folder = check_prefix(prefix).rpartition("/")[0]
        for name, found in self._walk(folder, prefix):
            with contextlib.suppress(
                BlobError
            ):  # unfinished, or a foreign file whose name no object can have
                address = self.uri(name)
                yield BlobInfo(address, found.st_mtime_ns, found.st_size)

    def delete(self, uri: str) -> None:
        """Remove an object; see `Blobs.delete`."""
        path = self._located(uri)
        if self._info(path) is None:
            return
        with refusals(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def _path(self, name: str) -> str:
        if check_name(name).split("/", 1)[0] == UNFINISHED:
            raise BlobError(f"{name!r} cannot name a file: {UNFINISHED!r} is where unfinished files lie")
        return os.path.join(self._root, name)

    def _located(self, uri: str) -> str:
        """The path of an address; whatever lies elsewhere is not there, as far as these files go."""
        try:
            return self._path(self._below(uri))
        except BlobError as error:
            raise BlobNotFoundError(str(error)) from error

    def _below(self, uri: str) -> str:
        """The path of an address relative to the root, unchecked."""
        try:
            path = os.fsdecode(unquote_to_bytes(uri.removeprefix(SCHEME)))
        except UnicodeEncodeError as error:
            raise BlobError(f"{uri!r} is no address") from error
        for root in self._roots:
            if uri.startswith(SCHEME) and path.startswith(root):
                return path[len(root) :]
        raise BlobError(f"{uri!r} is not below {SCHEME + _quoted(self._root)!r}, the folder of these files")

    def _entry(self, path: str) -> os.stat_result | None:
        """What lies at a path below the root; None when nothing does."""
        found = None
        step = len(self._root)
        with refusals(path):
            while step != -1:
                step = path.find("/", step + 1)
                try:
                    found = os.lstat(path if step == -1 else path[:step])
                except OSError as error:
                    if error.errno in _ABSENT:
                        return None
                    raise
                if stat.S_ISLNK(found.st_mode):
                    raise BlobNotFoundError(f"{path!r} leads over a symbolic link, which could lead out")
        return found

    def _info(self, path: str) -> BlobInfo | None:
        found = self._entry(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return BlobInfo(SCHEME + _quoted(path), found.st_mtime_ns, found.st_size)

    @contextlib.contextmanager
    def _opened(self, uri: str, generation: int | None) -> Iterator[int]:
        path = self._located(uri)
        if self._info(path) is None:
            raise BlobNotFoundError(f"{uri!r} is not there")
        with refusals(path):
            try:
                number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError as error:
                raise BlobNotFoundError(f"{uri!r} is not there any more") from error
            try:
                # Asked of the open file, which stays the same one however often its name is replaced.
                found = os.fstat(number).st_mtime_ns
                if generation not in {None, found}:
                    raise BlobNotFoundError(
                        f"{uri!r} was replaced: it is of generation {found}, not {generation}"
                    )
                yield number
            finally:
                os.close(number)

    @contextlib.contextmanager
    def _unfinished(self, path: str) -> Iterator[Unfinished]:
        folder = os.path.join(self._root, UNFINISHED)
        with refusals(path):
            os.makedirs(folder, exist_ok=True)
        if not self._swept:
            self._swept = True
            remove_stale(folder)
        file = Unfinished(folder, path)
        try:
            yield file
        finally:
            file.discard()

    def _publish(self, file: Unfinished, path: str) -> BlobInfo:
        """Give the file its name, in place of what bore it; durable on return."""
        before = self._entry(path)
        sealed = file.seal(later_than=before.st_mtime_ns if before else 0)
        folder = os.path.dirname(path)
        with refusals(path):
            self._make_folder(folder)
            os.rename(file.path, path)
            sync_folder(folder)
        return BlobInfo(SCHEME + _quoted(path), sealed.st_mtime_ns, sealed.st_size)

    def _publish_new(self, file: Unfinished, path: str) -> BlobInfo | None:
        """Give the file its name unless another bears it; then what does, or None if that is gone."""
        sealed = file.seal(later_than=0)
        folder = os.path.dirname(path)
        with refusals(path):
            self._make_folder(folder)
            try:
                os.link(file.path, path)
            except FileExistsError:
                return self._info(path)
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                return self._info(path) or self._publish(file, path)
            sync_folder(folder)
        return BlobInfo(SCHEME + _quoted(path), sealed.st_mtime_ns, sealed.st_size)

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it, each durable before something is put into it."""
        if os.path.isdir(folder):
            return
        self._make_folder(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        sync_folder(os.path.dirname(folder))

    def _copy(self, source: Path, name: str) -> BlobInfo:
        path = self._path(name)
        with self._unfinished(path) as file:
            try:
                with source.open("rb") as opened:
                    shutil.copyfileobj(opened, file, COPY_BYTES)
            except OSError as error:
                raise BlobError(f"{str(source)!r} cannot be read: {error.strerror or error}") from error
            return self._publish(file, path)

    def _walk(self, folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        path = os.path.join(self._root, folder) if folder else self._root
        if folder and self._entry(path) is None:
            return
        for key, entry in _entries(path):
            name = f"{folder}/{key}" if folder else key
            if key.endswith("/"):
                if name.startswith(prefix) or prefix.startswith(name):
                    yield from self._walk(name[:-1], prefix)
            elif name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    yield name, entry.stat(follow_symlinks=False)


def _entries(folder: str) -> list[tuple[str, "os.DirEntry[str]"]]:
    """What a folder holds, folders with a slash behind: so a walk meets whole names in their order."""
    with (
        refusals(folder),
        contextlib.suppress(FileNotFoundError, NotADirectoryError),
        os.scandir(folder) as found,
    ):
        return sorted(
            ((entry.name + "/" * entry.is_dir(follow_symlinks=False), entry) for entry in found),
            key=lambda pair: pair[0],
        )
    return []


def _quoted(path: str) -> str:
    return quote_from_bytes(os.fsencode(path), safe="/:@+=,~")
