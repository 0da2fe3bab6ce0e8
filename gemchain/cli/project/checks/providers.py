"""Checks of providers and their keys: each that is set up is asked for its models, which costs nothing."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from gemchain.cli.project.checks.base import Finding
from gemchain.providers.compat_servers import PREFIX, compat_servers
from gemchain.settings import Settings

__all__ = ["TIMEOUT", "check_providers"]

TIMEOUT = 5.0
"""Seconds after which a service counts as not reachable."""

LOGIN = "gcloud auth application-default login"
REFUSED = frozenset({400, 401, 403})
"""Statuses that refuse a key: the Gemini API says 400 to one that it does not know."""

NOT_FOUND, NOT_GOOD = 404, 300
NOT_SET_UP = "not set up"
VERTEX, LOCAL = "vertex", "local"


class Service(NamedTuple):
    """How a service is asked for its models.

    Attributes:
        keys: Environment variables that may hold the key, the strongest first.
        get: Where to get a key.
        module: The package that its provider needs.
        extra: The extra that installs it.
        url: The address of the API.
        override: Environment variable that names another address; empty where there is none.
        path: Of the list of models.
        headers: What carries the key.
    """

    keys: tuple[str, ...]
    get: str
    module: str
    extra: str
    url: str
    override: str
    path: str
    headers: Callable[[str], Mapping[str, str]]


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


SERVICES: Mapping[str, Service] = {
    "openai": Service(
        ("OPENAI_API_KEY",),
        "https://platform.openai.com/api-keys",
        "openai",
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_BASE_URL",
        "/models",
        _bearer,
    ),
    "anthropic": Service(
        ("ANTHROPIC_API_KEY",),
        "https://platform.claude.com/settings/keys",
        "anthropic",
        "anthropic",
        "https://api.anthropic.com",
        "ANTHROPIC_BASE_URL",
        "/v1/models?limit=1",
        lambda key: {"x-api-key": key, "anthropic-version": "2026-10-21"},
    ),
    "mistral": Service(
        ("MISTRAL_API_KEY",),
        "https://console.mistral.ai/api-keys",
        "mistralai",
        "mistral",
        "https://api.mistral.ai",
        "",
        "/v1/models",
        _bearer,
    ),
    "gemini-api": Service(
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "https://aistudio.google.com/apikey",
        "google.genai",
        "gemini",
        "https://generativelanguage.googleapis.com",
        "GOOGLE_GEMINI_BASE_URL",
        "/v1beta/models?pageSize=1",
        lambda key: {"x-goog-api-key": key},
    ),
}


def check_providers(settings: Settings, names: Collection[str]) -> Iterator[Finding]:
    """Look at each provider and at each server of the setting `compat`. Only those that are set up are asked.

    Args:
        settings: The settings in force.
        names: The providers that there are.
    """
    ready = False
    for name in sorted(names):
        if name in SERVICES:
            finding = _service(name, SERVICES[name], settings)
        elif name == VERTEX:
            finding = _vertex(settings)
        elif name == LOCAL:
            finding = _local()
        else:
            continue
        ready = ready or not finding.text.startswith(NOT_SET_UP)
        yield finding
    for server, entry in compat_servers(settings.compat).items():
        ready = True
        key = os.environ.get(entry.key_env, "") if entry.key_env else ""
        name = f"{PREFIX}{server}"
        if entry.key_env and not key:
            yield Finding(name, False, f"{entry.key_env} is not set", f"export {entry.key_env}=…")
        else:
            headers = {**entry.headers, **(_bearer(key) if key else {})}
            yield _asked(name, f"{entry.url}/models", headers, f"export {entry.key_env or 'KEY'}=…")
    if not ready:
        yield Finding("providers", None, "none is set up: only simulated/… models answer here")


def _service(name: str, service: Service, settings: Settings) -> Finding:
    endpoint = getattr(settings, f"{name.replace('-', '_')}_endpoint", "")
    variable = next((each for each in service.keys if os.environ.get(each)), "")
    if not variable and not endpoint:
        how = f"set {service.keys[0]} to a key from {service.get}"
        return Finding(name, None, f"{NOT_SET_UP}: {how}")
    if not _installed(service.module):
        fix = f"pip install 'gemchain[{service.extra}]'"
        return Finding(name, False, f"the package {service.module} is not installed", fix)
    url = endpoint or (os.environ.get(service.override, "") if service.override else "") or service.url
    headers = service.headers(os.environ[variable]) if variable else {}
    fix = f"export {variable or service.keys[0]}=… with a key from {service.get}"
    return _asked(name, f"{url.rstrip('/')}{service.path}", headers, fix)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _local() -> Finding:
    if _installed("xllamacpp"):
        return Finding(LOCAL, True, "set up: models run on this machine, as local/smollm2 or local/PATH.gguf")
    return Finding(LOCAL, None, f"{NOT_SET_UP}: pip install 'gemchain[local]'")


def _vertex(settings: Settings) -> Finding:
    if not settings.blobs.startswith("gs://"):
        return Finding(VERTEX, None, f"{NOT_SET_UP}: set blobs (GEMCHAIN_BLOBS) to gs://BUCKET/PREFIX")
    if os.environ.get("STORAGE_EMULATOR_HOST") and not settings.vertex_endpoint:
        return Finding(VERTEX, None, f"{NOT_SET_UP}: it cannot read a bucket of an emulator")
    from gemchain.providers.vertex import host_of

    headers: Mapping[str, str] = {}
    project = settings.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCLOUD_PROJECT")
    if not settings.vertex_endpoint:
        try:
            token, own = _token()
        except ImportError:
            return Finding(VERTEX, False, "its packages are not installed", "pip install 'gemchain[gemini]'")
        except Exception as error:  # noqa: BLE001 -- the library has no common base for what goes wrong
            return Finding(VERTEX, False, f"no credentials: {error}", LOGIN)
        headers, project = _bearer(token), project or own
    if not project:
        fix = "export GOOGLE_CLOUD_PROJECT=…; see yours with: gcloud projects list"
        return Finding(VERTEX, False, "no Google Cloud project is named", fix)
    place = f"projects/{project}/locations/{settings.location}"
    base = settings.vertex_endpoint or f"https://{host_of(settings.location)}"
    return _asked(VERTEX, f"{base.rstrip('/')}/v1/{place}/batchPredictionJobs?pageSize=1", headers, LOGIN)


def _token() -> tuple[str, str | None]:
    """An access token of the user's credentials, and their project."""
    import google.auth
    from google.auth.transport.requests import Request

    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    transport = Request()

    def soon(*args: object, **options: object) -> object:
        return transport(*args, **{**options, "timeout": TIMEOUT})

    credentials.refresh(soon)  # type: ignore[no-untyped-call]
    return str(credentials.token), project


