"""Links between the documents of the repository, and the pages of the site that these links lead to.

A document links to files as they lie in the repository, so that its links work there. The site has a page for
each file outside `docs/` that a document links to: a Markdown file as a page like any other, every other file
as a page with numbered lines.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["ROOT", "included", "page_of", "rewritten"]

ROOT = Path(__file__).parents[2]
DOCS = "docs/"
INCLUDED = "repository/"
"""Folder of the site for files outside of `docs/`."""

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(?:#([^)\s]*))?(?=\))")
LINE = re.compile(r"L(\d+)$")

LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".sql": "sql", ".sh": "bash", ".yml": "yaml"}
"""How the lines of a file are coloured, by the ending of its name."""

HEAD = "---\ntitle: {path}\nhide: [navigation, toc]\nsearch:\n  exclude: true\n---\n\n# `{path}`\n\n"
FENCE = "`" * 6


def page_of(path: str) -> str:
    """The page of the site that shows a file or a folder of the repository.

    Args:
        path: Path from the root of the repository.
    """
    if path.startswith(DOCS):
        page = path.removeprefix(DOCS)
        return page if page.endswith(".md") else f"{page.rstrip('/')}/index.md"
    return f"{INCLUDED}{path}" if path.endswith(".md") else f"{INCLUDED}{path}.md"


def rewritten(text: str, path: str) -> str:
    """A document's text with links that lead to the pages of the site.

    Args:
        text: Markdown.
        path: Path of the document from the root of the repository.
    """
    here = posixpath.dirname(page_of(path))

    def link(found: re.Match[str]) -> str:
        target = _target(found, path)
        if not (ROOT / target).exists():
            return found[0]  # the build reports it
        page = posixpath.relpath(page_of(target), here or ".")
        return f"{page}#{_anchor(found[2], target)}" if found[2] else page

    return LINK.sub(link, text)


def included(read: Callable[[Path], str] = Path.read_text) -> dict[str, str]:
    """The pages for files outside of `docs/` that documents link to, by name, with their Markdown.

    Args:
        read: Gives the text of a file.
    """
    texts: dict[str, str] = {}
    waiting = [(path.relative_to(ROOT).as_posix(), read(path)) for path in sorted(ROOT.glob("docs/**/*.md"))]
    while waiting:
        document, text = waiting.pop()
        for target in sorted({_target(found, document) for found in LINK.finditer(text)}):
            if target.startswith(DOCS) or page_of(target) in texts or not (ROOT / target).is_file():
                continue
            content = read(ROOT / target)
            texts[page_of(target)] = _page(target, content)
            if target.endswith(".md"):
                waiting.append((target, content))
    return texts


def _target(found: re.Match[str], path: str) -> str:
    """Path of a link's target from the root of the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), found[1]))


def _anchor(anchor: str, target: str) -> str:
    """The anchor on the site; that of a line is called as MkDocs calls the lines of a block of code."""
    line = LINE.match(anchor)
    return f"__codelineno-0-{line[1]}" if line and not target.endswith(".md") else anchor


def _page(path: str, content: str) -> str:
    if path.endswith(".md"):
        return rewritten(content, path)
    language = LANGUAGES.get(Path(path).suffix, "text")
    return f'{HEAD.format(path=path)}{FENCE}{language} linenums="1"\n{content.rstrip()}\n{FENCE}\n'
