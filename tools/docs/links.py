"""Checking a built site: every link leads somewhere, and nothing is loaded from elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["problems"]

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Elements that a browser loads by itself, and the attribute that says from where."""

STYLE = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


@dataclass
class _Page(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links, loads and anchors of an element."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        is_hint = tag == "link" and not {"stylesheet", "icon", "preload"} & set(values.get("rel", "").split())
        if tag in LOADS and LOADS[tag] in values and not is_hint:
            self.loads.append(values[LOADS[tag]])


def problems(site: Path) -> list[str]:
    """What is wrong in a built site, a line each; empty when all is well.

    Args:
        site: Folder of the built site.
    """
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    found = [line for path in pages for line in _of_page(site, path, pages)]
    return found + [line for path in sorted(site.rglob("*.css")) for line in _of_style(site, path)]


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _of_page(site: Path, path: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    name = path.relative_to(site)
    for link in pages[path].links + pages[path].loads:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if link in pages[path].loads and parts.scheme != "data":
                yield f"{name}: loads {link}, which is not part of the site"
            continue
        target = _target(site, path, unquote(parts.path))
        if not target.is_file() or not target.is_relative_to(site):
            yield f"{name}: {link} leads to no file"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{name}: {link} leads to no place on its page"


def _target(site: Path, path: Path, link: str) -> Path:
    """The file that a link without an address leads to."""
    if not link:
        return path
    target = (site / link.lstrip("/") if link.startswith("/") else path.parent / link).resolve()
    return target / "index.html" if target.is_dir() else target


def _of_style(site: Path, path: Path) -> Iterator[str]:
    for address in STYLE.findall(path.read_text(encoding="utf-8")):
        yield f"{path.relative_to(site)}: loads {address}, which is not part of the site"
