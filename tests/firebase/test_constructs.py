"""Every construct of the chain language, deployed: it ends as it does without Firebase."""

import json
import re
import sys
import textwrap
from collections import Counter

import pytest

import gemchain
from gemchain.records.states import ChainState, PromptState
from gemchain.testing import embedded
from tests.apps import flows
from tests.firebase import kit
from tests.programs import compare, direct

pytestmark = [pytest.mark.firebase, pytest.mark.xdist_group("firebase")]

MODELS = {
    "simulated/echo": "gemini-3.5-flash-lite",
    "simulated/other": "gemini-3.1-flash-lite",
    "scripted/model": "gemini-3.5-flash",
}
STARTER = textwrap.dedent('''
    import importlib


    @https_fn.on_request(region=REGION, invoker="private", secrets=KEYS, timeout_sec=300, memory=512)
    @with_the_key
    def startAny(request: https_fn.Request) -> https_fn.Response:
        """POST `[["module:function", [arguments], "key"], ...]` starts them all."""
        chains = []
        for name, arguments, key in request.get_json():
            module, _, name = name.partition(":")
            function = getattr(importlib.import_module(module), name)
            chains.append(gemchain.start(function, *arguments, key=key))
        return https_fn.Response("\\n".join(chain.id for chain in chains))
''')
RANDOM = range(40)
MOST = 12
"""Prompts of a random program, at most: each may need a batch of its own."""

APPROVE = {
    "whole:everything": {"rounds": 2},
    "programs:approval": {"ok": True},
    "programs:wait_in_callback": "yes",
}


def cases(folder):
    """Functions and their arguments, by construct of the language."""
    return [
        *(("flows:outline", ["t"]), ("flows:fork", ["t"])),
        *(("joins:spread", [12]), ("joins:map_reduce", [["a", "b", "c"]]), ("joins:long_branches", [5])),
        *(("joins:nested", [3]), ("joins:forking_branch", []), ("joins:beside_others", [])),
        *(("joins:with_errors", [["a", "bad", "c"], each]) for each in (True, False)),
        ("joins:rescued", [["a", "bad"]]),
        *(("programs:three", ["t"]), ("programs:fan", [["a", "b", "c"]]), ("programs:branches", [4])),
        *(("programs:nested", []), ("programs:until_good", ["try"]), ("programs:no_branches", [])),
        *(("programs:careful", [each]) for each in ("fine", "bad")),
        *(("programs:careless", ["bad"]), ("programs:raises_itself", ["boom"])),
        *(("programs:errors_as_values", [["a", "bad"]]), ("programs:catches_what_branches_raise", [])),
        *(("programs:early", [each]) for each in (-1, 7)),
        *(("programs:branches_that_end_at_once", []), ("programs:all_branches_end_at_once", [])),
        *(("programs:tidies", []), ("programs:parent", [["p", "q"]]), ("programs:mixed_parent", ["x"])),
        *(("programs:approval", ["a text"]), ("programs:wait_in_callback", ["draft"])),
        *(
            ("language:start_picky", ["x"]),
            ("language:start_aborting", ["x"]),
            ("language:start_renamed", ["x"]),
        ),
        *(("language:start_by_value", [each, 7]) for each in ("lambda", "nested", "method", "partial")),
        *(("deployed:start_choosy", ["x"]), ("deployed:start_patient", ["x", str(folder)])),
        *(("deployed:start_growing", ["grow"]), ("deployed:ruled", ["x"])),
        ("whole:everything", ["w"]),
    ]


def rows(folder):
    """The cases, each with the key of its chain."""
    return [
        [f"tests.apps.{name}", arguments, f"case {index}"]
        for index, (name, arguments) in enumerate(cases(folder))
    ]


def approvals(started, chains):
    """The chains that wait for a person, and the value for each."""
    pairs = [
        (chain, APPROVE.get(name.removeprefix("tests.apps.")))
        for (name, *_), chain in zip(started, chains, strict=True)
    ]
    return [(chain, decision) for chain, decision in pairs if decision is not None]


