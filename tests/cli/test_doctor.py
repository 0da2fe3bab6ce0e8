"""`gemchain doctor`: which providers are set up and accept their keys, and how old the prices are."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gemchain.cli.project.checks import price_table, providers
from gemchain.cli.project.checks.providers import check_providers
from gemchain.money import prices
from gemchain.money.published import Table
from gemchain.settings import Settings

KEY = "sk-of-a-test"
KEYS = {
    "openai": ("OPENAI_API_KEY", "authorization", f"Bearer {KEY}", "/models"),
    "anthropic": ("ANTHROPIC_API_KEY", "x-api-key", KEY, "/v1/models?limit=1"),
    "mistral": ("MISTRAL_API_KEY", "authorization", f"Bearer {KEY}", "/v1/models"),
    "gemini-api": ("GEMINI_API_KEY", "x-goog-api-key", KEY, "/v1beta/models?pageSize=1"),
}
SECRETS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (*SECRETS, "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    yield
    prices.use("")


@contextmanager
def serving(status, body=None):
    """A server that answers all requests with a status, or hangs up; its address, and what it is asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self):
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            said = json.dumps(body or {}).encode()
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def looked(monkeypatch, name, url, settings=None):
    """What is found of a service whose address is that of a server of the test."""
    monkeypatch.setitem(providers.SERVICES, name, providers.SERVICES[name]._replace(url=url, override=""))
    monkeypatch.setenv(KEYS[name][0], KEY)
    (finding,) = check_providers(settings or Settings(), [name])
    return finding


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_key_that_is_accepted_is_a_provider_that_is_set_up(monkeypatch, name):
    _, header, value, path = KEYS[name]
    with serving(200) as (url, asked):
        finding = looked(monkeypatch, name, url)
    assert finding.good is True
    assert "accepted" in finding.text
    ((asked_path, headers),) = asked
    assert (asked_path, headers[header]) == (path, value)


@pytest.mark.parametrize("name", sorted(KEYS))
@pytest.mark.parametrize(
    ("status", "good", "said"),
    [
        (401, False, "the key is refused"),
        (403, False, "the key is refused"),
        (None, False, "not reachable"),
        (404, None, "lists no models"),
        (302, None, "neither yes nor no"),
        (429, None, "neither yes nor no"),
        (503, None, "neither yes nor no"),
    ],
)
def test_what_is_wrong_is_told_apart_and_the_key_is_not_printed(monkeypatch, name, status, good, said):
    with serving(status) as (url, asked):
        finding = looked(monkeypatch, name, url)
    assert finding.good is good
    assert said in finding.text
    assert asked
    assert KEY not in repr(finding)
    if good is False:
        assert KEYS[name][0] in finding.fix or "curl" in finding.fix


