"""What `gemchain status` rests on: messages without details, and the file behind a stored name."""

import pytest

from gemchain.cli.output.fingerprints import normalised
from gemchain.cli.run.sources import find_source


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("row 17 of 4,001 is bad", "row 3 of 12 is bad"),
        ("no 'topic' here\nmore", "no 'tone' here"),
        ("<Thing object at 0x7f00aa12>", "<Thing object at 0x7e11bb>"),
        ("chain c0123456789abcdef is gone", "chain cfedcba9876543210 is gone"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-426614174abc"),
        ("too  many   blanks", "too many blanks"),
    ],
)
def test_details_of_a_message_do_not_count(one, other):
    assert normalised(one) == normalised(other)


def test_other_words_count():
    assert normalised("the topic is bad") != normalised("the tone is bad")


def test_a_name_that_no_file_has_is_not_found(tmp_path):
    (tmp_path / "broken.py").write_text("def start(:", encoding="utf-8")
    (tmp_path / "venv" / "x").mkdir(parents=True)
    (tmp_path / "venv" / "chain_x.py").write_text("def start(): pass", encoding="utf-8")
    for name in ("broken:start", "chain_x:start", "gemchain:submit", "nothing:start", "broken:a.<locals>.b"):
        assert find_source(name, tmp_path) is None


def test_the_function_of_an_async_chain_is_found_by_name_and_version(tmp_path):
    (tmp_path / "chain_v.py").write_text(
        "import gemchain\nfrom gemchain import chain\n"
        "@gemchain.chain(version=1, name='x')\nasync def old(): pass\n"
        "@chain(version=2, name='x')\nasync def new(): pass\n"
        "@chain\nasync def plain(): pass\n",
        encoding="utf-8",
    )
    found = {
        name: find_source(f"chain_v:{name}", tmp_path) for name in ("x@1", "x@2", "x@9", "plain@1", "y@1")
    }
    assert found == {
        "x@1": "chain_v.py:old",
        "x@2": "chain_v.py:new",
        "x@9": "chain_v.py:new",
        "plain@1": "chain_v.py:plain",
        "y@1": None,
    }
