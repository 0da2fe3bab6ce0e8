"""Servers that speak OpenAI's API are told apart by names of one's own."""

import json

import pytest

import gemchain
from gemchain.configuration.sources import current_settings
from gemchain.errors import ConfigurationError
from gemchain.money import prices
from gemchain.ports import TokenCounts
from gemchain.providers.compat_servers import CompatServer, compat_servers

MINE = {"mine": {"url": "http://127.0.0.1:8000/v1/", "prices": {"input": 1, "output": 2}}}


@pytest.fixture(autouse=True)
def _own_table():
    yield
    prices.use("")


def test_no_setting_is_no_server():
    assert compat_servers("") == {}


def test_an_entry_needs_no_more_than_an_address():
    assert compat_servers('{"a": {"url": "http://host/v1"}}') == {"a": CompatServer("http://host/v1")}


def test_an_entry_may_have_a_key_headers_a_limit_and_prices():
    entry = {
        "url": "https://host/v1/",
        "key_env": "HOST_KEY",
        "headers": {"x-team": "a"},
        "concurrency": 3,
        "prices": {"input": 1, "output": 2},
    }
    server = compat_servers(json.dumps({"host-1": entry}))["host-1"]
    assert server[:4] == ("https://host/v1", "HOST_KEY", {"x-team": "a"}, 3)
    assert server.price.dollars(TokenCounts(input=1_000_000, output=1_000_000)) == pytest.approx(3)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "names servers"),
        ('{"a": 1}', "'a'.*no entries"),
        ('{"a": {}}', "'a'.*url is a text"),
        ('{"a": {"url": "host/v1"}}', "'a'.*url is an address"),
        ('{"a": {"url": "file:///v1"}}', "url is an address"),
        ('{"A b": {"url": "http://h"}}', "'A b'.*small letters"),
        ('{"a": {"url": "http://h", "key": "secret"}}', "no entry is called 'key'"),
        ('{"a": {"url": "http://h", "key_env": 1}}', "key_env is a text"),
        ('{"a": {"url": "http://h", "headers": {"x": 1}}}', "header 'x' is a text"),
        ('{"a": {"url": "http://h", "headers": []}}', "headers are names"),
        ('{"a": {"url": "http://h", "concurrency": 0}}', "from 1 on"),
        ('{"a": {"url": "http://h", "prices": {"input": 1}}}', "input and an output"),
        ('{"a": {"url": "http://h", "prices": 1}}', "'a'"),
    ],
)
def test_an_entry_of_another_form_is_refused_with_the_right_one(setting, said):
    with pytest.raises(ConfigurationError, match=f"(?s){said}.*an entry reads"):
        compat_servers(setting)


@pytest.mark.parametrize("how", ["code", "environment", "file"])
def test_servers_come_from_code_the_environment_or_a_file(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    given = {}
    if how == "code":
        given = {"compat": MINE}
    elif how == "environment":
        monkeypatch.setenv("GEMCHAIN_COMPAT", json.dumps(MINE))
    else:
        (tmp_path / "gemchain.toml").write_text(
            '[compat.mine]\nurl = "http://127.0.0.1:8000/v1/"\nprices = { input = 1, output = 2 }\n'
        )
    assert compat_servers(current_settings(**given).compat)["mine"].url == "http://127.0.0.1:8000/v1"
    runtime = gemchain.configure(state=str(tmp_path / "state"), **given)
    try:
        counts = TokenCounts(input=1_000_000, output=1_000_000)
        assert prices.usage("compat-mine", "any", counts, "direct").cost == pytest.approx(3)
    finally:
        runtime.store.close()
        from gemchain.runtime import install

        install(None)


def test_a_wrong_entry_stops_configure(tmp_path):
    with pytest.raises(ConfigurationError, match="url is a text"):
        gemchain.configure(state=str(tmp_path), compat={"a": {}})
