"""A process that drives an engine over Firestore until nothing is left to do.

Told a point, it stands still there, says so, and waits to be killed. The environment says where the
state is, as for every user.
"""

import sys
import threading

import gemchain
from gemchain.records.states import PromptState
from gemchain.stores.firestore import FirestoreStore


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def stand_still() -> None:
    say("here")
    threading.Event().wait()


def stand_still_after_a_claim() -> None:
    claim = FirestoreStore.claim

    def claim_and_stay(self, *args, **kwargs):
        if claim(self, *args, **kwargs):
            stand_still()
        return []

    FirestoreStore.claim = claim_and_stay


def stand_still_around_a_commit(*, before: bool) -> None:
    commit = FirestoreStore.commit

    def commit_and_stay(self, units):
        ends = any(move.after.state is PromptState.DONE for unit in units for move in unit.moves)
        if ends and before:
            stand_still()
        verdicts = commit(self, units)
        if ends:
            stand_still()
        return verdicts

    FirestoreStore.commit = commit_and_stay


def main(point: str) -> None:
    if point == "claim":
        stand_still_after_a_claim()
    elif point:
        stand_still_around_a_commit(before=point == "before commit")
    say("ready")
    sys.stdin.read()
    gemchain.run()
    say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
