"""What `gemchain doctor` looks at in Google Cloud, each check with the command that mends what it finds.

```
ground     billing, APIs, Firestore, bucket and regions, indexes and expiry, secrets
access     roles of the service agents and of the functions, and that no stranger may call them
running    functions and their version, task queue, schedules
quotas     what the project may do at a time
```
"""

from collections.abc import Callable, Iterator

from gemchain.cli.project.checks import access, ground, quotas, running
from gemchain.cli.project.checks.base import PEOPLE, STAGES, Finding, Setup, Site
from gemchain.cli.project.cloud import Cloud, NotAnsweredError

__all__ = ["CHECKS", "STAGES", "Finding", "Setup", "check_cloud"]

CHECKS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    ground.billing,
    ground.apis,
    ground.database,
    ground.bucket,
    ground.indexes,
    ground.secrets,
    access.agents,
    access.strangers,
    running.functions,
    running.queue,
    running.schedules,
    quotas.quotas,
)
"""In the order in which things have to be set up."""


def check_cloud(cloud: Cloud, setup: Setup) -> Iterator[Finding]:
    """Every check; one that cannot look says so, and the others go on."""
    login = "gcloud auth application-default login, as somebody who may see the project"
    try:
        project = cloud.ask(f"{PEOPLE}/projects/{setup.project}")
    except NotAnsweredError as error:
        yield Finding("project", False, f"{setup.project}: {error}", login)
        return
    if project is None or project.get("lifecycleState") != "ACTIVE":
        text = f"there is no active project {setup.project!r}"
        yield Finding("project", False, text, "gcloud projects list, then gemchain doctor --project ID")
        return
    yield Finding("project", True, f"{setup.project} ({project['projectNumber']})")
    site = Site(cloud, setup, str(project["projectNumber"]))
    for check in CHECKS:
        yield from _answered(check, site)


def _answered(check: Callable[[Site], Iterator[Finding]], site: Site) -> Iterator[Finding]:
    try:
        yield from check(site)
    except NotAnsweredError as error:
        yield Finding(check.__name__, None, f"could not look: {error}")
