"""The store's contract on Firestore."""

from functools import partial

import pytest

from tests import firestore_state
from tests.contracts.store_contract import StoreContract


class TestFirestoreStore(StoreContract):
    crowd = 1_000

    @pytest.fixture
    def store(self, firestore):
        return firestore

    @pytest.fixture
    def elsewhere(self, store, project, tmp_path):
        files = str(tmp_path / "files")
        at, deaf = firestore_state.host(), bool(firestore_state.EXTERNAL)
        return partial(firestore_state.open_store, at, project, files, deaf=deaf)
