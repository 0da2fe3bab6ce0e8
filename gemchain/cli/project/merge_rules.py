"""Merging gemchain's lines into a project's own `firestore.rules` or `storage.rules`.

Rules only add permissions: a match that denies access does not limit another match that allows it. So the
lines that are added only document, for readers and editors of the file, what holds without them. A rule of
the project that reaches every document is reported, because no added line could limit it.

https://firebase.google.com/docs/firestore/security/rules-structure
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["FIRESTORE", "STORAGE", "Service", "UnreadableError", "block", "merged", "opened"]

BEGIN = "// gemchain begins: `gemchain init` writes what stands between these two lines"
END = "// gemchain ends"
NAME, REST = r"\{\s*\w+\s*\}", r"\{\s*\w+\s*=\s*\*\*\s*\}"


class UnreadableError(Exception):
    """The file cannot be changed safely; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that has rules.

    Attributes:
        root: The path of its outermost match, as a new file spells it.
        pattern: A regular expression for that path, with any names for its wildcards.
    """

    name: str
    root: str
    pattern: str


FIRESTORE = Service("cloud.firestore", "/databases/{database}/documents", rf"/databases/{NAME}/documents")
STORAGE = Service("firebase.storage", "/b/{bucket}/o", rf"/b/{NAME}/o")


def block(paths: Sequence[str], indent: str = "    ") -> str:
    """The lines that deny clients these folders or collections."""
    denied = (f"match /{each}/{{all=**}} {{ allow read, write: if false; }}" for each in paths)
    return "".join(f"{indent}{line}\n" for line in (BEGIN, *denied, END))


def merged(text: str, service: Service, paths: Sequence[str]) -> str:
    """The rules with gemchain's lines in them; lines of an earlier run are replaced.

    Raises:
        UnreadableError: The place for the lines is not clear; then nothing may be written.
    """
    own_removed = _without_own_lines(text)
    at, indent = _place(_blank_out(own_removed), own_removed, service)
    return f"{own_removed[:at]}{block(paths, indent)}{own_removed[at:]}"


def opened(text: str, service: Service) -> list[str]:
    """Paths of rules that allow something for every document, and so for gemchain's, too."""
    code = _blank_out(text)
    return [path for path, inside in _matches(code, text) if _reaches_all(path, service) and _allows(inside)]


def _without_own_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if line.strip() in (BEGIN, END)]
    if not marks:
        return text
    if len(marks) != 2 or lines[marks[0]].strip() != BEGIN:  # noqa: PLR2004 -- a beginning and an end
        raise UnreadableError("its two lines of gemchain's are not one pair")
    return "".join(lines[: marks[0]] + lines[marks[1] + 1 :])


def _blank_out(text: str) -> str:
    """The text at the same length, with spaces for comments, strings, and the braces of wildcards."""
    parts = re.compile(
        rf"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|{NAME}(?=[\s/{{])|{REST}", re.DOTALL
    )
    return parts.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def _end(code: str, start: int) -> int:
    """The position of the brace that closes the block opened just before `start`."""
    depth = 1
    for at in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
    raise UnreadableError("its braces do not match")


def _place(code: str, text: str, service: Service) -> tuple[int, str]:
    """The place for gemchain's lines, and their indentation: the line after the outermost match."""
    if code.count("{") != code.count("}"):
        raise UnreadableError("its braces do not match")
    services = list(re.finditer(rf"\bservice\s+{re.escape(service.name)}\s*\{{", code))
    if len(services) != 1:
        raise UnreadableError(f"it has {len(services)} blocks `service {service.name}`, not one")
    start = services[0].end()
    inside = slice(start, _end(code, start))
    roots = list(re.finditer(rf"\bmatch\s+{service.pattern}\s*\{{[^\S\n]*\n", text[inside]))
    roots = [each for each in roots if code[start + each.start()] == "m"]  # one in a comment is blank
    if len(roots) != 1:
        raise UnreadableError(
            f"it has {len(roots)} blocks `match {service.root}` with a line of their own, not one"
        )
    line = text.rfind("\n", 0, start + roots[0].start()) + 1
    indent = re.match(r"[^\S\n]*", text[line:])
    return start + roots[0].end(), f"{indent.group() if indent else ''}  "


def _matches(code: str, text: str) -> Iterator[tuple[str, str]]:
    """Every match: its full path from the outermost match on, and the code inside it."""
    stack: list[tuple[str, int]] = []
    for found in re.finditer(r"\bmatch\s+([^;]*?)\{", code):
        stack = [each for each in stack if found.start() < each[1]]
        end = _end(code, found.end())
        path = re.sub(r"\s", "", text[found.start(1) : found.end(1)])
        whole = f"{stack[-1][0] if stack else ''}{path}"
        stack.append((whole, end))
        yield whole, code[found.end() : end]


def _reaches_all(path: str, service: Service) -> bool:
    """Whether a path begins with a wildcard, which may match a collection or folder of gemchain's."""
    return re.match(rf"{service.pattern}/(?:{NAME}|{REST})", path) is not None


def _allows(code: str) -> bool:
    rules = re.findall(r"\ballow\b([^;]*);", code)
    return any(not re.search(r":\s*if\s+false\s*$", each) for each in rules)
