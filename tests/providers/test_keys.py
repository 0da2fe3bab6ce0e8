"""API keys as people paste them."""

import pytest

from gemchain.errors import ConfigurationError
from gemchain.providers.keys import checked_key


@pytest.mark.parametrize("pasted", ["sk-abc", " sk-abc", "sk-abc\n"])
def test_blanks_and_line_ends_around_a_key_do_no_harm(pasted):
    assert checked_key(pasted, "the service", "set KEY") == "sk-abc"


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "needs a key; set KEY"),
        ("\n", "needs a key"),
        ("sk-abc…", "copy"),
        ("sk-a b", "copy"),
        ("sk\nabc", "copy"),
    ],
)
def test_a_damaged_key_is_told_before_anything_is_sent(pasted, words):
    with pytest.raises(ConfigurationError, match=words):
        checked_key(pasted, "the service", "set KEY")
