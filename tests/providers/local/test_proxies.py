"""Requests to this machine never go through a proxy, which could not reach it."""

import pytest

from gemchain.providers.direct.connections import proxy_of


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(host, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert proxy_of(f"http://{host}:8080/v1/chat/completions") is None
    assert proxy_of("http://service.example/v1/chat/completions") == "http://proxy.example:3128"
