"""Servers that speak OpenAI's API: whole chains over a local one, with and without batches."""

import orjson
import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.errors import ConfigurationError, ModelError, NotSetUpError, RequestError
from gemchain.providers.choice import choose_provider
from gemchain.providers.compat import CompatProvider
from gemchain.providers.compat_servers import CompatServer
from gemchain.records.lanes import BATCH, DIRECT
from gemchain.testing import embedded

SERVED = "org/model-7b"
MODEL = f"compat/mine/{SERVED}"


@pytest.fixture
def server(clock):
    with OpenAIEmulator(clock=clock, models=(SERVED,)) as server:
        yield server


@pytest.fixture
def entry(server, monkeypatch):
    monkeypatch.setenv("MINE_KEY", "secret")
    return {"url": f"{server.url.removesuffix('/v1')}/v1", "key_env": "MINE_KEY"}


@pytest.fixture
def begin(tmp_path, entry):
    """An engine on the real clock whose settings know the server."""
    opened = []

    def begin(clock=None, **more):
        block = embedded(
            tmp_path,
            clock=clock or SystemClock(),
            compat={"mine": entry | more},
            flush=0.02,
            grace=0,
            poll=0.05,
        )
        opened.append(block)
        return block.__enter__()

    yield begin
    for block in opened:
        block.__exit__(None, None, None)


def ask(text, model=MODEL):
    return gemchain.submit(text, model, again)


def shout(response):
    return response.text.upper()


def again(response):
    return gemchain.submit(f"again {response.text}", MODEL, shout)


def kept(prompt):
    """The prompt's lane and state."""
    return prompt.lane, prompt.progress.state.value


def prompts(engine, chain):
    return engine.runtime.store.chain_prompts(chain.id)


def test_chains_run_on_a_server_of_ones_own(begin):
    engine = begin()
    chains = [gemchain.start(ask, f"What is {number}?") for number in range(20)]
    assert engine.run(timeout=60)
    assert all(each.result() for each in chains)
    found = [kept(prompt) for chain in chains for prompt in prompts(engine, chain)]
    assert found == [(DIRECT, "DONE")] * 40


def test_the_models_name_is_sent_without_the_servers(begin):
    """The server knows one name, and refuses others."""
    engine = begin()
    chain = gemchain.start(ask, "What?")
    engine.run(timeout=60)
    assert {(each.provider, each.model) for each in prompts(engine, chain)} == {("compat-mine", SERVED)}
    assert chain.result()


def test_another_models_prompt_fails_in_the_servers_words(begin, entry):
    engine = begin()
    chain = gemchain.start(ask, "What?", "compat/mine/other")
    engine.run(timeout=60)
    assert "other" in chain.status().failure.message
    assert f"see the models at {entry['url']}/models" in chain.status().failure.message


def test_a_busy_server_is_asked_until_every_prompt_has_its_answer(begin, server):
    server.set_faults("throttled=0.3,retry_after=0.01")
    engine = begin()
    chains = [gemchain.start(ask, f"What is {number}?") for number in range(20)]
    assert engine.run(timeout=60)
    assert all(each.result() for each in chains)


def test_a_key_that_is_not_set_is_asked_for_by_its_name(begin, monkeypatch):
    engine = begin()
    gemchain.submit("What?", MODEL, shout)
    monkeypatch.delenv("MINE_KEY")
    with pytest.raises(NotSetUpError, match="server 'mine' needs a key; set MINE_KEY"):
        engine.run(timeout=60)


def test_batches_are_used_where_the_setting_says_that_the_server_has_them(begin, clock):
    engine = begin(clock, batch=True)
    chain = gemchain.start(ask, "What?")
    assert engine.run()
    assert chain.result()
    assert [kept(prompt) for prompt in prompts(engine, chain)] == [(BATCH, "DONE")] * 2
    assert all(each.job.startswith("batch_") for each in engine.runtime.store.list_batches())
    engine.runtime.providers.named("compat-mine").close()


def test_without_batches_the_lane_is_direct_and_that_of_batches_is_refused(begin):
    begin()
    with pytest.raises(RequestError, match=f"model '{MODEL}' has no lane 'batch'; it has direct"):
        gemchain.submit("What?", MODEL, shout, lane="batch")


