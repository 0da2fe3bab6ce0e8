"""The site as plain text for language models: each page as Markdown, a list of them, and all in one file.

https://llmstxt.org says what a file `llms.txt` has.
"""

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Exported", "markdown", "write"]

DESCRIPTION = 160
"""Letters of a page's first paragraph in the list, at most."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A page of the export."""

    section: str
    title: str
    url: str
    """Address of the Markdown file, from the root of the site."""
    text: str


def markdown(html: str, url: str) -> str:
    """A page's content as Markdown, with links that count from the root of the site.

    Args:
        html: The content as HTML.
        url: Address of the page from the root of the site.
    """
    from bs4 import BeautifulSoup
    from markdownify import ATX, MarkdownConverter

    soup = BeautifulSoup(html, "html.parser")
    for gone in soup.select("a.headerlink, svg, style, summary"):
        gone.decompose()
    for words in soup.find_all(string=True):
        if words.find_parent("pre") is None:
            words.replace_with(re.sub(r"\s*\n\s*", " ", words))
    for link in soup.select("a[href]"):
        link["href"] = _from_root(str(link["href"]), url)
    options: dict[str, Any] = {"bullets": "-", "heading_style": ATX, "escape_misc": False}
    converter = MarkdownConverter(
        **options, escape_underscores=False, escape_asterisks=False, code_language_callback=_language
    )
    text = str(converter.convert_soup(soup))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)).strip() + "\n"


def _from_root(link: str, url: str) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return link
    path = posixpath.normpath(posixpath.join(posixpath.dirname(url), parts.path))
    return f"{path}#{parts.fragment}" if parts.fragment else path


def _language(element: Any) -> str:
    """The language of a block of code, which is a class of a box around it."""
    for box in (element, *list(element.parents)[:3]):
        for each in box.get("class") or ():
            if each.startswith("language-"):
                return str(each).removeprefix("language-")
    return ""


def write(site: Path, name: str, description: str, pages: list[Exported]) -> None:
    """Write `llms.txt`, `llms-full.txt` and a Markdown file beside each page.

    Args:
        site: Folder of the built site.
        name: Name of the site.
        description: What it is about, in a sentence.
        pages: The pages in their order.
    """
    head = f"# {name}\n\n> {description}\n"
    listed, whole = [head], [head]
    section = None
    for page in pages:
        (site / page.url).write_text(page.text, encoding="utf-8")
        if page.section != section:
            listed.append(f"\n## {page.section}\n")
        section = page.section
        listed.append(f"- [{page.title}]({page.url}){_described(page.text)}")
        whole.append(f"\n{page.text}")
    listed.append("\nEverything in one file: [llms-full.txt](llms-full.txt)")
    (site / "llms.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    (site / "llms-full.txt").write_text("\n".join(whole), encoding="utf-8")


def _described(text: str) -> str:
    """The first sentence of a page's first paragraph."""
    paragraphs = [each for each in text.split("\n\n") if not each.startswith(("#", "```", "- ", "|"))]
    if not paragraphs:
        return ""
    line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraphs[0].split()))
    sentence = re.split(r"(?<=[.:!?]) ", line)[0]
    return f": {sentence}" if len(sentence) <= DESCRIPTION else f": {sentence[:DESCRIPTION].rstrip()} …"