class Model:
    """Echoes; blocks some answers; lengthens one answer on each call; answers as `direct` does."""

    def __init__(self):
        self.calls = Counter()

    def __call__(self, request):
        text = flows.echo(request)
        if re.fullmatch(r"(bad|[a-g]) [0-9a-f]{8}|after it", text):
            return direct.body_of(text)
        if text in ("bad", "blocked"):
            return direct.body_of("bad")
        self.calls[text] += text == "grow"
        return text * max(1, self.calls[text])


def end_of(chain):
    """The end of a chain as plain data."""
    if chain.state is ChainState.DONE:
        return ["done", json.loads(chain.result or "null")]
    return [
        chain.state.value,
        chain.failure and chain.failure.reason,
        chain.failure and chain.failure.message,
    ]


def add_chains(project):
    """Add the tests' own chains, on models of Vertex AI, and a function that starts any of them."""
    functions = project / "functions"
    with (functions / "main.py").open("a") as main:
        main.write(STARTER)
    for folder in ("apps", "programs"):
        (functions / "tests" / folder).mkdir(parents=True)
        for file in (kit.REPOSITORY / "tests" / folder).glob("*.py"):
            text = file.read_text()
            for ours, theirs in MODELS.items():
                text = text.replace(f'"{ours}"', f'"{theirs}"')
            (functions / "tests" / folder / file.name).write_text(text)


