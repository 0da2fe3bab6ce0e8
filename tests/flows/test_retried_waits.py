"""What a person said is not asked for again when what followed failed and was mended."""

import pytest

import gemchain
from gemchain.records.states import ChainState
from tests.apps import answers
from tests.support.engines import embedded

EACH_STORE = True


@pytest.mark.parametrize("program", [answers.decided, answers.decides], ids=["async", "callback"])
def test_a_retry_goes_on_with_the_value_that_was_given(tmp_path, monkeypatch, program):
    with embedded(tmp_path, callback_attempts=1) as engine:
        chain = gemchain.start(program)
        engine.run()
        with monkeypatch.context() as patched:
            patched.setattr(answers, "broken", True)
            gemchain.resume(chain, "yes")
            engine.run()
        assert chain.status().state is ChainState.FAILED
        assert chain.retry() == 1
        engine.run()
        assert chain.result() == "said yes"
