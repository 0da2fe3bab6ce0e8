"""What is said about the name of a model that chooses no provider."""

import pytest

from gemchain.errors import ModelError
from gemchain.providers.choice import choose_provider


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-5-mini", r"did you mean 'openai/gpt-5-mini'\?$"),
        ("claude-haiku-4-5", r"did you mean 'anthropic/claude-haiku-4-5'\?$"),
        ("opnai/gpt-5-mini", r"did you mean 'openai/gpt-5-mini'\?$"),
        ("openai/", r"did you mean 'openai/MODEL'\?$"),
        ("nobody/knows", r"a name begins with .* or 'compat/' or 'gemini-'$"),
    ],
)
def test_a_name_that_no_provider_serves_is_refused_with_what_may_have_been_meant(name, words):
    with pytest.raises(ModelError, match=words):
        choose_provider(name)
