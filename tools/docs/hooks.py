"""What MkDocs calls while it builds the site; `mkdocs.yml` names this file.

https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from tools.docs.diagrams import drawn
from tools.docs.export import Exported, markdown, write
from tools.docs.pages import generated
from tools.docs.repository import ROOT, included, rewritten

__all__ = ["on_config", "on_files", "on_nav", "on_page_content", "on_page_markdown", "on_post_build"]

SECTION_OF_NEW_PAGES = "Reference"
"""Where a page of `docs/` goes that `mkdocs.yml` does not name."""

_sections: dict[str, str] = {}
"""The section of each page that the navigation names, in its order."""

_exported: dict[str, Exported] = {}


def on_config(config: Any) -> Any:
    """Add the pages of `docs/` to the navigation that it does not name."""
    named = str(config.nav)
    pages = sorted(path.name for path in Path(config.docs_dir).glob("*.md"))
    for section in config.nav:
        if SECTION_OF_NEW_PAGES in section:
            section[SECTION_OF_NEW_PAGES].extend(page for page in pages if f"'{page}'" not in named)
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from the code, and those for files that documents link to."""
    for name, text in (generated() | included()).items():
        files.append(File.generated(config, name, content=text))
    return files


def on_nav(nav: Any, config: Any, files: Any) -> Any:  # noqa: ARG001 -- MkDocs passes all by name
    """Remember in which section each page is."""
    _sections.clear()
    _exported.clear()
    for page in nav.pages:
        outermost = page.ancestors[-1].title if page.ancestors else "Start"
        _sections[page.file.src_uri] = outermost
    for file in files.documentation_pages():
        if file.src_uri.startswith("decisions/"):
            _sections.setdefault(file.src_uri, "Decisions")
    return nav


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 -- as above
    """Draw the diagrams, and let links to files outside of `docs/` lead to their pages."""
    source = page.file.abs_src_path
    if source is None:
        return markdown
    return drawn(rewritten(markdown, Path(source).relative_to(ROOT).as_posix()))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 -- as above
    """Keep the text of each page of the navigation for the export."""
    name = page.file.src_uri
    if name in _sections:
        url = str(Path(page.file.dest_uri).with_suffix(".md"))
        _exported[name] = Exported(_sections[name], str(page.title), url, markdown(html, page.url))
    return html


def on_post_build(config: Any) -> None:
    """Write the export."""
    pages = [_exported[name] for name in _sections if name in _exported]
    write(Path(config.site_dir), config.site_name, config.site_description, pages)
