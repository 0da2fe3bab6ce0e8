"""`gemchain doctor`: what it finds in a cloud that a test makes up, and in records.

Longer than 300 lines: every finding of the doctor has its case here.
"""

import os
import threading
from dataclasses import replace

import pytest
import requests
from typer.testing import CliRunner

import gemchain
from gemchain.cli.app import app
from gemchain.cli.project.checks import STAGES, Finding, check_cloud
from gemchain.cli.project.checks.permissions import RUNTIME_ROLES
from gemchain.cli.project.doctor import check_store, setup_of
from gemchain.cli.project.dotenv import Places
from gemchain.cli.project.google_cloud import GoogleCloud, NotAnsweredError
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.testing import embedded
from tests.cloud_storage import EmulatorOfFirebase
from tests.firebase.made_up import (
    BINDINGS,
    DEPLOYED,
    INDEXES,
    RUNTIME,
    SETUP,
    MadeUp,
    Rerouted,
    Served,
    function,
    policy,
    quota,
)


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
def test_every_role_that_is_missing_is_found_alone(cloud, role, member):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(
        *(each for each in BINDINGS if each != (role, member))
    )
    found = bad(cloud)
    assert list(found) == [f"role {role}"]
    assert f"--member={member} --role={role}" in found[f"role {role}"].fix


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
    assert found[f"callers of {name}"].fix == (
        f"gcloud run services remove-iam-policy-binding {name.lower()} --region=europe-west1 "
        f"--project shop --member={member} --role=roles/run.invoker"
    )


def test_a_role_of_everybody_on_the_whole_project_is_found(cloud):
    cloud.answers["v1/projects/shop:getIamPolicy"] = policy(*BINDINGS, ("roles/run.invoker", "allUsers"))
    assert "remove-iam-policy-binding shop --member=allUsers" in bad(cloud)["strangers"].fix


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
    assert "gemchain retry" in finding.fix


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


def test_what_a_record_or_a_service_says_cannot_steer_the_terminal(monkeypatch, tmp_path):
    def findings(*_):
        yield Finding("PARKED", False, "1 prompt waits: \x1b[2J\x07", "fix \x1b]0;owned\x07")

    monkeypatch.setattr("gemchain.cli.project.doctor._findings", findings)
    said = CliRunner().invoke(app, ["doctor", str(tmp_path)]).output
    assert "1 prompt waits: \\x1b[2J" in said
    assert all(each.isprintable() or each == "\n" for each in said)
