"""Pages of the docs site that are made from the code, and the built site, where its tools are installed."""

import re
import sys
from types import SimpleNamespace

import pytest

import gemchain
from gemchain.cli.app import app
from tools.docs.cli_reference import cli_reference
from tools.docs.diagrams import drawn
from tools.docs.repository import ROOT


def test_the_reference_of_the_command_line_has_every_command_and_what_each_option_does():
    text = cli_reference()
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert re.findall(r"^## `gemchain (\w+)`", text, re.MULTILINE) == names
    assert "gemchain run FILE:FUNCTION [OPTIONS]" in text
    assert "| `--timeout SECONDS` | Stop after so many seconds." in text
    assert [line for line in text.splitlines() if line.startswith("|") and line.endswith("|  |")] == []


def test_a_diagram_stays_as_text_where_nothing_can_draw_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mmdr", None)
    text = drawn("before\n\n```mermaid\nflowchart TB\n\n  a --> b\n```\n\nafter")
    assert re.sub(r"\s+", " ", text) == (
        'before <pre class="diagram-text"><code>flowchart TB&#10;&#10; a --&gt; b&#10;</code></pre> after'
    )


def test_a_page_that_the_navigation_does_not_name_goes_to_the_reference(tmp_path):
    pytest.importorskip("mkdocs", reason="`make docs` installs it")
    from tools.docs.hooks import on_config

    for name in ("known.md", "new.md"):
        (tmp_path / name).write_text("# A page")
    config = SimpleNamespace(
        docs_dir=str(tmp_path), nav=[{"Tutorial": ["known.md"]}, {"Reference": ["a.md"]}]
    )
    assert on_config(config).nav == [{"Tutorial": ["known.md"]}, {"Reference": ["a.md", "new.md"]}]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. `make docs` installs what builds it; CI runs that before the tests."""
    pytest.importorskip("mkdocs", reason="`make docs` installs it")
    from tools.docs.__main__ import build

    folder = tmp_path_factory.mktemp("site")
    assert build(folder)
    return folder


@pytest.mark.slow
class TestTheBuiltSite:
    def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(self, site):
        from tools.docs.links import problems

        assert problems(site) == []
        assert len(list(site.rglob("*.html"))) > 60

    def test_every_public_name_and_port_is_in_the_api_reference(self, site):
        text = (site / "reference" / "api" / "gemchain.html").read_text()
        assert [name for name in gemchain.__all__ if f'id="gemchain.{name}"' not in text] == []
        ports = (site / "reference" / "api" / "gemchain.ports.html").read_text()
        assert 'id="gemchain.ports.Store.commit"' in ports
        assert (
            'id="gemchain.firebase.gemchainSweep"'
            in (site / "reference" / "api" / "gemchain.firebase.html").read_text()
        )

    def test_the_options_of_submit_are_in_its_signature(self, site):
        text = (site / "reference" / "api" / "gemchain.md").read_text()
        signature = text.partition("\nsubmit(")[2].partition("```")[0]
        assert "on_error: Callable" in signature
        assert "**options" not in signature

    def test_every_page_of_the_docs_is_on_the_site_and_in_the_single_page(self, site):
        whole, listed = (site / "llms-full.txt").read_text(), (site / "llms.txt").read_text()
        for document in (ROOT / "docs").rglob("*.md"):
            name = document.relative_to(ROOT / "docs")
            title = document.read_text().partition("\n")[0]
            assert (site / name.with_suffix(".html")).exists()
            assert f"\n{title}\n" in whole
            assert f"({name})" in listed

    def test_each_page_that_the_list_names_is_there(self, site):
        named = re.findall(r"^- \[.*?\]\((.*?)\)", (site / "llms.txt").read_text(), re.MULTILINE)
        assert len(named) > 40
        assert [name for name in named if not (site / name).exists()] == []

    def test_the_diagram_is_drawn_without_a_script_and_stands_there_as_text(self, site):
        text = (site / "architecture.html").read_text()
        diagram = text.partition('<div class="diagram">')[2].partition("</div>")[0]
        assert diagram.startswith("<svg")
        assert "wiring.py" in diagram
        assert 'class="mermaid"' not in text
        assert "flowchart TB" in text.partition("The diagram as text")[2]
