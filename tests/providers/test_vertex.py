"""Vertex AI: the contract against the stand-in and a fake Cloud Storage, and what only Vertex does.

Longer than 300 lines: the adapter and the words of its errors share one service.
"""

import uuid
from collections import Counter
from dataclasses import replace

import pytest
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud import storage

from gemchain.blobs.gcs import GcsBlobs
from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.vertex import VertexEmulator
from gemchain.errors import ConfigurationError, ModelError, ProviderRejectedError, ProviderUnavailableError
from gemchain.ports import JobState
from gemchain.providers.output_files import batch_of_output, is_output
from gemchain.providers.vertex import VertexProvider, host_of
from gemchain.providers.vertex_errors import Place, translated
from gemchain.records.identity import job_name
from tests.cloud_storage import fake_cloud_storage
from tests.contracts.gemini_batches_contract import GeminiBatchesContract, asking
from tests.contracts.provider_contract import TURNAROUND, Service, ids, named

MODEL = "gemini-3.5-flash-lite"


@pytest.fixture(scope="session")
def cloud_storage():
    with fake_cloud_storage() as url:
        yield url


@pytest.fixture
def blobs(cloud_storage, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud_storage)
    bucket = storage.Client(project="test").create_bucket(f"bucket-{uuid.uuid4().hex}")
    return GcsBlobs(bucket.name, "state")


@pytest.fixture
def emulator(blobs, clock):
    with VertexEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def service(emulator, blobs, clock):
    provider = VertexProvider(blobs, project="p", location="us-central1", endpoint=emulator.url)

    def jobs_named(display):
        return sum(job.display_name == display for job in emulator.jobs())

    yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, model=MODEL)
    provider.close()


class TestVertexProvider(GeminiBatchesContract):
    @pytest.fixture
    def service(self, service):
        return service


class TestJobs:
    def test_they_bear_the_batch_as_display_name_and_as_label(self, service, emulator):
        batch = service.sent(service.batch())
        asked = emulator.jobs()[0].asked
        assert asked["displayName"] == job_name(batch.id)
        assert asked["labels"] == {"gemchain_batch": batch.id}
        assert asked["model"] == f"publishers/google/models/{MODEL}"

    def test_two_jobs_of_one_batch_never_mix_their_rows(self, service):
        batch = service.batch(3)
        one, other = service.sent(batch), service.sent(batch)
        service.clock.advance(TURNAROUND)
        first, second = service.provider.poll(one), service.provider.poll(other)
        assert not set(first.output) & set(second.output)
        assert named(service.rows(first)) == named(service.rows(second)) == Counter(ids(batch))

    def test_an_output_out_of_reach_is_a_persons_to_mend_and_no_failure_of_the_job(self, service, emulator):
        batch = service.sent(service.batch())
        service.clock.advance(TURNAROUND)
        elsewhere = GcsBlobs(service.blobs.uri("x").split("/")[2], "moved")
        moved = VertexProvider(elsewhere, project="p", location="us-central1", endpoint=emulator.url)
        with pytest.raises(
            ConfigurationError, match=r"GEMCHAIN_BLOBS\) to what it was when the job was sent"
        ):
            moved.poll(batch)
        moved.close()
        assert service.provider.poll(batch).state is JobState.LANDED

    def test_a_foreign_job_of_the_same_display_name_is_not_adopted(self, service):
        batch = service.sent(service.batch())
        client, _ = service.provider._opened()
        foreign = client.get_batch_prediction_job(name=batch.job)
        other = service.batch()
        foreign.display_name = job_name(other.id)
        client.create_batch_prediction_job(
            parent="projects/p/locations/us-central1", batch_prediction_job=foreign
        )
        assert service.provider.find(other) is None

    def test_a_job_is_found_among_many_pages(self, service):
        batch = service.batch(1)
        jobs = [service.provider.create(batch).name for _ in range(25)]
        assert service.provider.find(batch).name in jobs
        assert service.jobs_named(job_name(batch.id)) == 25

    def test_the_exported_half_of_a_running_job_is_not_taken_for_its_output(self, service):
        job = service.landed(service.batch(5))
        assert [file.uri.rpartition("/")[2] for file in job.output] == ["predictions.jsonl"]
        folder = job.output[0].uri.rpartition("/")[0]
        beside = {info.uri.rpartition("/")[2] for info in service.blobs.list(folder + "/")}
        assert beside == {"incremental_predictions.jsonl", "predictions.jsonl"}

    def test_without_a_directory_in_the_answer_the_output_is_found_by_its_folder(self, service, emulator):
        batch = service.sent(service.batch(3))
        landed = service.landed(batch)
        emulator.jobs()[0].asked["outputInfo"] = {}
        emulator.jobs()[0].folder = None
        assert service.provider.poll(batch).output == landed.output

    @pytest.mark.parametrize("state", ["EXPIRED", "PARTIALLY_SUCCEEDED", "CANCELLED", "FAILED", "SUCCEEDED"])
    def test_every_state_that_is_over_counts_as_over_with_rows_or_without(self, service, state):
        from google.cloud.aiplatform_v1 import BatchPredictionJob

        batch = service.sent(service.batch(2))
        landed = service.landed(batch)
        directory = landed.output[0].uri.rpartition("/")[0]
        job = BatchPredictionJob(
            name="n", state=f"JOB_STATE_{state}", output_info={"gcs_output_directory": directory}
        )
        report = service.provider._report(job)
        assert report.state is JobState.LANDED
        assert (report.failure is None) is (state == "SUCCEEDED")
        without = service.provider._report(BatchPredictionJob(name="n", state=f"JOB_STATE_{state}"))
        assert without.state is JobState.FAILED
        assert without.failure.retryable

    @pytest.mark.parametrize(
        "state", ["UNSPECIFIED", "QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING"]
    )
    def test_every_other_state_is_still_running(self, service, state):
        from google.cloud.aiplatform_v1 import BatchPredictionJob

        assert (
            service.provider._report(BatchPredictionJob(state=f"JOB_STATE_{state}")).state is JobState.RUNNING
        )

    @pytest.mark.filterwarnings("ignore:Unrecognized JobState")
    def test_a_state_of_tomorrow_is_still_running(self, service):
        from google.cloud.aiplatform_v1 import BatchPredictionJob

        job = BatchPredictionJob.from_json('{"state": 99}')
        assert service.provider._report(job).state is JobState.RUNNING

    @pytest.mark.parametrize(("code", "retryable"), [(5, False), (7, False), (13, True), (8, True)])
    def test_a_failed_job_is_tried_again_unless_its_reason_stays(self, service, code, retryable):
        from google.cloud.aiplatform_v1 import BatchPredictionJob

        error = {"code": code, "message": "because"}
        report = service.provider._report(BatchPredictionJob(state="JOB_STATE_FAILED", error=error))
        assert "because" in report.failure.message
        assert report.failure.retryable is retryable

    def test_it_passes_through_the_states_of_vertex(self, service):
        batch = service.sent(service.batch())
        seen = []
        for _ in range(12):
            seen.append(service.provider.poll(batch).detail.removeprefix("JOB_STATE_"))
            service.clock.advance(TURNAROUND / 10)
        assert list(dict.fromkeys(seen)) == ["QUEUED", "PENDING", "RUNNING", "SUCCEEDED"]


