"""What every adapter of the `Store` port must do.

A subclass brings two fixtures and nothing else:

- `store`: an empty store whose `now()` is that of the fixture `clock`;
- `elsewhere`: opens a further handle on the same state. It can be pickled, because the races call it
  in processes of their own: a `functools.partial` of a function in a module does.

A store that is slow may lower `crowd`.
"""

import abc

import pytest

from gemchain.ports import Store
from gemchain.testing import VirtualClock
from tests.contracts.store_batches import BatchContract, MemberContract, PartContract
from tests.contracts.store_commits import CommitContract, RepetitionContract
from tests.contracts.store_intake import IntakeContract, RestartContract
from tests.contracts.store_owners import OwnerContract
from tests.contracts.store_queues import AnswerContract, ClaimContract, QueueContract
from tests.contracts.store_races import RaceContract
from tests.contracts.store_readings import JoinContract, ReadingContract, ReturnContract, TallyContract
from tests.contracts.store_retention import RetentionContract
from tests.contracts.store_samples import OpenStore, Samples


class StoreContract(
    CommitContract,
    RepetitionContract,
    ClaimContract,
    QueueContract,
    AnswerContract,
    IntakeContract,
    RestartContract,
    BatchContract,
    MemberContract,
    PartContract,
    ReadingContract,
    TallyContract,
    JoinContract,
    ReturnContract,
    RetentionContract,
    OwnerContract,
    RaceContract,
    abc.ABC,
):
    @pytest.fixture
    @abc.abstractmethod
    def store(self, clock: VirtualClock) -> Store:
        """An empty store."""

    @pytest.fixture
    @abc.abstractmethod
    def elsewhere(self, store: Store) -> OpenStore:
        """Opens a further handle on the same state."""

    @pytest.fixture
    def given(self, store: Store, clock: VirtualClock) -> Samples:
        return Samples(store, clock)
