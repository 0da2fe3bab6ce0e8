"""Makes the states in this folder: run with the version of gemchain whose states they are to be.

`python -m tests.states.make NAME` writes `NAME-sqlite.json` and `NAME-firestore.json`. For each point in time
there is a state: the records, the files, and the ids of the chains. Addresses below the state's folder are
written as `@STATE@`.
"""

import json
import sqlite3
import sys
import tempfile
from pathlib import Path

import gemchain
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.engine.drive import Driver
from gemchain.testing import VirtualClock, embedded
from tests.apps import older
from tests.states import documents

HERE = Path(__file__).parent
POINTS = (0, 1, 3, 6, 9, 12)
"""How many turns of the engine have passed."""

clocks = [VirtualClock()]
"""The last one is the emulator's time."""

PRAGMAS = ("application_id", "user_version")
SETTINGS = {"signing_key": older.KEY, "simulated_turnaround": 60.0, "responder": older.answer}


def main() -> None:
    name = sys.argv[1]
    with FirestoreEmulator(clock=lambda: clocks[-1].now().timestamp()) as emulator:
        documents.use(emulator.host)
        for kind in ("sqlite", "firestore"):
            states = [made(kind, turns) for turns in POINTS]
            text = json.dumps(states, indent=0, sort_keys=True, ensure_ascii=True)
            (HERE / f"{name}-{kind}.json").write_text(text + "\n")


def made(kind: str, turns: int) -> dict:
    """A state after so many turns."""
    with tempfile.TemporaryDirectory() as folder:
        state, clock = Path(folder).resolve() / "state", VirtualClock()
        clocks.append(clock)
        project = f"demo-made-{turns}"
        address = {"store": f"firestore://{project}"} if kind == "firestore" else {}
        with embedded(state, clock=clock, **SETTINGS, **address) as engine:
            chains = {
                key: gemchain.start(function, *args, key=key).id
                for key, (function, args) in older.EVERY.items()
            }
            picture = Path(folder) / "a.txt"
            picture.write_text("a picture")
            chains["with_file"] = gemchain.start(older.with_file, str(picture), key="with_file").id
            driver = Driver(engine.runtime)
            for _ in range(turns):
                if not driver.turn():
                    clock.advance(20)
            counts = (
                engine.runtime.store.tally()
                if hasattr(engine.runtime.store, "tally")
                else engine.runtime.store.counters()
            )
            records = documents.dump(project) if kind == "firestore" else dump(state / "gemchain.db")
        files = {
            path.relative_to(state).as_posix(): path.read_bytes().decode("latin-1")
            for path in sorted((state / "files").rglob("*"))
            if path.is_file()
        }
        told = {
            "chains": chains,
            "files": files,
            "open": {str(key): value for key, value in counts.prompts.items()},
            "records": records,
            "seconds": (clock.now() - VirtualClock().now()).total_seconds(),
        }
        text = json.dumps(told).replace(str(state), "@STATE@")
        return json.loads(text.replace(str(Path(folder).resolve()), "@FOLDER@"))


def dump(path: Path) -> list[str]:
    """The statements that make the database again."""
    with sqlite3.connect(path) as database:
        values = {name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
        return [*(f"PRAGMA {name} = {value};" for name, value in values.items()), *database.iterdump()]


if __name__ == "__main__":
    main()