def test_a_service_that_does_not_listen_is_not_reachable(monkeypatch):
    with serving(200) as (url, _):
        pass
    finding = looked(monkeypatch, "openai", url)
    assert finding.good is False
    assert "not reachable" in finding.text


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}é", f"a\x00{KEY}"[2:] + "\t"])
def test_a_key_with_a_line_break_is_named_and_neither_sent_nor_printed(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving(200) as (url, asked):
        monkeypatch.setitem(
            providers.SERVICES, "openai", providers.SERVICES["openai"]._replace(url=url, override="")
        )
        (finding,) = check_providers(Settings(), ["openai"])
    assert (finding.good, asked) == (False, [])
    assert KEY not in repr(finding)


@pytest.mark.parametrize("name", sorted(KEYS))
def test_without_a_key_nothing_is_asked_and_the_variable_is_named(name):
    finding, summary = check_providers(Settings(), [name])
    assert finding.good is None
    assert f"set {KEYS[name][0]} to a key from https://" in finding.text
    assert "none is set up" in summary.text


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(providers, "find_spec", lambda name: None)
    finding = looked(monkeypatch, "anthropic", "http://127.0.0.1:9")
    assert (finding.good, finding.fix) == (False, "pip install 'gemchain[anthropic]'")


def test_another_address_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(200) as (url, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v2/")
        (finding,) = check_providers(Settings(), ["openai"])
    assert finding.good is True
    assert asked[0][0] == "/v2/models"


def test_a_stand_in_needs_no_key():
    with serving(200) as (url, asked):
        (finding,) = check_providers(Settings(gemini_api_endpoint=url), ["gemini-api"])
    assert finding.good is True
    assert "reachable" in finding.text
    assert "x-goog-api-key" not in asked[0][1]


def test_each_server_of_ones_own_is_asked_with_its_key_and_headers(monkeypatch):
    monkeypatch.setenv("MINE_KEY", KEY)
    with serving(200) as (good, asked), serving(401) as (bad, _):
        entries = {
            "mine": {"url": f"{good}/v1", "key_env": "MINE_KEY", "headers": {"x-team": "a"}},
            "open": {"url": f"{good}/v1"},
            "closed": {"url": f"{bad}/v1"},
            "unset": {"url": f"{good}/v1", "key_env": "NO_SUCH_KEY"},
        }
        found = {each.name: each for each in check_providers(Settings(compat=json.dumps(entries)), [])}
    assert {name: each.good for name, each in found.items()} == {
        "compat-mine": True,
        "compat-open": True,
        "compat-closed": False,
        "compat-unset": False,
    }
    assert found["compat-unset"].fix.startswith("export NO_SUCH_KEY=")
    assert [path for path, _ in asked] == ["/v1/models", "/v1/models"]
    assert (asked[0][1]["authorization"], asked[0][1]["x-team"]) == (f"Bearer {KEY}", "a")
    assert "authorization" not in asked[1][1]


def test_a_password_in_an_address_is_not_printed():
    with serving(401) as (url, asked):
        place = url.replace("://", "://me:hush@")
        (finding,) = check_providers(Settings(compat=json.dumps({"mine": {"url": f"{place}/v1"}})), [])
    assert finding.good is False
    assert asked
    assert "hush" not in repr(finding)


def test_a_token_for_vertex_comes_from_the_credentials_of_the_user(monkeypatch, tmp_path):
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with serving(200, {"access_token": "token-of-a-test", "expires_in": 3600}) as (url, asked):
        account = {
            "type": "service_account",
            "project_id": "shop",
            "client_email": "a@shop.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "token_uri": f"{url}/token",
        }
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        assert providers._token() == ("token-of-a-test", "shop")
    assert [path for path, _ in asked] == ["/token"]


def test_vertex_is_set_up_by_a_bucket_and_a_project(monkeypatch):
    finding, _ = check_providers(Settings(), ["vertex"])
    assert finding.good is None
    assert "GEMCHAIN_BLOBS" in finding.text
    with serving(200) as (url, asked):
        settings = Settings(blobs="gs://bucket/x", vertex_endpoint=url, location="europe-west1")
        (unnamed,) = check_providers(settings, ["vertex"])
        assert (unnamed.good, asked) == (False, [])
        assert "GOOGLE_CLOUD_PROJECT" in unnamed.fix
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop")
        (named,) = check_providers(settings, ["vertex"])
    assert named.good is True
    assert asked[0][0] == "/v1/projects/shop/locations/europe-west1/batchPredictionJobs?pageSize=1"


def test_vertex_is_not_looked_for_beside_a_bucket_of_an_emulator(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    finding = next(check_providers(Settings(blobs="gs://bucket/x"), ["vertex"]))
    assert (finding.good, "bucket of an emulator" in finding.text) == (None, True)


def test_vertex_without_credentials_says_how_to_log_in(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    (finding,) = check_providers(Settings(blobs="gs://bucket/x"), ["vertex"])
    assert finding.good is False
    assert finding.fix == "gcloud auth application-default login"


@pytest.mark.parametrize("there", [True, False])
def test_a_local_model_needs_its_package(monkeypatch, there):
    monkeypatch.setattr(providers, "find_spec", lambda name: object() if there else None)
    finding = next(check_providers(Settings(), ["local"]))
    assert finding.good is (True if there else None)
    assert ("gemchain[local]" in finding.text) is not there


def test_the_command_tells_providers_prices_and_that_no_deployment_is_here(cli):
    done = cli("doctor")
    assert done.exit_code == 0, done.output
    for said in (
        "gemini-api: not set up: set GEMINI_API_KEY",
        "prices: genai-prices",
        "deployment: none here",
    ):
        assert said in done.stdout
    assert "price of" not in done.stdout


def test_a_key_that_is_refused_is_a_problem_of_the_command(cli, monkeypatch):
    with serving(401) as (url, _):
        monkeypatch.setenv("GEMCHAIN_COMPAT", json.dumps({"mine": {"url": url}}))
        done = cli("doctor")
        found = json.loads(cli("doctor", "--json").stdout)
    assert done.exit_code == 1
    assert "✗ compat-mine: the key is refused" in done.stdout
    assert found["problems"] == 1


def test_models_of_this_state_without_a_price_are_named(cli):
    cli.rows({"topic": "A letter."})
    target = cli.module(**{"gemini-3.5-flash-lite": "made-up"})
    assert cli.run(f"{target}:start").exit_code == 0
    done = cli("doctor")
    assert done.exit_code == 0
    assert "price of made-up: none is known, so simulated:made-up counts tokens and no money" in done.stdout
    own = cli.folder / "own.toml"
    own.write_text('[models."made-up"]\ninteractive = [1, 2]\nbatch = [1, 1]\n')
    said = cli("doctor", env={"GEMCHAIN_PRICES": str(own)}).stdout
    assert "price of made-up" not in said
    assert f"prices of one's own: {own}" in said


def test_an_old_table_is_called_old(monkeypatch):
    today = datetime.now(UTC).date()
    monkeypatch.setattr(price_table, "table_age", lambda: Table("0.1", today - timedelta(days=91)))
    (finding,) = price_table.check_prices()
    assert finding.good is None
    assert "91 days ago. Newer ones: pip install -U genai-prices" in finding.text
