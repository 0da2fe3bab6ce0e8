"""A fake Google Cloud for the tests of `gemchain doctor`, called directly or over HTTP."""

import http.server
import json
from urllib.parse import unquote

import requests

import gemchain
from gemchain.cli.project.checks import STAGES, Setup
from gemchain.cli.project.checks.permissions import RUNTIME_ROLES
from gemchain.cli.project.checks.prerequisites import APIS
from gemchain.cli.project.checks.quotas import SERVICES
from gemchain.cli.project.google_cloud import NotAnsweredError
from gemchain.emulators.serving import Listener
from tests.firebase import kit

SETUP = Setup(project="shop", bucket="shop-files", region="europe-west1")
NUMBER = "42"
INDEXES = json.loads((kit.REPOSITORY / "firestore.indexes.json").read_text())["fieldOverrides"]


def account(name):
    return f"serviceAccount:{name}"


RUNTIME = account(f"{NUMBER}-compute@developer.gserviceaccount.com")
BINDINGS = [
    *((role, RUNTIME) for role in RUNTIME_ROLES),
    ("roles/pubsub.publisher", account(f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com")),
    (
        "roles/iam.serviceAccountTokenCreator",
        account(f"service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"),
    ),
    ("roles/aiplatform.serviceAgent", account(f"service-{NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com")),
]
PRIVATE = {"bindings": [{"role": "roles/run.invoker", "members": [RUNTIME]}]}
OPEN = {"bindings": [{"role": "roles/run.invoker", "members": [RUNTIME, "allUsers"]}]}


def policy(*bindings):
    return {"bindings": [{"role": role, "members": [member]} for role, member in bindings]}


def function(name, region="europe-west1", **changes):
    """A function as the Cloud Functions API describes it."""
    place = f"projects/shop/locations/{region}"
    secrets = [{"key": "GEMCHAIN_SIGNING_KEY"}] if name == "startArticles" else []
    return {
        "name": f"{place}/functions/{name}",
        "state": "ACTIVE",
        "labels": {"gemchain-version": gemchain.__version__.replace(".", "_")},
        "serviceConfig": {
            "service": f"{place}/services/{name.lower()}",
            "secretEnvironmentVariables": secrets,
        },
        **changes,
    }


def quota(metric, value, default, region=None):
    """A quota as the Service Usage API describes it."""
    bucket = {"effectiveLimit": str(value), "defaultLimit": str(default)}
    bucket |= {"dimensions": {"region": region}} if region else {}
    return {"metric": metric, "consumerQuotaLimits": [{"unit": "1/{project}", "quotaBuckets": [bucket]}]}


DEPLOYED = [*STAGES, "startArticles", "theirOwn"]


class FakeCloud:
    """A project without problems; tests replace single answers."""

    def __init__(self):
        self.answers = {
            "v1/projects/shop": {"projectNumber": NUMBER, "lifecycleState": "ACTIVE"},
            "projects/shop/billingInfo": {"billingEnabled": True},
            "services:batchGet": {
                "services": [
                    {"name": f"projects/{NUMBER}/services/{each}.googleapis.com", "state": "ENABLED"}
                    for each in APIS
                ]
            },
            "databases/(default)": {"type": "FIRESTORE_NATIVE", "locationId": "eur3"},
            "b/shop-files": {"location": "EUROPE-WEST1"},
            "b/shop-files/iam": {},
            "v1/projects/shop:getIamPolicy": policy(*BINDINGS),
            "secrets/GEMCHAIN_SIGNING_KEY": {"name": "…"},
            "secrets/GEMCHAIN_START_KEY": {"name": "…"},
            "/functions": {"functions": [function(each) for each in DEPLOYED]},
            **{f"services/{each.lower()}:getIamPolicy": PRIVATE for each in DEPLOYED},
            "services/theirown:getIamPolicy": OPEN,
            "queues/gemchainDispatch": {
                "state": "RUNNING",
                "rateLimits": {"maxConcurrentDispatches": 20, "maxDispatchesPerSecond": 500},
            },
            **{
                f"jobs/firebase-schedule-{each}-europe-west1": {"state": "ENABLED", "status": {}}
                for each in ("gemchainAssemble", "gemchainSweep")
            },
            **{
                f"{each}.googleapis.com/consumerQuotaMetrics": {"metrics": [quota(f"{each}/x", 10, 10)]}
                for each in SERVICES
            },
        }
        self.indexes = list(INDEXES)
        self.expiring = [each for each in INDEXES if each.get("ttl")]

    def ask(self, url, *, post=False):
        path, _, query = url.partition("?")
        assert post == path.endswith("v1/projects/shop:getIamPolicy")
        if "/collectionGroups/" in path:
            return self._fields(path.split("/collectionGroups/")[1].partition("/")[0], query)
        (found,) = [answer for end, answer in self.answers.items() if path.endswith(end)]
        if isinstance(found, Exception):
            raise found
        return found

    def _fields(self, group, query):
        ttl = "ttlConfig" in query
        fields = self.expiring if ttl else [each for each in self.indexes if not each.get("ttl")]
        return {
            "fields": [
                {"name": f"x/{each['fieldPath']}", **({"ttlConfig": {}} if ttl else {})}
                for each in fields
                if each["collectionGroup"] == group
            ]
        }


class FakeCloudServer(Listener, http.server.HTTPServer):
    """The fake cloud behind HTTP. It answers as the services do: JSON, 404, and errors with a message."""

    def __init__(self, cloud):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud = cloud


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self, *, post=False):
        url = f"https:/{unquote(self.path)}"
        try:
            found = self.server.cloud.ask(url, post=post)
        except NotAnsweredError as error:
            self._answer(403, {"error": {"message": str(error)}})
        else:
            self._answer(404 if found is None else 200, found or {})

    def do_POST(self):
        self.do_GET(post=True)

    def _answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Redirected(requests.adapters.HTTPAdapter):
    """Sends requests to the services to this machine."""

    def __init__(self, port):
        super().__init__()
        self.port = port

    def send(self, request, **options):
        host, _, path = request.url.removeprefix("https://").partition("/")
        request.url = f"http://127.0.0.1:{self.port}/{host}/{path}"
        return super().send(request, **options)
