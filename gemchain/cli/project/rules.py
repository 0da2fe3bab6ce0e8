"""gemchain's part of a `firestore.rules` or `storage.rules` that is there already.

Rules only ever add permission: a match that denies takes nothing away from another that allows. So what is
put in says what holds anyway, for people who read or change the rules; and a rule of theirs
that reaches every document is told, because nothing that is added could close it.

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
    """The file is no set of rules that can be changed safely; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """What rules are about.

    Attributes:
        root: The path below which everything lies, as written in the match of a new file.
        pattern: That path, with whatever names its wildcards have.
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
        UnreadableError: It is not clear where they belong; nothing may be written then.
    """
    bare = _without_ours(text)
    at, indent = _place(_blank(bare), bare, service)
    return f"{bare[:at]}{block(paths, indent)}{bare[at:]}"


def opened(text: str, service: Service) -> list[str]:
    """Paths of rules that reach every document and allow something, so that they reach gemchain's, too."""
    code = _blank(text)
    return [path for path, inside in _matches(code, text) if _reaches_all(path, service) and _allows(inside)]


def _without_ours(text: str) -> str:
    lines = text.splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if line.strip() in (BEGIN, END)]
    if not marks:
        return text
    if len(marks) != 2 or lines[marks[0]].strip() != BEGIN:  # noqa: PLR2004 -- a beginning and an end
        raise UnreadableError("its two lines of gemchain's are not one pair")
    return "".join(lines[: marks[0]] + lines[marks[1] + 1 :])


def _blank(text: str) -> str:
    """The same text, as long as before, with spaces for comments, strings, and the braces of wildcards."""
    parts = re.compile(
        rf"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|{NAME}(?=[\s/{{])|{REST}", re.DOTALL
    )
    return parts.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def _end(code: str, start: int) -> int:
    """Where the block ends that was opened just before `start`."""
    depth = 1
    for at in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
    raise UnreadableError("its braces do not match")


def _place(code: str, text: str, service: Service) -> tuple[int, str]:
    """Where our lines go: the start of the line after the match of everything, and their indentation."""
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
    """Every match: its whole path from the outermost one on, and the code inside it."""
    stack: list[tuple[str, int]] = []
    for found in re.finditer(r"\bmatch\s+([^;]*?)\{", code):
        stack = [each for each in stack if found.start() < each[1]]
        end = _end(code, found.end())
        path = re.sub(r"\s", "", text[found.start(1) : found.end(1)])
        whole = f"{stack[-1][0] if stack else ''}{path}"
        stack.append((whole, end))
        yield whole, code[found.end() : end]


def _reaches_all(path: str, service: Service) -> bool:
    """Whether a path begins with a wildcard, so that it may name a collection or folder of gemchain's."""
    return re.match(rf"{service.pattern}/(?:{NAME}|{REST})", path) is not None


def _allows(code: str) -> bool:
    rules = re.findall(r"\ballow\b([^;]*);", code)
    return any(not re.search(r":\s*if\s+false\s*$", each) for each in rules)
