"""`gemchain doctor`: what it finds in a cloud that a test makes up, and in records."""

import json
import os

import pytest
from typer.testing import CliRunner

import gemchain
from gemchain.cli.app import app
from gemchain.cli.checks import APIS, STAGES, Setup, check_cloud
from gemchain.cli.cloud import NotAnsweredError
from gemchain.cli.doctor import check_store, setup_of
from gemchain.testing import embedded
from tests.firebase import kit

SETUP = Setup(project="shop", bucket="shop-files", region="europe-west1")
NUMBER = "42"
INDEXES = json.loads((kit.REPOSITORY / "firestore.indexes.json").read_text())["fieldOverrides"]


class MadeUp:
    """A cloud in which all is well, but for what a test takes away."""

    def __init__(self):
        agents = {
            "roles/pubsub.publisher": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
            "roles/iam.serviceAccountTokenCreator": f"service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com",
            "roles/run.invoker": f"{NUMBER}-compute@developer.gserviceaccount.com",
            "roles/eventarc.eventReceiver": f"{NUMBER}-compute@developer.gserviceaccount.com",
        }
        label = gemchain.__version__.replace(".", "_")
        self.answers = {
            "v1/projects/shop": {"projectNumber": NUMBER, "lifecycleState": "ACTIVE"},
            "services:batchGet": {
                "services": [
                    {"name": f"projects/{NUMBER}/services/{each}.googleapis.com", "state": "ENABLED"}
                    for each in APIS
                ]
            },
            "databases/(default)": {"type": "FIRESTORE_NATIVE", "locationId": "eur3"},
            "b/shop-files": {"location": "EUROPE-WEST1"},
            ":getIamPolicy": {
                "bindings": [
                    {"role": role, "members": [f"serviceAccount:{agent}"]} for role, agent in agents.items()
                ]
            },
            "secrets/GEMCHAIN_SIGNING_KEY": {"name": "…"},
            "/functions": {
                "functions": [
                    {"name": f"x/{stage}", "state": "ACTIVE", "labels": {"gemchain-version": label}}
                    for stage in STAGES
                ]
            },
        }
        self.indexes = list(INDEXES)
        self.expiring = [each for each in INDEXES if each.get("ttl")]

    def ask(self, url, *, post=False):
        path, _, query = url.partition("?")
        assert post == path.endswith(":getIamPolicy")
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


def bad(cloud):
    return {each.name: each for each in check_cloud(cloud, SETUP) if each.good is False}


def test_where_all_is_well_nothing_is_to_be_mended(cloud):
    findings = list(check_cloud(cloud, SETUP))
    assert [each for each in findings if not each.good] == []
    assert len(findings) >= 12


@pytest.mark.parametrize(
    ("place", "answer", "name", "mend"),
    [
        ("v1/projects/shop", None, "project", "gemchain doctor --project"),
        ("services:batchGet", {}, "APIs", "gcloud services enable aiplatform.googleapis.com"),
        ("databases/(default)", None, "Firestore", "gcloud firestore databases create"),
        ("databases/(default)", {"type": "DATASTORE_MODE"}, "Firestore", "--database='gemchain'"),
        ("b/shop-files", None, "bucket", "gcloud storage buckets create gs://shop-files"),
        ("b/shop-files", {"location": "ASIA-EAST1"}, "bucket", "GEMCHAIN_REGION=asia-east1"),
        (":getIamPolicy", {}, "role roles/pubsub.publisher", "gcloud projects add-iam-policy-binding shop"),
        ("secrets/GEMCHAIN_SIGNING_KEY", None, "signing key", "firebase functions:secrets:set"),
        ("/functions", {}, "gemchainSweep", "firebase deploy --only functions"),
        (
            "/functions",
            {"functions": [{"name": "x/gemchainSweep", "state": "ACTIVE", "labels": {}}]},
            "gemchainSweep",
            "firebase deploy --only functions",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_command_that_mends_it(cloud, place, answer, name, mend):
    cloud.answers[place] = answer
    assert mend in bad(cloud)[name].mend


def test_indexes_and_expiry_that_are_not_deployed_are_found(cloud):
    cloud.indexes = cloud.indexes[1:]
    cloud.expiring = []
    assert {"indexes", "expiry (TTL)"} <= bad(cloud).keys()


def test_a_bucket_in_a_multi_region_hears_functions_inside_it(cloud):
    cloud.answers["b/shop-files"] = {"location": "EU"}
    assert "bucket" not in bad(cloud)


def test_a_check_that_may_not_look_says_so_and_the_others_go_on(cloud):
    cloud.answers["b/shop-files"] = NotAnsweredError("403: no")
    findings = {each.name: each for each in check_cloud(cloud, SETUP)}
    assert findings["bucket"].good is None
    assert "403" in findings["bucket"].text
    assert findings["gemchainSweep"].good


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