# Finding out.


def provider(tmp_path, url, **more):
    from gemchain.blobs.local import LocalBlobs

    return CompatProvider("mine", CompatServer(url, **more), LocalBlobs(tmp_path))


def test_a_server_is_asked_once_whether_it_has_batches(tmp_path, server, entry):
    asked = provider(tmp_path, entry["url"], key_env="MINE_KEY", batch=None)
    assert asked.capabilities("m").lanes == (BATCH, DIRECT)
    calls = server._service.counts["GET", "/v1/batches"]
    assert asked.capabilities("m").lanes == (BATCH, DIRECT)
    assert (calls, server._service.counts["GET", "/v1/batches"]) == (1, 1)


def test_a_server_without_the_path_has_no_batches(tmp_path, entry):
    asked = provider(tmp_path, f"{entry['url']}/deeper", key_env="MINE_KEY", batch=None)
    assert asked.capabilities("m").lanes == (DIRECT,)


def test_a_server_that_is_down_counts_as_one_without_for_a_while(tmp_path):
    asked = provider(tmp_path, "http://127.0.0.1:9/v1", batch=None)
    assert asked.capabilities("m").lanes == (DIRECT,)


def test_nothing_is_asked_where_the_setting_says(tmp_path, server, entry):
    for said, lanes in ((True, (BATCH, DIRECT)), (False, (DIRECT,))):
        assert provider(tmp_path, entry["url"], batch=said).capabilities("m").lanes == lanes
    assert not server._service.counts


def test_a_batch_for_a_server_without_batches_waits_for_a_person(tmp_path):
    with pytest.raises(ConfigurationError, match=r"has no batches .* set 'batch' to true"):
        provider(tmp_path, "http://127.0.0.1:9/v1").poll(None)


def test_a_key_of_openai_never_goes_to_another_server(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "openai's own")
    found = provider(tmp_path, "http://127.0.0.1:9/v1", batch=True)
    client = found._jobs()._opened()
    assert client.api_key == "none"
    found.close()


# Requests and names.


def test_lines_name_the_model_and_the_stored_request_comes_back(tmp_path):
    from gemchain.records import Batch, InputRow
    from gemchain.testing import EPOCH

    found = provider(tmp_path, "http://host/v1")
    batch = Batch(id="b", lane="direct", provider="compat-mine", model="org/m", created_at=EPOCH)
    request = {"messages": [{"role": "user", "content": "x"}]}
    line = found.input_line(batch, InputRow("p", orjson.dumps(request).decode()))
    assert orjson.loads(line)["body"]["model"] == "org/m"
    assert found.read_input(line) == ("p", request)


def test_streams_are_refused(tmp_path):
    request = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    with pytest.raises(RequestError, match="not as streams"):
        provider(tmp_path, "http://host/v1").check("m", request)


def test_small_files_go_into_the_request(tmp_path):
    (tmp_path / "a.png").write_bytes(b"png")
    content = provider(tmp_path, "http://host/v1").attach(tmp_path / "a.png")
    assert (content.mime_type, content.data) == ("image/png", b"png")


@pytest.mark.parametrize(
    ("model", "found"),
    [("compat/a/m", ("compat-a", "m")), ("compat/a/org/m:free", ("compat-a", "org/m:free"))],
)
def test_a_name_chooses_the_server_and_the_rest_is_the_models(model, found):
    assert choose_provider(model, {"a", "b"}) == found


@pytest.mark.parametrize(
    ("model", "servers", "words"),
    [
        ("compat/c/m", {"a", "b"}, r"no server 'c' is in the setting compat \(there are a, b\)"),
        ("compat/c/m", set(), r"no server 'c' is in the setting compat \(it names none\)"),
        ("compat/a", {"a"}, "write it as 'compat/a/MODEL'"),
        ("compat", None, "write it as 'compat/NAME/MODEL'"),
    ],
)
def test_a_name_that_chooses_none_says_what_is_wrong(model, servers, words):
    with pytest.raises(ModelError, match=words):
        choose_provider(model, servers)