def _is_sendable(value: str) -> bool:
    """Whether a header can have this value. The library's error would show it."""
    return value.isascii() and value.isprintable() and value == value.strip() and "  " not in value


def _shown(url: str) -> str:
    """An address for people: without a question, and without a password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _asked(name: str, url: str, headers: Mapping[str, str], fix: str) -> Finding:
    """What a service answers to the question for its models."""
    import httpx2

    if not all(map(_is_sendable, headers.values())):
        return Finding(name, False, "the key has characters that no key has: a blank or a line break?", fix)
    place = _shown(url)
    try:
        status = httpx2.get(url, headers=dict(headers), timeout=TIMEOUT).status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        why = str(error) or type(error).__name__
        return Finding(name, False, f"not reachable: {place}: {why}", f"check the network: curl {place}")
    if status in REFUSED:
        return Finding(name, False, f"the key is refused: {place} answers {status}", fix)
    if status == NOT_FOUND:
        hint = "; is the url whole? most go up to and with /v1"
        return Finding(name, None, f"reachable, but it lists no models: {place} answers {status}{hint}")
    if status >= NOT_GOOD:
        return Finding(name, None, f"reachable, but it says neither yes nor no: {place} answers {status}")
    return Finding(name, True, "set up, and the key is accepted" if headers else "set up, and reachable")
