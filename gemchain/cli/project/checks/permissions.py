"""Checks of permissions: the accounts have the roles that they need, and nobody else may call the functions.

Only Cloud Run keeps callers from outside away from the functions that schedules, tasks and events call:
firebase-functions checks no caller. So Cloud Run's policy has a check of its own.

https://cloud.google.com/run/docs/authenticating/overview
"""

from collections.abc import Iterator
from typing import Any

from gemchain.cli.project.checks.base import PUBLIC, STAGES, Finding, Site, grants

__all__ = ["agents", "strangers"]

RUNTIME_ROLES = (
    "roles/datastore.user",
    "roles/storage.objectAdmin",
    "roles/aiplatform.user",
    "roles/cloudtasks.enqueuer",
    "roles/iam.serviceAccountUser",
    "roles/run.invoker",
    "roles/eventarc.eventReceiver",
)
"""Roles of the account that the functions run as; events, tasks and schedules call them as it, too."""

WIDER_ROLES = {
    "roles/datastore.user": {"roles/datastore.owner"},
    "roles/storage.objectAdmin": {"roles/storage.admin"},
    "roles/aiplatform.user": {"roles/aiplatform.admin"},
    "roles/cloudtasks.enqueuer": {"roles/cloudtasks.admin"},
    "roles/run.invoker": {"roles/run.admin"},
}
ALL = {"roles/owner", "roles/editor"}
BEYOND_EDITOR = {"roles/run.invoker", "roles/iam.serviceAccountTokenCreator", "roles/aiplatform.serviceAgent"}
"""Roles that an editor does not have."""

KEY = "GEMCHAIN_SIGNING_KEY"


def agents(site: Site) -> Iterator[Finding]:
    """The service agents and the functions' own account have the roles they need."""
    granted = site.granted()
    on_bucket = f"https://storage.googleapis.com/storage/v1/b/{site.setup.bucket}/iam"
    for account, role in _roles_needed(site):
        member = f"serviceAccount:{account}"
        enough = (
            {role} | WIDER_ROLES.get(role, set()) | (ALL if role not in BEYOND_EDITOR else {"roles/owner"})
        )
        good = any((each, member) in granted for each in enough)
        if not good and role == "roles/storage.objectAdmin":
            good = any((each, member) in grants(site.ask(on_bucket)) for each in enough)
        fix = f"gcloud projects add-iam-policy-binding {site.setup.project} --member={member} --role={role}"
        yield Finding(f"role {role}", good, f"{account} {'has' if good else 'lacks'} it", fix)


def _roles_needed(site: Site) -> Iterator[tuple[str, str]]:
    number = site.number
    yield f"service-{number}@gs-project-accounts.iam.gserviceaccount.com", "roles/pubsub.publisher"
    yield f"service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com", "roles/iam.serviceAccountTokenCreator"
    yield f"service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com", "roles/aiplatform.serviceAgent"
    deployed = site.functions().get(STAGES[0], {}).get("serviceConfig", {})
    account = deployed.get("serviceAccountEmail") or f"{number}-compute@developer.gserviceaccount.com"
    for role in RUNTIME_ROLES:
        yield account, role


def strangers(site: Site) -> Iterator[Finding]:
    """Only identities of the project may call functions that dispatch parts or start chains."""
    for role, member in sorted(site.granted()):
        if member in PUBLIC:
            project = site.setup.project
            fix = f"gcloud projects remove-iam-policy-binding {project} --member={member} --role={role}"
            yield Finding("strangers", False, f"{member} has {role} on the whole project", fix)
    for name, function in sorted(site.functions().items()):
        if name in STAGES or _holds_the_key(function):
            yield _callers(site, name, function)


def _holds_the_key(function: dict[str, Any]) -> bool:
    """Whether a function has gemchain's signing key; all functions that start chains have it."""
    secrets = function.get("serviceConfig", {}).get("secretEnvironmentVariables", [])
    return any(each.get("key") == KEY for each in secrets)


def _callers(site: Site, name: str, function: dict[str, Any]) -> Finding:
    service = function.get("serviceConfig", {}).get("service", "")
    if not service:
        return Finding(f"callers of {name}", None, "could not look: it is not a service of Cloud Run")
    open_to = sorted(pair for pair in grants(site.ask(_policy(service))) if pair[1] in PUBLIC)
    if not open_to:
        return Finding(f"callers of {name}", True, "only identities of the project")
    region, _, short = service.split("/")[-3:]
    fix = "; ".join(
        f"gcloud run services remove-iam-policy-binding {short} --region={region} "
        f"--project {site.setup.project} --member={member} --role={role}"
        for role, member in open_to
    )
    return Finding(f"callers of {name}", False, f"{open_to[0][1]}, which is everybody, may call it", fix)


def _policy(service: str) -> str:
    return f"https://run.googleapis.com/v2/{service}:getIamPolicy"
