"""Calls written for gembatch run when only the import is changed."""

import pytest

from gemchain.compat import gembatch
from gemchain.errors import ContinuationError
from gemchain.records.states import ChainState
from gemchain.testing import embedded
from tests.apps import from_gembatch


def test_a_chain_of_gembatch_handlers_runs_to_its_end(tmp_path):
    from_gembatch.heard.clear()
    answers = iter(["one", "two"])
    with embedded(tmp_path, responder=lambda _: next(answers)) as engine:
        prompt_id = from_gembatch.begin("what?")
        assert engine.run()
        (prompt,) = engine.runtime.store.prompts([prompt_id]).values()
        assert engine.runtime.store.chains([prompt.chain_id])[prompt.chain_id].state is ChainState.DONE
    assert from_gembatch.heard == [("what?", "one"), ("last", "two")]


def test_an_invalid_submit_is_refused_at_once(tmp_path):
    with embedded(tmp_path), pytest.raises(ContinuationError, match="wrong"):
        gembatch.submit("hello", "simulated/old", from_gembatch.first, {"wrong": 1})
