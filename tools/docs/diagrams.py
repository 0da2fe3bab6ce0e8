"""Mermaid diagrams as pictures that are part of the page, so that no script is loaded to draw them."""

import html
import re

__all__ = ["drawn"]

BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawn(text: str) -> str:
    """A page's Markdown with its diagrams drawn, and each diagram's text in a box that opens below it.

    The package mmdr draws. Where it is not installed, the text stands open.
    """
    return BLOCK.sub(lambda block: _figure(block[1]), text)


def _figure(source: str) -> str:
    picture = _picture(source)
    code = f'<pre class="diagram-text"><code>{html.escape(source)}</code></pre>'
    if picture is None:
        return f"\n{_unbroken(code)}\n"
    details = f"<details><summary>The diagram as text</summary>{code}</details>"
    return f'\n<div class="diagram">{_unbroken(picture)}</div>\n{_unbroken(details)}\n'


def _picture(source: str) -> str | None:
    try:
        import mmdr
    except ImportError:
        return None
    return str(mmdr.render(source).svg())


def _unbroken(markup: str) -> str:
    """Markup on one line: an empty line would end it, and Markdown would go on inside."""
    return markup.strip().replace("\n", "&#10;" if markup.startswith(("<pre", "<details")) else " ")
