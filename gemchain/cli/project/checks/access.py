"""Who may do what: only those who have to.

Cloud Run alone keeps strangers out of the functions that schedules, tasks and events call: firebase-functions
checks no caller. So whether its policy still does is a check of its own.

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
"""Of the account that the functions run as; in its name events, tasks and schedules call them, too."""

WIDE = {
    "roles/datastore.user": {"roles/datastore.owner"},
    "roles/storage.objectAdmin": {"roles/storage.admin"},
    "roles/aiplatform.user": {"roles/aiplatform.admin"},
    "roles/cloudtasks.enqueuer": {"roles/cloudtasks.admin"},
    "roles/run.invoker": {"roles/run.admin"},
}
ALL = {"roles/owner", "roles/editor"}
BEYOND_EDITOR = {"roles/run.invoker", "roles/iam.serviceAccountTokenCreator", "roles/aiplatform.serviceAgent"}
"""Roles that an editor has not."""

KEY = "GEMCHAIN_SIGNING_KEY"


def agents(site: Site) -> Iterator[Finding]:
    """The service agents and the functions' own account have the roles they need."""
    held = site.granted()
    on_bucket = f"https://storage.googleapis.com/storage/v1/b/{site.setup.bucket}/iam"
    for account, role in _wanted(site):
        member = f"serviceAccount:{account}"
        enough = {role} | WIDE.get(role, set()) | (ALL if role not in BEYOND_EDITOR else {"roles/owner"})
        good = any((each, member) in held for each in enough)
        if not good and role == "roles/storage.objectAdmin":
            good = any((each, member) in grants(site.ask(on_bucket)) for each in enough)
        mend = f"gcloud projects add-iam-policy-binding {site.setup.project} --member={member} --role={role}"
        yield Finding(f"role {role}", good, f"{account} {'has' if good else 'lacks'} it", mend)


def _wanted(site: Site) -> Iterator[tuple[str, str]]:
    number = site.number
    yield f"service-{number}@gs-project-accounts.iam.gserviceaccount.com", "roles/pubsub.publisher"
    yield f"service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com", "roles/iam.serviceAccountTokenCreator"
    yield f"service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com", "roles/aiplatform.serviceAgent"
    deployed = site.functions().get(STAGES[0], {}).get("serviceConfig", {})
    account = deployed.get("serviceAccountEmail") or f"{number}-compute@developer.gserviceaccount.com"
    for role in RUNTIME_ROLES:
        yield account, role


def strangers(site: Site) -> Iterator[Finding]:
    """Only identities of the project may call what dispatches parts or starts chains."""
    for role, member in sorted(site.granted()):
        if member in PUBLIC:
            project = site.setup.project
            mend = f"gcloud projects remove-iam-policy-binding {project} --member={member} --role={role}"
            yield Finding("strangers", False, f"{member} has {role} on the whole project", mend)
    for name, function in sorted(site.functions().items()):
        if name in STAGES or _holds_the_key(function):
            yield _privacy(site, name, function)


def _holds_the_key(function: dict[str, Any]) -> bool:
    """Whether a function has gemchain's signing key, as all have that start chains."""
    secrets = function.get("serviceConfig", {}).get("secretEnvironmentVariables", [])
    return any(each.get("key") == KEY for each in secrets)


def _privacy(site: Site, name: str, function: dict[str, Any]) -> Finding:
    service = function.get("serviceConfig", {}).get("service", "")
    if not service:
        return Finding(f"callers of {name}", None, "could not look: it is no service of Cloud Run")
    open_to = sorted(pair for pair in grants(site.ask(_policy(service))) if pair[1] in PUBLIC)
    if not open_to:
        return Finding(f"callers of {name}", True, "only identities of the project")
    region, _, short = service.split("/")[-3:]
    mend = "; ".join(
        f"gcloud run services remove-iam-policy-binding {short} --region={region} "
        f"--project {site.setup.project} --member={member} --role={role}"
        for role, member in open_to
    )
    return Finding(f"callers of {name}", False, f"{open_to[0][1]}, the whole world, may call it", mend)


def _policy(service: str) -> str:
    return f"https://run.googleapis.com/v2/{service}:getIamPolicy"
