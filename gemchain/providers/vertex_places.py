"""Projects, locations and models of Vertex AI, as its API names them."""

import os

__all__ = ["environment_project", "host_of", "job_model", "parent_of"]

MULTI_REGIONS = frozenset({"us", "eu"})


def parent_of(project: str, location: str) -> str:
    """What jobs are listed and created below."""
    return f"projects/{project}/locations/{location}"


def job_model(model: str) -> str:
    """A model as a job names it."""
    return model if "/" in model else f"publishers/google/models/{model}"


def environment_project() -> str:
    """The project that the environment names; empty when it names none."""
    return os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCLOUD_PROJECT") or ""


def host_of(location: str) -> str:
    """The host that serves a location.

    https://docs.cloud.google.com/vertex-ai/docs/reference/rest#service-endpoint
    """
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
