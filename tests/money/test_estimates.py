"""Tokens estimated by characters."""

import pytest

from gemchain.money.estimates import tokens_of


@pytest.mark.parametrize(
    ("request_body", "tokens"),
    [
        ({}, 0),
        ({"contents": [{"role": "user", "parts": [{"text": "x" * 36}]}]}, 10),
        ({"text": "abcde", "temperature": 0.5, "n": None}, 2),
        ({"data": "QUJD" * 250, "text": "four"}, 1),
        ({"text": "words and more " * 100}, 375),
    ],
)
def test_all_texts_count_at_four_characters_a_token_and_bytes_of_files_do_not(request_body, tokens):
    assert tokens_of(request_body) == tokens
