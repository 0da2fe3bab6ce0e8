"""`gemchain doctor`: providers, prices, a deployment and its records; a command fixes each problem."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gemchain.cli.output.json_data import print_json
from gemchain.cli.project import dotenv
from gemchain.cli.project.checks import Finding, Setup, check_cloud
from gemchain.cli.project.checks.price_table import check_prices, check_used_models
from gemchain.cli.project.checks.providers import check_providers
from gemchain.cli.project.google_cloud import GoogleCloud
from gemchain.cli.state.opening import providers_to_describe
from gemchain.configuration.sources import current_settings
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import count
from gemchain.errors import ConfigurationError, GemchainError, MissingExtraError
from gemchain.ports import Store
from gemchain.records import Batch
from gemchain.records.states import BatchState, PromptState
from gemchain.wiring import build, open_store

__all__ = ["check_store", "doctor", "setup_of"]

EMULATORS = ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
DEPLOYED = (*EMULATORS, "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GEMCHAIN_STORE")
"""Variables that say that there is a deployment to look at."""

SKIPPED = {
    "billing, APIs, quotas": "the emulators have none",
    "roles and callers": "the emulators let everybody in",
    "Firestore's location, the bucket's region": "the emulators are nowhere",
    "indexes, expiry (TTL)": "the emulators serve every query, and nothing expires in them",
    "secrets": "the emulators read functions/.secret.local",
    "functions, task queue, schedules": "nothing is deployed, and `gemchain dev` is the clock",
}
PAGE = 500
"""Parked prompts that are read for their reasons."""

MARKS = {True: "✓", False: "✗", None: "·"}


def doctor(folder: Path, project: str | None, *, as_json: bool) -> int:
    """Run all checks, and print what they found: as text while they run, or as JSON in the end.

    Returns:
        The exit code: 1 when something has to be fixed.
    """
    if as_json:
        findings = list(_findings(folder, project))
        problems = sum(each.good is False for each in findings)
        print_json({"problems": problems, "findings": findings})
        return 1 if problems else 0
    console = PlainConsole(highlight=False, soft_wrap=True, markup=False)
    bad = 0
    for finding in _findings(folder, project):
        console.print(f"{MARKS[finding.good]} {finding.name}: {finding.text}")
        if finding.good is False:
            bad += 1
            console.print(f"    {finding.fix}")
    console.print(f"\n{count(bad, 'problem')} to fix" if bad else "\nAll is well")
    return 1 if bad else 0


def _findings(folder: Path, project: str | None) -> Iterator[Finding]:
    yield from check_providers(current_settings(), providers_to_describe().names)
    yield from check_prices()
    yield from _used_models()
    if project or (folder / "firebase.json").exists() or any(map(os.environ.get, DEPLOYED)):
        yield from _deployment(folder, project)
    else:
        text = "none here: no firebase.json, and no --project"
        yield Finding("deployment", None, text)


def _used_models() -> Iterator[Finding]:
    """The models of the state on this machine; that of a deployment is looked at with its records."""
    settings = current_settings()
    if settings.store or not (Path(settings.state) / "gemchain.db").exists():
        return
    try:
        store = open_store(settings)
        try:
            yield from check_used_models(store)
        finally:
            store.close()
    except GemchainError as error:
        yield Finding("state", None, f"could not look: {error}")


def _deployment(folder: Path, project: str | None) -> Iterator[Finding]:
    if all(name in os.environ for name in EMULATORS):
        setup = setup_of(folder, project or os.environ.get("GOOGLE_CLOUD_PROJECT") or "demo-gemchain")
        yield Finding("emulators", True, ", ".join(os.environ[name] for name in EMULATORS))
        for what, why in SKIPPED.items():
            yield Finding(what, None, f"skipped: {why}")
    else:
        try:
            cloud = GoogleCloud()
        except MissingExtraError as error:
            yield Finding("packages", False, "those of gemchain doctor are not installed", error.install)
            return
        except ConfigurationError as error:
            yield Finding("credentials", False, str(error), "gcloud auth application-default login")
            return
        yield Finding("credentials", True, "found")
        name = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or cloud.project
        if not name:
            yield Finding("project", False, "none is named", "gemchain doctor --project ID")
            return
        setup = setup_of(folder, name)
        yield from check_cloud(cloud, setup)
    yield from _records(setup)


def setup_of(folder: Path, project: str) -> Setup:
    """The setup that the `.env` files of the codebase in a folder describe."""
    values = dict[str, str]()
    for source in ("functions", "functions-gemchain"):
        values |= dotenv.read(
            folder / source, project, emulated=all(name in os.environ for name in EMULATORS)
        )
    return Setup(
        project=project,
        bucket=values.get("GEMCHAIN_BUCKET", f"{project}.firebasestorage.app"),
        region=values.get("GEMCHAIN_REGION", "us-central1"),
        vertex_location=values.get("GEMCHAIN_LOCATION", "global"),
        places=dotenv.places(values),
        max_dispatches=_number(values, "GEMCHAIN_MAX_DISPATCHES", 20),
        max_running_batches=_number(values, "GEMCHAIN_MAX_RUNNING_BATCHES", 8),
    )


def _number(values: dict[str, str], name: str, default: int) -> int:
    text = values.get(name, str(default))
    if not text.isdigit():
        raise ConfigurationError(f"{name} in the functions' .env is a number, not {text!r}")
    return int(text)


def _records(setup: Setup) -> Iterator[Finding]:
    settings = current_settings()
    place = f"firestore://{setup.project}/{setup.database}?prefix={setup.places.collections}"
    address = settings.store or place
    files = settings.blobs or f"gs://{setup.bucket}/{setup.places.folder}"
    try:
        store = build(settings.changed(store=address, blobs=files)).store
        try:
            yield from check_store(store)
            yield from check_used_models(store)
        finally:
            store.close()
    except GemchainError as error:
        yield Finding("records", None, f"could not look: {error}")


def check_store(store: Store) -> Iterator[Finding]:
    """Prompts that wait for a person, and batches that wait for too long."""
    reasons: Counter[str] = Counter()
    for prompt in store.list_prompts(state=PromptState.PARKED, limit=PAGE):
        reasons[prompt.progress.failure.message if prompt.progress.failure else "no reason was kept"] += 1
    for reason, number in reasons.most_common():
        text = f"{count(number, 'prompt')} waits for a person: {reason}"
        yield Finding("PARKED", False, text, "fix the cause, deploy, then: gemchain retry --all")
    if not reasons:
        yield Finding("PARKED", True, "nothing waits for a person")
    for batch in store.open_batches():
        yield _batch(store, batch)


def _batch(store: Store, batch: Batch) -> Finding:
    now = store.now()
    begun = batch.arrived_at or batch.sent_at or batch.created_at
    hours = (now - begun).total_seconds() / 3600
    match batch.state:
        case BatchState.SENT:
            late = hours > 72  # noqa: PLR2004 -- the queue of Vertex AI is 72 hours long at most
            text = f"SENT, {count(batch.requests, 'prompt')}; waits for the provider since {hours:.1f} h"
        case BatchState.ARRIVED:
            late = hours > 1
            parts = count(len(store.open_parts(batch.id)), "part")
            text = f"ARRIVED, {parts} to dispatch; waits for gemchainDispatch since {hours:.1f} h"
        case _:
            late = hours > 1
            text = f"{batch.state}; waits for gemchainAssemble since {hours:.1f} h"
    fix = f"gemchain show {batch.id}; then the functions' logs: firebase functions:log"
    return Finding(f"batch {batch.id}", not late, text, fix)
