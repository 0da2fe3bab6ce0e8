"""`gemchain doctor`: what it finds in a cloud that a test makes up, and in records."""

import http.server
import json
import os
import threading
from dataclasses import replace
from urllib.parse import unquote

import pytest
import requests
from typer.testing import CliRunner

import gemchain
from gemchain.cli.app import app
from gemchain.cli.checks import STAGES, Setup, check_cloud
from gemchain.cli.checks.access import RUNTIME_ROLES
from gemchain.cli.checks.ground import APIS
from gemchain.cli.checks.quotas import SERVICES
from gemchain.cli.cloud import GoogleCloud, NotAnsweredError
from gemchain.cli.doctor import check_store, setup_of
from gemchain.cli.dotenv import Places
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.testing import embedded
from tests.cloud_storage import EmulatorOfFirebase
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
    """What Cloud Functions says of one."""
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
    """What Service Usage says of one."""
    bucket = {"effectiveLimit": str(value), "defaultLimit": str(default)}
    bucket |= {"dimensions": {"region": region}} if region else {}
    return {"metric": metric, "consumerQuotaLimits": [{"unit": "1/{project}", "quotaBuckets": [bucket]}]}


DEPLOYED = [*STAGES, "startArticles", "theirOwn"]


class MadeUp:
    """A cloud in which all is well, but for what a test takes away."""

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


@pytest.fixture
def cloud():
    return MadeUp()


def bad(cloud, setup=SETUP):
    return {each.name: each for each in check_cloud(cloud, setup) if each.good is False}


def test_where_all_is_well_nothing_is_to_be_mended(cloud):
    findings = list(check_cloud(cloud, SETUP))
    assert [each for each in findings if not each.good] == []
    assert len(findings) >= 30


QUOTAS = "aiplatform.googleapis.com/consumerQuotaMetrics"
JOBS = "jobs/firebase-schedule-gemchainSweep-europe-west1"


