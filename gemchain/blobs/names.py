"""What may be the name of an object: the same in a folder and in a bucket."""

from gemchain.errors import BlobError

__all__ = ["check_name", "check_prefix"]

MAX_NAME_BYTES = 1024
"""https://cloud.google.com/storage/docs/objects#naming"""

_FORBIDDEN = ("\0", "\\", "\r", "\n")


def check_name(name: str) -> str:
    """The name itself, if it may be one.

    Raises:
        BlobError: It is empty, absolute, too long, leads out of the root, or holds a character that
            one of the services refuses.
    """
    problem = _problem(name)
    if problem:
        raise BlobError(
            f"{name!r} cannot name a file: {problem}; give a relative name such as 'batches/b1.jsonl'"
        )
    return name


def check_prefix(prefix: str) -> str:
    """The beginning of names itself, if a name may begin so; an empty one begins every name.

    Raises:
        BlobError: No name can begin so.
    """
    problem = _problem(prefix + "x")
    if problem:
        raise BlobError(f"no file name begins with {prefix!r}: {problem}")
    return prefix


def _problem(name: str) -> str:
    if not name:
        return "it is empty"
    if name.startswith("/"):
        return "it is absolute"
    if any(character in name for character in _FORBIDDEN):
        return "it holds a NUL, a backslash or a line break"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "each of its parts must be a name, not '', '.' or '..'"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not text that UTF-8 can carry"
    return "" if length <= MAX_NAME_BYTES else f"it takes {length} bytes; {MAX_NAME_BYTES} are allowed"