class TestTrouble:
    def test_a_create_that_is_answered_by_503_left_a_job_that_is_adopted(self, service, emulator):
        service.set_faults("create_lost=1")
        batch = service.batch(2)
        with pytest.raises(ProviderUnavailableError):
            service.provider.create(batch)
        adopted = replace(batch, job=service.provider.find(batch).name)
        assert named(service.rows(service.landed(adopted))) == Counter(ids(batch))
        assert set(emulator.paid_rows().values()) == {1}

    def test_a_new_job_may_be_missing_from_the_list_for_the_time_that_the_provider_says(self, service):
        service.set_faults(f"list_lag={service.provider.listing_lag}")
        batch = service.sent(service.batch())
        assert service.provider.find(batch) is None
        service.clock.advance(service.provider.listing_lag)
        assert service.provider.find(batch).name == batch.job

    @pytest.mark.parametrize("fault", ["throttled", "unavailable"])
    def test_a_service_that_is_busy_is_asked_again_later(self, service, fault):
        batch = service.sent(service.batch())
        service.set_faults(f"{fault}=1")
        for call in (
            service.provider.poll,
            service.provider.find,
            service.provider.create,
            service.provider.cancel,
        ):
            with pytest.raises(ProviderUnavailableError):
                call(batch)

    def test_a_service_that_is_not_there_is_asked_again_later(self, blobs):
        provider = VertexProvider(blobs, project="p", endpoint="http://127.0.0.1:1")
        with pytest.raises(ProviderUnavailableError, match=r"cannot be reached|could not"):
            provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
        provider.close()

    def test_a_model_that_does_not_exist_is_named_with_the_way_out(self, service):
        batch = replace(service.batch(), model="gemini-0.1")
        with pytest.raises(ProviderRejectedError, match=r"gemini-0\.1.*choose another model"):
            service.provider.create(batch)

    def test_a_bucket_that_does_not_exist_is_named_with_the_command_that_makes_it(self, service, monkeypatch):
        made = service.batch()
        monkeypatch.setattr(service.provider._blobs, "uri", lambda name: f"gs://no-such-bucket/{name}")
        batch = replace(made, input_uri=f"gs://no-such-bucket/batches/{made.id}/x.jsonl")
        with pytest.raises(ProviderRejectedError, match="gcloud storage buckets create gs://no-such-bucket"):
            service.provider.create(batch)

    def test_local_files_are_refused_before_anything_is_sent(self, tmp_path):
        with pytest.raises(ConfigurationError, match="gs://BUCKET"):
            VertexProvider(LocalBlobs(tmp_path))

    def test_a_model_without_a_name_is_refused_at_submit(self, service):
        with pytest.raises(ModelError):
            service.provider.check("publishers/google/models/", asking("x"))

    def test_a_machine_without_credentials_says_how_to_log_in(self, blobs, monkeypatch):
        def refuse(**_):
            raise auth_errors.DefaultCredentialsError("none found")

        monkeypatch.setattr("google.auth.default", refuse)
        provider = VertexProvider(blobs, project="p")
        with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
            provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))

    def test_a_project_that_is_not_named_is_asked_for(self, blobs, monkeypatch):
        from google.auth.credentials import AnonymousCredentials

        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
        monkeypatch.delenv("GCLOUD_PROJECT", raising=False)
        monkeypatch.setattr("google.auth.default", lambda **_: (AnonymousCredentials(), None))
        provider = VertexProvider(blobs)
        with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
            provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


