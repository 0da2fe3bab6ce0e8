"""The checks of `gemchain doctor` in Google Cloud; each finding has a command that fixes it.

```
prerequisites  billing, APIs, Firestore, bucket and regions, indexes and expiry, secrets
permissions    roles of the service agents and of the functions; callers from outside are kept out
deployed       functions and their version, task queue, schedules
quotas         limits of the project
```
"""

from collections.abc import Callable, Iterator

from gemchain.cli.project.checks import deployed, permissions, prerequisites, quotas
from gemchain.cli.project.checks.base import RESOURCE_MANAGER, STAGES, Finding, Setup, Site
from gemchain.cli.project.google_cloud import Cloud, NotAnsweredError

__all__ = ["CHECKS", "STAGES", "Finding", "Setup", "check_cloud"]

CHECKS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    prerequisites.billing,
    prerequisites.apis,
    prerequisites.database,
    prerequisites.bucket,
    prerequisites.indexes,
    prerequisites.secrets,
    permissions.agents,
    permissions.strangers,
    deployed.functions,
    deployed.queue,
    deployed.schedules,
    quotas.quotas,
)
"""In the order in which a project is set up."""


def check_cloud(cloud: Cloud, setup: Setup) -> Iterator[Finding]:
    """Run every check. A check that the service refuses to answer reports this; the others still run."""
    login = "gcloud auth application-default login, as a user who may see the project"
    try:
        project = cloud.ask(f"{RESOURCE_MANAGER}/projects/{setup.project}")
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
        yield from _run_check(check, site)


def _run_check(check: Callable[[Site], Iterator[Finding]], site: Site) -> Iterator[Finding]:
    try:
        yield from check(site)
    except NotAnsweredError as error:
        yield Finding(check.__name__, None, f"could not look: {error}")
