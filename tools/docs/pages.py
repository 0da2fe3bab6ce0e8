"""Pages that are made from the code: the API by its public names, the command line, the list of decisions."""

from collections.abc import Iterator
from pathlib import Path

from tools.docs.cli_reference import cli_reference
from tools.docs.repository import ROOT

__all__ = ["generated"]

API = "reference/api"

ABOUT = {
    "gemchain": "What `import gemchain` gives.",
    "gemchain.testing": "An engine and a clock for tests of your chains: [how to test](../../testing.md).",
    "gemchain.firebase": "The stages as Cloud Functions: [how to deploy them](../../deploy.md).",
    "gemchain.ports": (
        "What the engine asks of a store, a file storage, a provider, a format, a waker and a clock. "
        "An adapter of your own implements one of these: [where it goes](../../architecture.md)."
    ),
}
"""What stands above the names of a module."""


def generated() -> dict[str, str]:
    """The pages by name, as Markdown."""
    pages = {f"{API}/{module}.md": "\n".join(_module(module)) for module in ABOUT}
    return pages | {"reference/cli.md": cli_reference(), "decisions/index.md": _decisions()}


def _module(module: str) -> Iterator[str]:
    """A page with the names in a module's `__all__`, by kind."""
    yield from (f"# {module}", "", ABOUT[module], "")
    if module == "gemchain.firebase":
        yield from _entry(module, "members: false", "show_root_heading: false")
    for title, names in _by_kind(module).items():
        if names:
            yield from (f"## {title}", "")
            for name in names:
                yield from _entry(f"{module}.{name}")


def _entry(name: str, *options: str) -> Iterator[str]:
    yield f"::: {name}"
    if options:
        yield from ("    options:", *(f"      {each}" for each in options))
    yield ""


def _by_kind(module: str) -> dict[str, list[str]]:
    """The public names of a module: functions, classes, errors. They are read, and not imported."""
    import griffe

    loader = griffe.GriffeLoader(search_paths=[ROOT])
    loader.load("gemchain")
    loader.resolve_aliases(implicit=True)
    package = loader.modules_collection[module]
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in sorted(str(each) for each in package.exports or ()):
        member = package[name]
        kind = "Functions" if member.is_function else "Classes"
        is_error = member.canonical_path.startswith("gemchain.errors.") or name.endswith("Error")
        kinds["Errors" if is_error else kind].append(name)
    return kinds


def _decisions() -> str:
    """The list of decisions, by number."""
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    listed = [f"- [{_title(each)}]({each.name})" for each in files]
    return "\n".join(["# Decisions", "", "Why things are as they are.", "", *listed, ""])


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