PLACE = Place("my-project", "us-central1")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            google_errors.Forbidden("Vertex AI API has not been used in project 5 before or it is disabled."),
            ConfigurationError,
            "gcloud services enable aiplatform.googleapis.com --project my-project",
        ),
        (
            google_errors.PermissionDenied("Permission 'aiplatform.batchPredictionJobs.create' denied"),
            ConfigurationError,
            "--role=roles/aiplatform.user",
        ),
        (
            google_errors.PermissionDenied("caller lacks storage.objects.get on gs://my-bucket/x"),
            ConfigurationError,
            "add-iam-policy-binding gs://my-bucket",
        ),
        (
            google_errors.Forbidden("This API method requires billing to be enabled: BILLING_DISABLED"),
            ConfigurationError,
            "gcloud billing projects link my-project",
        ),
        (
            google_errors.PermissionDenied("Permission denied on resource project typo. CONSUMER_INVALID"),
            ConfigurationError,
            "gcloud projects list",
        ),
        (google_errors.Unauthenticated("expired"), ConfigurationError, "application-default login"),
        (google_errors.ResourceExhausted("quota"), ProviderUnavailableError, "iam-admin/quotas"),
        (google_errors.ServiceUnavailable("down"), ProviderUnavailableError, "could not do it: down"),
        (google_errors.DeadlineExceeded("late"), ProviderUnavailableError, "late"),
        (google_errors.InternalServerError("oops"), ProviderUnavailableError, "oops"),
        (google_errors.InvalidArgument("no"), ProviderRejectedError, "refuses to do it: no"),
        (
            google_errors.InvalidArgument("bucket gs://b must be in the same region as the job"),
            ProviderRejectedError,
            "gcloud storage buckets describe gs://b",
        ),
        (
            google_errors.NotFound("The job does not exist"),
            ProviderRejectedError,
            "vertex-ai/batch-predictions?project=my-project",
        ),
        (google_errors.RetryError("gave up", None), ProviderUnavailableError, "cannot be reached"),
        (ConnectionResetError("reset"), ProviderUnavailableError, "cannot be reached"),
        (auth_errors.RefreshError("token expired"), ConfigurationError, "application-default login"),
        (auth_errors.TransportError("no route"), ProviderUnavailableError, "cannot be reached"),
    ],
)
def test_an_error_names_the_thing_and_the_command_that_mends_it(error, kind, words):
    with pytest.raises(kind) as caught, translated("do it", PLACE):
        raise error
    assert words in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_each_kind_of_location_has_its_host(location, host):
    assert host_of(location) == host


FOLDER = "gs://bucket/some/prefix/batches/b0a1/output/77aa/prediction-model-2026-07-06T13:04:46.670249Z/"


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        (FOLDER + "predictions.jsonl", "b0a1"),
        (FOLDER + "predictions.jsonl-00000-of-00003", "b0a1"),
        (FOLDER + "predictions_0001.jsonl", "b0a1"),
        ("batches/b0a1/output/predictions.jsonl", "b0a1"),
        (FOLDER + "incremental_predictions.jsonl", None),
        (FOLDER + "incremental_predictions-00001.jsonl", None),
        ("batches/b0a1/input-1.jsonl", None),
        ("elsewhere/predictions.jsonl", None),
        ("mybatches/b0a1/output/predictions.jsonl", None),
    ],
)
def test_the_name_of_an_object_tells_its_batch(name, batch):
    assert batch_of_output(name) == batch
    assert batch is None or is_output(name)
