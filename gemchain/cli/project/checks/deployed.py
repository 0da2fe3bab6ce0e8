"""Checks of what was deployed: the functions, their task queue, their schedules."""

from collections.abc import Iterator

import gemchain
from gemchain.cli.project.checks.base import STAGES, Finding, Site

__all__ = ["functions", "queue", "schedules"]

QUEUE = "gemchainDispatch"
SCHEDULED = ("gemchainAssemble", "gemchainSweep")


def _deploy(site: Site) -> str:
    return f"firebase deploy --only functions --project {site.setup.project}"


def functions(site: Site) -> Iterator[Finding]:
    """The four stages are deployed, in the installed version and in the region of the settings."""
    found, fix = site.functions(), _deploy(site)
    for stage in STAGES:
        if stage not in found:
            yield Finding(stage, False, "is not deployed", fix)
            continue
        label = found[stage].get("labels", {}).get("gemchain-version", "unknown").replace("_", ".")
        region, state = found[stage]["name"].split("/")[-3], found[stage].get("state")
        good = state == "ACTIVE" and label == gemchain.__version__
        text = f"{state}, version {label}; installed here is {gemchain.__version__}"
        if region != site.setup.region:
            good, text = False, f"{text}; runs in {region}, and .env says {site.setup.region}"
        yield Finding(stage, good, text, fix)


def queue(site: Site) -> Iterator[Finding]:
    """The task queue runs, with as many dispatches at a time as the settings say."""
    setup = site.setup
    place = f"--location={setup.region} --project {setup.project}"
    name = f"projects/{setup.project}/locations/{setup.region}/queues/{QUEUE}"
    found = site.ask(f"https://cloudtasks.googleapis.com/v2/{name}")
    if found is None:
        yield Finding("task queue", False, f"there is no queue {QUEUE} in {setup.region}", _deploy(site))
        return
    state = found.get("state", "unknown")
    resume = f"gcloud tasks queues resume {QUEUE} {place}"
    yield Finding("task queue", state == "RUNNING", state, resume)
    limits = found.get("rateLimits", {})
    number, rate = limits.get("maxConcurrentDispatches"), limits.get("maxDispatchesPerSecond")
    text = f"{number} at once, {rate} a second; .env wants {setup.max_dispatches} at once"
    fix = f"gcloud tasks queues update {QUEUE} {place} --max-concurrent-dispatches={setup.max_dispatches}"
    yield Finding("rate of the task queue", number == setup.max_dispatches, text, fix)


def schedules(site: Site) -> Iterator[Finding]:
    """The schedules are on, and their last calls were allowed."""
    setup = site.setup
    for name in SCHEDULED:
        job = f"firebase-schedule-{name}-{setup.region}"
        place = f"projects/{setup.project}/locations/{setup.region}/jobs/{job}"
        found = site.ask(f"https://cloudscheduler.googleapis.com/v1/{place}")
        if found is None:
            yield Finding(f"schedule of {name}", False, "there is none", _deploy(site))
            continue
        state, code = found.get("state", "unknown"), found.get("status", {}).get("code", 0)
        resume = f"gcloud scheduler jobs resume {job} --location={setup.region} --project {setup.project}"
        if state != "ENABLED":
            yield Finding(f"schedule of {name}", False, state, resume)
        elif code:
            text = f"its last call failed with code {code}"
            logs = f"firebase functions:log --only {name} --project {setup.project}"
            yield Finding(f"schedule of {name}", False, text, logs)
        else:
            yield Finding(f"schedule of {name}", True, f"last called {found.get('lastAttemptTime', 'never')}")
