"""The checks of `gemchain doctor`, on a fake Google Cloud."""

import threading
from dataclasses import replace

import pytest
import requests

from gemchain.cli.project.checks import STAGES, check_cloud
from gemchain.cli.project.checks.permissions import RUNTIME_ROLES
from gemchain.cli.project.dotenv import Places
from gemchain.cli.project.google_cloud import GoogleCloud, NotAnsweredError
from tests.firebase.fake_cloud import (
    BINDINGS,
    DEPLOYED,
    INDEXES,
    RUNTIME,
    SETUP,
    FakeCloud,
    FakeCloudServer,
    Redirected,
    function,
    policy,
    quota,
)


@pytest.fixture
def cloud():
    return FakeCloud()


def bad(cloud, setup=SETUP):
    return {each.name: each for each in check_cloud(cloud, setup) if each.good is False}


def test_a_project_without_problems_has_no_findings(cloud):
    findings = list(check_cloud(cloud, SETUP))
    assert [each for each in findings if not each.good] == []
    assert len(findings) >= 30


QUOTAS = "aiplatform.googleapis.com/consumerQuotaMetrics"
JOBS = "jobs/firebase-schedule-gemchainSweep-europe-west1"


@pytest.mark.parametrize(
    ("place", "answer", "name", "fix"),
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
def test_every_problem_is_found_with_the_command_that_fixes_it(cloud, place, answer, name, fix):
    cloud.answers[place] = answer
    assert fix in bad(cloud)[name].fix


@pytest.mark.parametrize(("role", "member"), BINDINGS)
def test_every_missing_role_is_found(cloud, role, member):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(
        *(each for each in BINDINGS if each != (role, member))
    )
    found = bad(cloud)
    assert list(found) == [f"role {role}"]
    assert f"--member={member} --role={role}" in found[f"role {role}"].fix


def test_a_wider_role_or_a_role_on_the_bucket_alone_is_enough(cloud):
    rest = [each for each in BINDINGS if each[0] not in ("roles/datastore.user", "roles/storage.objectAdmin")]
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(*rest, ("roles/datastore.owner", RUNTIME))
    cloud.answers["b/shop-files/iam"] = policy(("roles/storage.admin", RUNTIME))
    assert bad(cloud) == {}


def test_the_roles_are_checked_for_the_account_that_the_functions_run_as(cloud):
    other = {"serviceAccountEmail": "batch@shop.iam.gserviceaccount.com"}
    deployed = [function(each) for each in DEPLOYED]
    deployed[0]["serviceConfig"] |= other
    cloud.answers["/functions"] = {"functions": deployed}
    assert {f"role {each}" for each in RUNTIME_ROLES} == bad(cloud).keys()


@pytest.mark.parametrize("name", [*STAGES, "startArticles"])
@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_a_function_that_everybody_may_call_is_found_with_the_command_that_forbids_it(cloud, name, member):
    cloud.answers[f"services/{name.lower()}:getIamPolicy"] = policy(("roles/run.invoker", member))
    found = bad(cloud)
    assert list(found) == [f"callers of {name}"]
    assert found[f"callers of {name}"].fix == (
        f"gcloud run services remove-iam-policy-binding {name.lower()} --region=europe-west1 "
        f"--project shop --member={member} --role=roles/run.invoker"
    )


def test_a_role_for_everybody_on_the_whole_project_is_found(cloud):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(*BINDINGS, ("roles/run.invoker", "allUsers"))
    assert "remove-iam-policy-binding shop --member=allUsers" in bad(cloud)["strangers"].fix


def test_limits_of_other_regions_and_other_jobs_are_ignored(cloud):
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


def test_missing_indexes_and_missing_expiry_are_found(cloud):
    cloud.indexes = cloud.indexes[1:]
    cloud.expiring = []
    assert {"indexes", "expiry (TTL)"} <= bad(cloud).keys()


def test_indexes_are_checked_for_the_configured_collections(cloud):
    other = replace(SETUP, places=Places(collections="chains"))
    assert {"indexes", "expiry (TTL)"} <= bad(cloud, other).keys()
    cloud.indexes = [
        each | {"collectionGroup": each["collectionGroup"].replace("gemchain", "chains")} for each in INDEXES
    ]
    cloud.expiring = [each for each in cloud.indexes if each.get("ttl")]
    assert bad(cloud, other) == {}


def test_distant_regions_are_noted(cloud):
    cloud.answers["databases/(default)"] = {"type": "FIRESTORE_NATIVE", "locationId": "nam5"}
    far = replace(SETUP, vertex_location="us-east4")
    notes = {each.name: each for each in check_cloud(cloud, far) if each.good is None}
    assert "records in nam5" in notes["Firestore's region"].text
    assert "jobs run in us-east4" in notes["Vertex AI"].text


def test_a_bucket_in_a_multi_region_may_trigger_functions_inside_it(cloud):
    cloud.answers["b/shop-files"] = {"location": "EU"}
    assert "bucket" not in bad(cloud)


@pytest.mark.parametrize(
    "place", ["b/shop-files", "v1/projects/shop:getIamPolicy", QUOTAS, JOBS, "/functions"]
)
def test_a_check_without_permission_reports_this_and_the_others_still_run(cloud, place):
    before = len(list(check_cloud(cloud, SETUP)))
    cloud.answers[place] = NotAnsweredError("403: no")
    findings = list(check_cloud(cloud, SETUP))
    assert any(each.good is None and "could not look: 403" in each.text for each in findings)
    assert not [each for each in findings if each.good is False]
    assert before - len(findings) < 20


@pytest.fixture
def served(cloud):
    server = FakeCloudServer(cloud)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    session = requests.Session()
    session.mount("https://", Redirected(server.server_address[1]))
    yield GoogleCloud(session)
    session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http_the_findings_are_the_same(cloud, served):
    assert list(check_cloud(served, SETUP)) == list(check_cloud(cloud, SETUP))
    cloud.answers["b/shop-files"] = None
    cloud.answers[QUOTAS] = NotAnsweredError("The caller does not have permission")
    found = {each.name: each for each in check_cloud(served, SETUP)}
    assert found["bucket"].good is False
    assert found["quotas"].text == "could not look: 403: The caller does not have permission"


def test_lists_are_read_to_their_last_page(cloud):
    first = {"functions": [function(STAGES[0])], "nextPageToken": "more"}
    rest = {"functions": [function(each) for each in STAGES[1:]]}
    ask = cloud.ask
    cloud.ask = lambda url, **options: (
        (rest if "pageToken=more" in url else first) if "/functions?" in url else ask(url, **options)
    )
    assert bad(cloud) == {}
