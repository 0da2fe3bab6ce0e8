"""Checks of what a deployment needs: billing, APIs, database, bucket, indexes, secrets, and their regions."""

from collections.abc import Iterator
from typing import Any

from gemchain.cli.project import merge_files
from gemchain.cli.project.checks.base import Finding, Site

__all__ = ["apis", "billing", "bucket", "database", "indexes", "secrets"]

APIS = (
    "aiplatform",
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudscheduler",
    "cloudtasks",
    "eventarc",
    "firestore",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)
FIRESTORE = "https://firestore.googleapis.com/v1"
MULTI_REGIONS = {
    "us": "us-",
    "eu": "europe-",
    "asia": "asia-",
    "nam5": "us-",
    "nam7": "us-",
    "eur3": "europe-",
}
"""Multi-regions of Cloud Storage and of Firestore, and the prefix of the names of their regions."""


def _within(region: str, place: str) -> bool:
    return region == place or (place in MULTI_REGIONS and region.startswith(MULTI_REGIONS[place]))


def billing(site: Site) -> Iterator[Finding]:
    """Billing is on: functions and batch jobs need the Blaze plan."""
    project = site.setup.project
    found = site.ask(f"https://cloudbilling.googleapis.com/v1/projects/{project}/billingInfo") or {}
    on = found.get("billingEnabled", False)
    fix = f"gcloud billing projects link {project} --billing-account=ACCOUNT"
    yield Finding("billing", on, "on" if on else "off", fix)


def apis(site: Site) -> Iterator[Finding]:
    """Every service that the functions and gemchain call is enabled."""
    names = "&".join(f"names=projects/{site.number}/services/{each}.googleapis.com" for each in APIS)
    url = f"https://serviceusage.googleapis.com/v1/projects/{site.number}/services:batchGet?{names}"
    services = (site.ask(url) or {}).get("services", [])
    enabled = {each["name"].rpartition("/")[2] for each in services if each.get("state") == "ENABLED"}
    missing = [f"{each}.googleapis.com" for each in APIS if f"{each}.googleapis.com" not in enabled]
    text = f"not enabled: {', '.join(missing)}" if missing else "all enabled"
    fix = f"gcloud services enable {' '.join(missing)} --project {site.setup.project}"
    yield Finding("APIs", not missing, text, fix)


def database(site: Site) -> Iterator[Finding]:
    """There is a Firestore database in Native mode, near the functions."""
    setup = site.setup
    found = site.ask(_database(site))
    create = (
        f"gcloud firestore databases create --database='{setup.database}' "
        f"--location={setup.region} --project {setup.project}"
    )
    if found is None:
        yield Finding("Firestore", False, f"there is no database {setup.database}", create)
        return
    kind, place = found.get("type"), str(found.get("locationId"))
    fix = create.replace("(default)", "gemchain")
    yield Finding("Firestore", kind == "FIRESTORE_NATIVE", f"{kind} in {place}", fix)
    if not _within(setup.region, place):
        text = f"records in {place}, functions in {setup.region}: each call between them takes longer"
        yield Finding("Firestore's region", None, text)


def _database(site: Site) -> str:
    return f"{FIRESTORE}/projects/{site.setup.project}/databases/{site.setup.database}"


def bucket(site: Site) -> Iterator[Finding]:
    """The bucket exists, where the functions' storage trigger gets its events, and near Vertex AI."""
    setup = site.setup
    found = site.ask(f"https://storage.googleapis.com/storage/v1/b/{setup.bucket}")
    if found is None:
        create = f"gcloud storage buckets create gs://{setup.bucket} --location={setup.region}"
        yield Finding("bucket", False, f"there is no gs://{setup.bucket}", create)
        return
    place = str(found.get("location", "")).lower()
    near = _within(setup.region, place) or setup.region == "us-central1"
    fix = f"set GEMCHAIN_REGION={place} in functions/.env, then firebase deploy --only functions"
    yield Finding("bucket", near, f"in {place}, the functions in {setup.region}", fix)
    if setup.vertex_location != "global" and not _within(setup.vertex_location, place):
        text = f"jobs run in {setup.vertex_location}, the bucket is in {place}"
        yield Finding("Vertex AI", None, f"{text}: bytes between regions are charged")


def indexes(site: Site) -> Iterator[Finding]:
    """Exactly the fields that are queried are indexed, and ended records expire."""
    wanted = merge_files.indexes(site.setup.places.collections)["fieldOverrides"]
    groups = sorted({each["collectionGroup"] for each in wanted})
    found = {(group, name): each for group in groups for name, each in _fields(site, group)}
    missing = [each for each in wanted if (each["collectionGroup"], each["fieldPath"]) not in found]
    fix = f"firebase deploy --only firestore:indexes --project {site.setup.project}"
    text = f"{len(missing)} of {len(wanted)} are not deployed" if missing else "all deployed"
    yield Finding("indexes", not missing, text, fix)
    expiring = [(each["collectionGroup"], each["fieldPath"]) for each in wanted if each.get("ttl")]
    off = [each for each in expiring if "ttlConfig" not in found.get(each, {})]
    text = f"not on for {', '.join(f'{group}.{name}' for group, name in off)}" if off else "on"
    yield Finding("expiry (TTL)", not off, text, fix)


def _fields(site: Site, group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for condition in ("indexConfig.usesAncestorConfig:false", "ttlConfig:*"):
        url = f"{_database(site)}/collectionGroups/{group}/fields?filter={condition}&pageSize=300"
        for each in site.pages(url, "fields"):
            yield each["name"].rpartition("/")[2], each


def secrets(site: Site) -> Iterator[Finding]:
    """The keys exist as secrets."""
    for key in merge_files.KEYS:
        name = f"projects/{site.setup.project}/secrets/{key}"
        found = site.ask(f"https://secretmanager.googleapis.com/v1/{name}")
        fix = f"firebase functions:secrets:set {key} --project {site.setup.project}"
        yield Finding(f"secret {key}", found is not None, "kept" if found else "there is none", fix)
