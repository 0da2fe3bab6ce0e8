"""Texts that come with Python: the docstrings of its library, and the topics of its language reference.

The library is parsed, not imported: importing some modules opens windows, prints or starts things.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

__all__ = ["FunctionRow", "TopicRow", "functions", "topics"]

LEFT_OUT = frozenset(
    {"antigravity", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "this", "turtledemo"}
)
TESTS = frozenset({"test", "tests", "__main__.py", "__pycache__", "site-packages"})
SHORTEST = 20
"""Characters of a docstring, at least."""
LONGEST = 4_000
"""Characters of a docstring that are used, at most."""

FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef


class FunctionRow(TypedDict):
    """A function of the standard library."""

    id: str
    signature: str
    doc: str


class TopicRow(TypedDict):
    """A topic of the language reference, as `help("assignment")` shows it."""

    id: str
    text: str


def functions() -> Iterator[FunctionRow]:
    """Every public function and method of the standard library that has a docstring."""
    library = Path(sysconfig.get_path("stdlib"))
    for file in _files(library):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        yield from _rows(".".join(file.relative_to(library).with_suffix("").parts), tree)


def _files(library: Path) -> Iterator[Path]:
    for name in sorted(sys.stdlib_module_names):
        if name.startswith("_") or name in LEFT_OUT:
            continue
        if (library / f"{name}.py").is_file():
            yield library / f"{name}.py"
            continue
        inside = sorted((library / name).rglob("*.py"))
        yield from (file for file in inside if not TESTS & set(file.relative_to(library).parts))


def _rows(module: str, tree: ast.Module) -> Iterator[FunctionRow]:
    module = module.removesuffix(".__init__")
    seen: set[str] = set()
    for prefix, node in _definitions(tree):
        doc = ast.get_docstring(node) or ""
        name = f"{module}.{prefix}{node.name}"
        if not node.name.startswith("_") and len(doc) >= SHORTEST and name not in seen:
            seen.add(name)  # a property and its setter share a name
            yield {"id": name, "signature": f"{node.name}({ast.unparse(node.args)})", "doc": doc[:LONGEST]}


def _definitions(tree: ast.Module) -> Iterator[tuple[str, FunctionDef]]:
    for node in tree.body:
        if isinstance(node, FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.", each) for each in node.body if isinstance(each, FunctionDef))


def topics() -> Iterator[TopicRow]:
    """Every topic of the language reference."""
    from pydoc_data.topics import topics as texts

    for name in sorted(texts):
        yield {"id": name, "text": texts[name]}
