"""Whoever stops by an error or by Ctrl-C gives the batch back, so that nobody has to wait for the lease."""

import pytest

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.errors import BlobError
from gemchain.testing import embedded

MODEL = "simulated/echo"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BlobError("the disk is full")], ids=["ctrl-c", "full disk"]
)
def test_a_batch_whose_writing_was_stopped_goes_on_at_once(tmp_path, monkeypatch, error):
    def stop(*args):
        raise error

    with embedded(tmp_path, responder=lambda request: "yes") as engine:
        chain = gemchain.submit("one", MODEL).chain
        with monkeypatch.context() as patched:
            patched.setattr(LocalBlobs, "writer", stop)
            with pytest.raises(type(error)):
                engine.run()
        (batch,) = engine.runtime.store.open_batches()
        assert batch.leased_until_at is None
        stopped_at = engine.clock.now()
        engine.run()
        assert chain.result() == "yes"
        assert (engine.clock.now() - stopped_at).total_seconds() < engine.runtime.settings.lease / 2
        assert [each.id for each in engine.runtime.store.list_batches()] == [batch.id]


def test_a_batch_that_was_taken_over_is_left_to_its_new_holder(tmp_path, monkeypatch):
    from dataclasses import replace

    with embedded(tmp_path, responder=lambda request: "yes") as engine:
        store = engine.runtime.store
        gemchain.submit("one", MODEL)

        def taken_over(*args):
            (batch,) = store.open_batches()
            store.save_batch(replace(batch, fence=batch.fence + 1))
            raise KeyboardInterrupt

        monkeypatch.setattr(LocalBlobs, "writer", taken_over)
        with pytest.raises(KeyboardInterrupt):
            engine.run()
        (batch,) = store.open_batches()
        assert batch.leased_until_at is not None