SETTINGS = {"grace": 0, "poll": 0, "poll_max": 0, "retry_delay": 0}


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    settings = {f"GEMCHAIN_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    folder = tmp_path_factory.mktemp("language")
    with kit.deployed(folder, add_chains, Model(), **settings) as found:
        yield found


def waiting(deployment):
    """The ids of chains that wait for a person."""
    waits = deployment.store.list_prompts(state=PromptState.WAITING, limit=1000)
    return {each.chain_id for each in waits if each.kind == "wait"}


def drive(deployment, chains, most=60):
    """Run the schedules and end the jobs until all chains have ended or wait for a person."""
    for _ in range(most):
        deployment.assemble()
        deployment.finish_jobs()
        deployment.sweep()
        deployment.log.wait_until(deployment.batches_closed)
        found = deployment.store.chains(chains).values()
        running = {each.id for each in found if each.state is ChainState.RUNNING}
        if running <= waiting(deployment):
            return
    stuck = [each for chain in running for each in deployment.store.chain_prompts(chain)]
    raise AssertionError([(each.callback, each.progress) for each in stuck])


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The ends of the same chains with the same keys, run by the embedded engine."""
    import tests.apps.deployed
    import tests.apps.joins
    import tests.apps.language
    import tests.apps.programs
    import tests.apps.whole  # noqa: F401 -- looked up by name

    folder = tmp_path_factory.mktemp("embedded")
    with embedded(
        folder, responder=Model(), signing_key="only-for-tests-and-long-enough", **SETTINGS
    ) as engine:
        chains = []
        for name, arguments, key in rows(tmp_path_factory.mktemp("files")):
            module, _, function = name.partition(":")
            chains.append(gemchain.start(getattr(sys.modules[module], function), *arguments, key=key))
        engine.run()
        for chain, decision in approvals(rows("."), [each.id for each in chains]):
            gemchain.resume(chain, decision)
        engine.run()
        engine.clock.advance(1)  # past the deadline of a wait that is never resumed
        engine.run()
        found = engine.runtime.store.chains([each.id for each in chains])
        return [(each.id, end_of(found[each.id])) for each in chains]


def test_every_construct_ends_as_it_does_without_firebase(language, expected, tmp_path):
    wanted = rows(tmp_path)
    chains = language.start("startAny", wanted)
    assert chains == [chain for chain, _ in expected]
    drive(language, chains)
    for chain, decision in approvals(wanted, chains):
        kit.gemchain("resume", chain, json.dumps(decision))
    drive(language, chains)
    found = language.store.chains(chains)
    names = [f"{name} {arguments}" for name, arguments, _ in wanted]
    ends = {name: end_of(found[chain]) for name, chain in zip(names, chains, strict=True)}
    assert ends == {name: end for name, (_, end) in zip(names, expected, strict=True)}
    assert not language.store.list_prompts(state=PromptState.PARKED)


def small_programs():
    """Random programs of a few prompts, with their ends when they are run directly."""
    found = []
    for seed in RANDOM:
        body, end, sent = compare.chosen(f"firebase {seed}")
        if len(sent) <= MOST:
            found.append((body, end))
    return found


def test_random_programs_end_as_they_do_when_run_directly(language):
    programs = small_programs()
    assert len(programs) > len(RANDOM) / 2
    wanted = [
        ["tests.programs.tree:program", [body], f"random {index}"] for index, (body, _) in enumerate(programs)
    ]
    chains = language.start("startAny", wanted)
    drive(language, chains)
    found = language.store.chains(chains)
    ends = [end_of(found[each]) for each in chains]
    assert [["failed", *end[1:]] if end[0] == "FAILED" else end for end in ends] == [
        end for _, end in programs
    ]


def test_a_cancelled_chain_drops_its_answers_and_sends_nothing_more(language):
    (chain,) = language.start("startAny", [["tests.apps.joins:map_reduce", [["a", "b"]], "cancelled"]])
    language.assemble()
    kit.gemchain("cancel", chain)
    drive(language, [chain])
    assert language.store.chains([chain])[chain].state is ChainState.CANCELLED
    states = {each.progress.state for each in language.store.chain_prompts(chain)}
    assert states == {PromptState.CANCELLED}


def test_running_chains_continue_after_a_rename_and_a_new_version(language):
    names = ("tests.apps.deployed:start_payment", "tests.apps.deployed:report")
    chains = language.start("startAny", [[name, ["x"], "before"] for name in names])
    renamed = '@gemchain.callback(name="settle", aliases=["tests.apps.deployed:pay"])\ndef settle('
    version = textwrap.dedent("""

        @gemchain.chain(name="report", version=2)
        async def new_report(topic):
            return "v2 " + (await gemchain.prompt(topic, MODEL)).text
    """)
    module = language.suite.folder / "functions" / "tests" / "apps" / "deployed.py"
    text = module.read_text().replace("def pay(", renamed).replace("MODEL, pay)", "MODEL, settle)")
    language.redeploy(module, text + version)
    chains += language.start("startAny", [["tests.apps.deployed:new_report", ["x"], "after"]])
    drive(language, chains)
    ends = language.store.chains(chains)
    assert [end_of(ends[each])[1] for each in chains] == ["paid x", "v1 again v1 x", "v2 x"]


def test_a_function_by_value_is_parked_until_its_signing_key_is_back(language):
    """The key is a secret of Firebase. With another key the prompt is parked, and nothing is loaded."""
    functions = language.suite.folder / "functions"
    module, secrets = functions / "tests" / "apps" / "deployed.py", functions / ".secret.local"
    text, before = module.read_text(), secrets.read_text()
    (chain,) = language.start("startAny", [["tests.apps.language:start_by_value", ["lambda", 7], "signed"]])
    secrets.write_text(before.replace("GEMCHAIN_SIGNING_KEY=", "GEMCHAIN_SIGNING_KEY=another-"))
    language.redeploy(module, text + "\n# another key\n")
    language.assemble()
    language.finish_jobs()
    language.sweep()
    language.log.wait_until(language.batches_closed)
    (prompt,) = language.store.chain_prompts(chain)
    assert prompt.progress.state is PromptState.PARKED
    secrets.write_text(before)
    language.redeploy(module, text)
    kit.gemchain("retry", chain)
    drive(language, [chain])
    assert language.results([chain]) == ["lambda 7 hello"]
