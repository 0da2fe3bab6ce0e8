"""What `gemchain doctor` looks at in Google Cloud, each check with the command that mends what it finds."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

import gemchain
from gemchain.cli.cloud import Cloud, NotAnsweredError

__all__ = ["Finding", "Setup", "check_cloud"]

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
STAGES = ("gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep")
FIRESTORE = "https://firestore.googleapis.com/v1"
PEOPLE = "https://cloudresourcemanager.googleapis.com/v1"


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        good: Whether all is well; None where nobody could look, or where it is only to be known.
        mend: The command that mends it.
    """

    name: str
    good: bool | None
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is meant to be there, by the codebase's own `.env`."""

    project: str
    bucket: str
    region: str
    vertex_location: str = "global"
    database: str = "(default)"


class _Checks:
    def __init__(self, cloud: Cloud, setup: Setup, number: str) -> None:
        self.cloud = cloud
        self.setup = setup
        self.number = number

    def apis(self) -> Iterator[Finding]:
        """Every service that the functions and gemchain call is enabled."""
        names = "&".join(f"names=projects/{self.number}/services/{each}.googleapis.com" for each in APIS)
        url = f"https://serviceusage.googleapis.com/v1/projects/{self.number}/services:batchGet?{names}"
        services = (self.cloud.ask(url) or {}).get("services", [])
        enabled = {each["name"].rpartition("/")[2] for each in services if each.get("state") == "ENABLED"}
        missing = [f"{each}.googleapis.com" for each in APIS if f"{each}.googleapis.com" not in enabled]
        yield Finding(
            "APIs",
            not missing,
            f"not enabled: {', '.join(missing)}" if missing else "all enabled",
            f"gcloud services enable {' '.join(missing)} --project {self.setup.project}",
        )

    def database(self) -> Iterator[Finding]:
        """There is a Firestore database in Native mode."""
        found = self.cloud.ask(f"{self._database}")
        create = (
            f"gcloud firestore databases create --database='{self.setup.database}' "
            f"--location={self.setup.region} --project {self.setup.project}"
        )
        if found is None:
            yield Finding("Firestore", False, f"there is no database {self.setup.database}", create)
            return
        native = found.get("type") == "FIRESTORE_NATIVE"
        text = f"{found.get('type')} in {found.get('locationId')}"
        yield Finding("Firestore", native, text, create.replace("(default)", "gemchain"))

    @property
    def _database(self) -> str:
        return f"{FIRESTORE}/projects/{self.setup.project}/databases/{self.setup.database}"

    def bucket(self) -> Iterator[Finding]:
        """The bucket is there, where the functions' storage trigger can hear of it."""
        found = self.cloud.ask(f"https://storage.googleapis.com/storage/v1/b/{self.setup.bucket}")
        region = self.setup.region
        if found is None:
            create = f"gcloud storage buckets create gs://{self.setup.bucket} --location={region}"
            yield Finding("bucket", False, f"there is no gs://{self.setup.bucket}", create)
            return
        place = str(found.get("location", "")).lower()
        near = region in (place, "us-central1") or (place in ("us", "eu", "asia") and _within(region, place))
        mend = f"set GEMCHAIN_REGION={place} in functions/.env, then firebase deploy --only functions"
        yield Finding("bucket", near, f"in {place}, the functions in {region}", mend)
        location = self.setup.vertex_location
        if location not in ("global", place) and place not in ("us", "eu", "asia"):
            text = f"jobs run in {location}, the bucket is in {place}"
            yield Finding("Vertex AI", None, f"{text}: bytes between regions are charged")

    def agents(self) -> Iterator[Finding]:
        """The service agents have the roles that events and schedules need."""
        policy = self.cloud.ask(f"{PEOPLE}/projects/{self.setup.project}:getIamPolicy", post=True) or {}
        held = {(each["role"], member) for each in policy.get("bindings", []) for member in each["members"]}
        for agent, role in self._wanted():
            member = f"serviceAccount:{agent}"
            mend = (
                f"gcloud projects add-iam-policy-binding {self.setup.project} --member={member} --role={role}"
            )
            good = (role, member) in held or ("roles/editor", member) in held
            yield Finding(f"role {role}", good, f"{agent} {'has' if good else 'lacks'} it", mend)

    def _wanted(self) -> Iterator[tuple[str, str]]:
        number = self.number
        yield f"service-{number}@gs-project-accounts.iam.gserviceaccount.com", "roles/pubsub.publisher"
        pubsub = f"service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
        yield pubsub, "roles/iam.serviceAccountTokenCreator"
        for role in ("roles/run.invoker", "roles/eventarc.eventReceiver"):
            yield f"{number}-compute@developer.gserviceaccount.com", role

    def indexes(self) -> Iterator[Finding]:
        """Only what is looked for is indexed, and what has ended expires."""
        wanted = json.loads(
            files("gemchain.cli").joinpath("codebase", "firestore.indexes.json.txt").read_text()
        )["fieldOverrides"]
        groups = sorted({each["collectionGroup"] for each in wanted})
        found = {(group, name): field for group in groups for name, field in self._fields(group)}
        missing = [each for each in wanted if (each["collectionGroup"], each["fieldPath"]) not in found]
        mend = f"firebase deploy --only firestore:indexes --project {self.setup.project}"
        text = f"{len(missing)} of {len(wanted)} are not deployed" if missing else "all deployed"
        yield Finding("indexes", not missing, text, mend)
        expiring = [(each["collectionGroup"], each["fieldPath"]) for each in wanted if each.get("ttl")]
        off = [each for each in expiring if "ttlConfig" not in found.get(each, {})]
        text = f"not on for {', '.join(f'{g}.{f}' for g, f in off)}" if off else "on"
        yield Finding("expiry (TTL)", not off, text, mend)

    def _fields(self, group: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for condition in ("indexConfig.usesAncestorConfig:false", "ttlConfig:*"):
            token = ""
            while True:
                url = f"{self._database}/collectionGroups/{group}/fields?filter={condition}&pageSize=300"
                page = self.cloud.ask(f"{url}&pageToken={token}" if token else url) or {}
                for field in page.get("fields", []):
                    yield field["name"].rpartition("/")[2], field
                token = page.get("nextPageToken", "")
                if not token:
                    break

    def signing_key(self) -> Iterator[Finding]:
        """The key is kept as a secret."""
        name = f"projects/{self.setup.project}/secrets/GEMCHAIN_SIGNING_KEY"
        found = self.cloud.ask(f"https://secretmanager.googleapis.com/v1/{name}")
        mend = f"firebase functions:secrets:set GEMCHAIN_SIGNING_KEY --project {self.setup.project}"
        yield Finding("signing key", found is not None, "kept" if found else "there is none", mend)

    def functions(self) -> Iterator[Finding]:
        """The four stages are deployed, of the installed version."""
        parent = f"projects/{self.setup.project}/locations/-"
        answer = self.cloud.ask(f"https://cloudfunctions.googleapis.com/v2/{parent}/functions?pageSize=1000")
        found = {each["name"].rpartition("/")[2]: each for each in (answer or {}).get("functions", [])}
        mend = f"firebase deploy --only functions --project {self.setup.project}"
        for stage in STAGES:
            if stage not in found:
                yield Finding(stage, False, "is not deployed", mend)
                continue
            label = found[stage].get("labels", {}).get("gemchain-version", "unknown").replace("_", ".")
            good = found[stage].get("state") == "ACTIVE" and label == gemchain.__version__
            text = f"{found[stage].get('state')}, version {label}; installed here is {gemchain.__version__}"
            yield Finding(stage, good, text, mend)


def check_cloud(cloud: Cloud, setup: Setup) -> Iterator[Finding]:
    """Every check, in the order in which things have to be set up."""
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
    checks = _Checks(cloud, setup, str(project["projectNumber"]))
    for check in (
        checks.apis,
        checks.database,
        checks.bucket,
        checks.agents,
        checks.indexes,
        checks.signing_key,
        checks.functions,
    ):
        yield from _answered(check)


def _answered(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except NotAnsweredError as error:
        yield Finding(check.__name__.replace("_", " "), None, f"could not look: {error}")


def _within(region: str, place: str) -> bool:
    return region.startswith({"eu": "europe-"}.get(place, f"{place}-"))
