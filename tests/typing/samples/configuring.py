"""Types of settings. `# error:` marks what type checkers must refuse."""

from pathlib import Path

import gemchain
from gemchain.testing import embedded


def configured() -> None:
    gemchain.configure(state=Path("state"), max_attempts=5, poll=0.5, grace=1, signing_key="x" * 32)
    gemchain.configure(responder=lambda request: str(len(request)), state="state")
    gemchain.configure(max_atempts=5)  # error
    gemchain.configure(max_attempts="5")  # error
    gemchain.configure(poll="soon")  # error
    gemchain.configure(state=3)  # error
    with embedded(Path("state"), simulated_seed=3) as engine:
        engine.run()
    embedded(Path("state"), simulated_sed=3)  # error