@pytest.mark.parametrize(
    ("place", "answer", "name", "mend"),
    [
        ("v1/projects/shop", None, "project", "gemchain doctor --project"),
        ("projects/shop/billingInfo", {}, "billing", "gcloud billing projects link shop"),
        ("services:batchGet", {}, "APIs", "gcloud services enable aiplatform.googleapis.com"),
        ("databases/(default)", None, "Firestore", "gcloud firestore databases create"),
        ("databases/(default)", {"type": "DATASTORE_MODE"}, "Firestore", "--database='gemchain'"),
        ("b/shop-files", None, "bucket", "gcloud storage buckets create gs://shop-files"),
        ("b/shop-files", {"location": "ASIA-EAST1"}, "bucket", "GEMCHAIN_REGION=asia-east1"),
        ("secrets/GEMCHAIN_SIGNING_KEY", None, "secret GEMCHAIN_SIGNING_KEY", "functions:secrets:set"),
        ("secrets/GEMCHAIN_START_KEY", None, "secret GEMCHAIN_START_KEY", "functions:secrets:set"),
        ("/functions", {}, "gemchainSweep", "firebase deploy --only functions"),
        (
            "/functions",
            {"functions": [function("gemchainSweep", labels={})]},
            "gemchainSweep",
            "firebase deploy --only functions",
        ),
        (
            "/functions",
            {"functions": [function("gemchainSweep", labels={"gemchain-version": "0_0_9"})]},
            "gemchainSweep",
            "firebase deploy --only functions",
        ),
        (
            "/functions",
            {"functions": [function("gemchainSweep", "us-east1")]},
            "gemchainSweep",
            "firebase deploy --only functions",
        ),
        ("queues/gemchainDispatch", None, "task queue", "firebase deploy --only functions"),
        ("queues/gemchainDispatch", {"state": "PAUSED"}, "task queue", "gcloud tasks queues resume"),
        (
            "queues/gemchainDispatch",
            {"state": "RUNNING", "rateLimits": {"maxConcurrentDispatches": 1}},
            "rate of the task queue",
            "--max-concurrent-dispatches=20",
        ),
        (JOBS, None, "schedule of gemchainSweep", "firebase deploy --only functions"),
        (JOBS, {"state": "PAUSED"}, "schedule of gemchainSweep", "gcloud scheduler jobs resume firebase-"),
        (
            JOBS,
            {"state": "ENABLED", "status": {"code": 7}},
            "schedule of gemchainSweep",
            "firebase functions:log",
        ),
        (QUOTAS, {"metrics": [quota("x/y", 0, 5)]}, "quota x/y", "gcloud beta quotas preferences create"),
        (
            QUOTAS,
            {"metrics": [quota("x/gemini_concurrent_batch_jobs", 4, 4)]},
            "quota x/gemini_concurrent_batch_jobs",
            "--preferred-value=8",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_command_that_mends_it(cloud, place, answer, name, mend):
    cloud.answers[place] = answer
    assert mend in bad(cloud)[name].mend


@pytest.mark.parametrize(("role", "member"), BINDINGS)
def test_every_role_that_is_missing_is_found_alone(cloud, role, member):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(
        *(each for each in BINDINGS if each != (role, member))
    )
    found = bad(cloud)
    assert list(found) == [f"role {role}"]
    assert f"--member={member} --role={role}" in found[f"role {role}"].mend


def test_a_wider_role_will_do_and_so_will_one_on_the_bucket_alone(cloud):
    rest = [each for each in BINDINGS if each[0] not in ("roles/datastore.user", "roles/storage.objectAdmin")]
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(*rest, ("roles/datastore.owner", RUNTIME))
    cloud.answers["b/shop-files/iam"] = policy(("roles/storage.admin", RUNTIME))
    assert bad(cloud) == {}


def test_the_roles_are_asked_of_the_account_that_the_functions_run_as(cloud):
    other = {"serviceAccountEmail": "batch@shop.iam.gserviceaccount.com"}
    deployed = [function(each) for each in DEPLOYED]
    deployed[0]["serviceConfig"] |= other
    cloud.answers["/functions"] = {"functions": deployed}
    assert {f"role {each}" for each in RUNTIME_ROLES} == bad(cloud).keys()


@pytest.mark.parametrize("name", [*STAGES, "startArticles"])
@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_a_function_that_strangers_may_call_is_found_with_the_command_that_shuts_them_out(
    cloud, name, member
):
    cloud.answers[f"services/{name.lower()}:getIamPolicy"] = policy(("roles/run.invoker", member))
    found = bad(cloud)
    assert list(found) == [f"callers of {name}"]
    assert found[f"callers of {name}"].mend == (
        f"gcloud run services remove-iam-policy-binding {name.lower()} --region=europe-west1 "
        f"--project shop --member={member} --role=roles/run.invoker"
    )


def test_a_role_of_everybody_on_the_whole_project_is_found(cloud):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(*BINDINGS, ("roles/run.invoker", "allUsers"))
    assert "remove-iam-policy-binding shop --member=allUsers" in bad(cloud)["strangers"].mend


def test_limits_of_other_regions_and_other_jobs_do_not_matter(cloud):
    cloud.answers[QUOTAS] = {
        "metrics": [
            quota("x/gemini_concurrent_batch_jobs", 1, 1, region="asia-east1"),
            quota("x/gemini_concurrent_batch_jobs", -1, 4),
            quota("x/textembedding_gecko_concurrent_batch_prediction_jobs", 4, 4),
        ]
    }
    assert bad(cloud) == {}
    small = replace(SETUP, max_running_batches=2)
    cloud.answers[QUOTAS] = {
        "metrics": [quota("x/gemini_concurrent_batch_jobs", 2, 4, region="europe-west1")]
    }
    assert bad(cloud, small) == {}


def test_indexes_and_expiry_that_are_not_deployed_are_found(cloud):
    cloud.indexes = cloud.indexes[1:]
    cloud.expiring = []
    assert {"indexes", "expiry (TTL)"} <= bad(cloud).keys()


def test_indexes_are_looked_for_under_the_names_of_the_collections(cloud):
    other = replace(SETUP, places=Places(collections="chains"))
    assert {"indexes", "expiry (TTL)"} <= bad(cloud, other).keys()
    cloud.indexes = [
        each | {"collectionGroup": each["collectionGroup"].replace("gemchain", "chains")} for each in INDEXES
    ]
    cloud.expiring = [each for each in cloud.indexes if each.get("ttl")]
    assert bad(cloud, other) == {}


def test_places_far_from_each_other_are_told(cloud):
    cloud.answers["databases/(default)"] = {"type": "FIRESTORE_NATIVE", "locationId": "nam5"}
    far = replace(SETUP, vertex_location="us-east4")
    told = {each.name: each for each in check_cloud(cloud, far) if each.good is None}
    assert "records in nam5" in told["Firestore's region"].text
    assert "jobs run in us-east4" in told["Vertex AI"].text


def test_a_bucket_in_a_multi_region_hears_functions_inside_it(cloud):
    cloud.answers["b/shop-files"] = {"location": "EU"}
    assert "bucket" not in bad(cloud)


@pytest.mark.parametrize(
    "place", ["b/shop-files", "v1/projects/shop:getIamPolicy", QUOTAS, JOBS, "/functions"]
)
def test_a_check_that_may_not_look_says_so_and_the_others_go_on(cloud, place):
    before = len(list(check_cloud(cloud, SETUP)))
    cloud.answers[place] = NotAnsweredError("403: no")
    findings = list(check_cloud(cloud, SETUP))
    assert any(each.good is None and "could not look: 403" in each.text for each in findings)
    assert not [each for each in findings if each.good is False]
    assert before - len(findings) < 20


class Served(http.server.ThreadingHTTPServer):
    """A made-up cloud behind HTTP, as the services answer: JSON, 404, and errors in their own words."""

    daemon_threads = True

    def __init__(self, cloud):
        super().__init__(("127.0.0.1", 0), Answering)
        self.cloud = cloud


class Answering(http.server.BaseHTTPRequestHandler):
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


class Rerouted(requests.adapters.HTTPAdapter):
    """Sends what is meant for the services to this machine."""

    def __init__(self, port):
        super().__init__()
        self.port = port

    def send(self, request, **options):
        host, _, path = request.url.removeprefix("https://").partition("/")
        request.url = f"http://127.0.0.1:{self.port}/{host}/{path}"
        return super().send(request, **options)


@pytest.fixture
def served(cloud):
    server = Served(cloud)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    session = requests.Session()
    session.mount("https://", Rerouted(server.server_address[1]))
    yield GoogleCloud(session)
    session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http_the_same_is_found(cloud, served):
    assert list(check_cloud(served, SETUP)) == list(check_cloud(cloud, SETUP))
    cloud.answers["b/shop-files"] = None
    cloud.answers[QUOTAS] = NotAnsweredError("The caller does not have permission")
    found = {each.name: each for each in check_cloud(served, SETUP)}
    assert found["bucket"].good is False
    assert found["quotas"].text == "could not look: 403: The caller does not have permission"


def test_lists_are_read_to_their_last_page(cloud):
    first = {"functions": [function(STAGES[0])], "nextPageToken": "more"}
    rest = {"functions": [function(each) for each in STAGES[1:]]}
    whole = cloud.ask
    cloud.ask = lambda url, **options: (
        (rest if "pageToken=more" in url else first) if "/functions?" in url else whole(url, **options)
    )
    assert bad(cloud) == {}


def test_in_the_emulators_what_cannot_be_checked_is_named_with_the_reason(monkeypatch, tmp_path):
    with FirestoreEmulator() as firestore, EmulatorOfFirebase() as storage:
        address = {"FIRESTORE_EMULATOR_HOST": firestore.host, "STORAGE_EMULATOR_HOST": storage.url}
        done = CliRunner().invoke(app, ["doctor", str(tmp_path)], env=address)
    assert done.exit_code == 0, done.output
    assert "roles and callers: skipped: the emulators let everybody in" in done.output
    assert "indexes, expiry (TTL): skipped" in done.output
    assert "PARKED: nothing waits for a person" in done.output


def test_parked_prompts_are_counted_by_their_reason(tmp_path):
    (tmp_path / "passing.py").write_text("import gemchain\ndef after(response): pass\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        with embedded(tmp_path / "state", application=str(tmp_path)) as engine:
            import passing

            gemchain.submit("one", "simulated/x", passing.after)
            assert [each.good for each in check_store(engine.runtime.store)] == [True]
            (tmp_path / "passing.py").write_text("")
            del passing.after
            engine.runtime.continuations._functions.clear()
            engine.run()
            (finding,) = check_store(engine.runtime.store)
    assert finding.good is False
    assert "1 prompt waits for a person" in finding.text
    assert "after" in finding.text
    assert "gemchain retry" in finding.mend


def test_the_setup_is_read_from_the_codebase(tmp_path):
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / ".env").write_text("# here\nGEMCHAIN_REGION=europe-west1\n")
    (tmp_path / "functions" / ".env.shop").write_text("GEMCHAIN_BUCKET=shop-files\n")
    assert setup_of(tmp_path, "shop") == SETUP


def test_without_credentials_it_says_how_to_get_some(tmp_path):
    away = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)], env={**os.environ, **away})
    assert done.exit_code == 1
    assert "gcloud auth application-default login" in done.output
