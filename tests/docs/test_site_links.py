"""The docs site's own code: links to files of the repository, and the check of the built site's links."""

import re

import pytest

from tools.docs.links import problems
from tools.docs.repository import ROOT, included, page_of, rewritten


def site(folder, **pages):
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
    return folder


def test_a_link_to_a_line_of_a_file_leads_to_that_line_on_the_files_page():
    text = rewritten("[`x`](../gemchain/errors.py#L12) and [y](quickstart.md#a)", "docs/architecture.md")
    assert text == "[`x`](repository/gemchain/errors.py.md#__codelineno-0-12) and [y](quickstart.md#a)"


def test_a_link_from_a_file_outside_of_the_docs_leads_back_into_them():
    text = rewritten("[a](docs/architecture.md) [d](docs/decisions) [w](https://w.org)", "CONTRIBUTING.md")
    assert text == "[a](../architecture.md) [d](../decisions/index.md) [w](https://w.org)"


def test_a_link_to_no_file_stays_for_the_build_to_report():
    assert rewritten("[a](../nothing.md)", "docs/quickstart.md") == "[a](../nothing.md)"


def test_every_file_outside_of_the_docs_that_a_document_links_to_has_a_page():
    pages = included()
    linked = set(re.findall(r"\]\(\.\./([\w/.-]+)", (ROOT / "docs" / "architecture.md").read_text()))
    assert len(linked) > 15
    assert {page_of(path) for path in linked} <= set(pages)
    assert "repository/CHANGELOG.md" in pages


def test_a_built_site_without_faults_has_no_problems(tmp_path):
    pages = {"a": '<a href="b.html#here">b</a><a href="https://w.org">w</a>', "b": '<p id="here">'}
    assert problems(site(tmp_path, **pages)) == []


@pytest.mark.parametrize(
    ("markup", "problem"),
    [
        ('<a href="gone.html">x</a>', "a.html: gone.html leads to no file"),
        ('<a href="../outside.html">x</a>', "a.html: ../outside.html leads to no file"),
        ('<a href="#nowhere">x</a>', "a.html: #nowhere leads to no place on its page"),
        ('<a href="a.html#L1">x</a>', "a.html: a.html#L1 leads to no place on its page"),
        ('<img src="gone.png">', "a.html: gone.png leads to no file"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "a.html: loads https://cdn.example/x.js, which is not part of the site",
        ),
        (
            '<link rel="stylesheet" href="//fonts.example/x.css">',
            "a.html: loads //fonts.example/x.css, which is not part of the site",
        ),
    ],
)
def test_a_built_site_with_a_fault_has_one_problem(tmp_path, markup, problem):
    assert problems(site(tmp_path, a=markup)) == [problem]


def test_a_style_that_loads_a_font_from_a_server_is_a_problem(tmp_path):
    (tmp_path / "site.css").write_text('@font-face { src: url("https://fonts.example/x.woff2") }')
    assert problems(tmp_path) == [
        "site.css: loads https://fonts.example/x.woff2, which is not part of the site"
    ]
