"""The same chains with faults, all on one deployment, because a deployment takes long to start."""

import textwrap

import pytest

from gemchain.records.states import PromptState
from tests.firebase import kit

pytestmark = [pytest.mark.firebase, pytest.mark.xdist_group("firebase")]

ROWS = [{"topic": f"the trade in number{number} and its dangers"} for number in range(299)]
FORKED = {"topic": "a broken fork", "languages": ["English", "German"]}

TWICE = textwrap.dedent("""
    from firebase_admin import functions

    once = functions.TaskQueue.enqueue

    def twice(queue, *arguments):
        once(queue, *arguments)
        return once(queue, *arguments)

    functions.TaskQueue.enqueue = twice
""")
KILLED = textwrap.dedent('''
    import pathlib, signal
    KILLED_FILE = pathlib.Path(__file__).with_name("killed.once")
    answers = 0

    def kill_once():
        """Kill the process once, in the middle of a part."""
        global answers
        answers += 1
        if answers == 150 and not KILLED_FILE.exists():
            KILLED_FILE.touch()
            os.kill(os.getpid(), signal.SIGKILL)

''')


def break_everything(project):
    """No storage event arrives, every task comes twice, the first dispatch is killed half-way."""
    main, articles = project / "functions" / "main.py", project / "functions" / "articles.py"
    stages = "gemchainAssemble, gemchainCollect, gemchainDispatch, gemchainSweep"
    text = main.read_text()
    assert stages in text
    main.write_text(text.replace(stages, stages.replace("gemchainCollect, ", "")) + TWICE)
    text = articles.read_text()
    head = '"""Write it in every language: several submits fork the chain."""\n'
    assert head in text
    articles.write_text(
        text.replace("\n\ndef outline", f"\n{KILLED}\ndef outline").replace(head, f"{head}    kill_once()\n")
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    settings = {
        "GEMCHAIN_GRACE": "0",
        "GEMCHAIN_GROUP": "40",  # so that some groups of the part are committed when it is killed
        "GEMCHAIN_LEASE": "3",
        "GEMCHAIN_POLL": "0",
        "GEMCHAIN_POLL_MAX": "0",
        "GEMCHAIN_RETRY_SECONDS": "1",
        "GEMCHAIN_RETRY_DELAY": "0",
    }
    with kit.deployed(tmp_path_factory.mktemp("broken"), break_everything, **settings) as found:
        yield found


def drive(deployment, rounds):
    for _ in range(rounds):
        deployment.assemble()
        deployment.finish_jobs()
        deployment.sweep()
        deployment.log.wait_until(deployment.batches_closed)


def test_lost_events_doubled_tasks_killed_functions_and_an_expired_job_change_no_result(broken, expected):
    rows = [*ROWS, FORKED]
    chains = broken.start_chains(rows)
    broken.vertex.set_faults("expired=1")
    drive(broken, 1)
    sent_again = broken.store.counters().prompts.get(PromptState.QUEUED, 0)
    broken.vertex.set_faults("")
    drive(broken, 4)
    assert broken.all_ended(chains)
    assert broken.results(chains) == expected(rows)
    assert sent_again > 0
    assert broken.calls("gemchainCollect") == 0
    assert broken.calls("gemchainDispatch") >= 2 * broken.log.count("gemchain: dispatched") > 0
    assert (broken.suite.folder / "functions" / "killed.once").exists()
    # Each prompt was paid once; the expired job answered nothing and cost nothing.
    assert set(broken.vertex.paid_rows().values()) == {1}


def test_a_renamed_callback_parks_its_prompts_until_a_deploy_brings_it_back(broken, expected):
    articles = broken.suite.folder / "functions" / "articles.py"
    before = articles.read_text()
    rows = [{"topic": "a name that changes"}]
    chains = broken.start_chains(rows)
    broken.redeploy(articles, before.replace("def draft(", "def write("))
    drive(broken, 1)
    (prompt,) = broken.store.chain_prompts(chains[0])
    assert prompt.progress.state is PromptState.PARKED
    assert "draft" in prompt.progress.failure.message
    broken.redeploy(articles, before)
    assert "1 prompt" in kit.gemchain("retry", chains[0])
    broken.sweep()
    drive(broken, 2)
    assert broken.results(chains) == expected(rows)
