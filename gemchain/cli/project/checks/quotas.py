"""Checks of quotas: the limits of the project, as Service Usage reports them.

No single request tells how much of a limit is used. Gemini's batch jobs share a pool among all customers;
a project that still has a limit of its own gets a finding if the limit is lower than the settings need.

https://cloud.google.com/service-usage/docs/manage-quota
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gemchain.cli.project.checks.base import Finding, Site

__all__ = ["quotas"]

SERVICES = ("aiplatform", "cloudtasks", "firestore", "run")
UNLIMITED = -1


class Limit(NamedTuple):
    """One limit that applies to the deployment."""

    service: str
    metric: str
    unit: str
    value: int
    default: int


def quotas(site: Site) -> Iterator[Finding]:
    """No limit was set to 0, and as many batches may run at once as the settings say."""
    for service in SERVICES:
        limits = list(_limits(site, service))
        lowered = [each for each in limits if _below(each.value, each.default)]
        for each in lowered:
            text = f"lowered to {each.value} {each.unit}; {each.default} is usual"
            good = None if each.value else False
            yield Finding(f"quota {each.metric}", good, text, _fix(site, each, each.default))
        if service == "aiplatform":
            yield from _batches(site, limits)
        elif not lowered:
            yield Finding(f"quotas of {service}", True, f"{len(limits)} limits, none lowered")


def _batches(site: Site, limits: list[Limit]) -> Iterator[Finding]:
    wanted = site.setup.max_running_batches
    own = [each for each in limits if _limits_batches(each.metric)]
    if not own:
        yield Finding("quota of batch jobs", True, "none of its own: Gemini's jobs share a pool")
    for each in own:
        text = f"{each.value} at once; GEMCHAIN_MAX_RUNNING_BATCHES is {wanted}"
        yield Finding(f"quota {each.metric}", not _below(each.value, wanted), text, _fix(site, each, wanted))


def _limits_batches(metric: str) -> bool:
    name = metric.rpartition("/")[2]
    return "concurrent" in name and "batch" in name and "embedding" not in name


def _below(value: int, wanted: int) -> bool:
    return value != UNLIMITED and (wanted == UNLIMITED or value < wanted)


def _limits(site: Site, service: str) -> Iterator[Limit]:
    name = f"{service}.googleapis.com"
    url = f"https://serviceusage.googleapis.com/v1beta1/projects/{site.number}/services/{name}"
    for metric in site.pages(f"{url}/consumerQuotaMetrics?pageSize=500", "metrics"):
        for limit in metric.get("consumerQuotaLimits", []):
            for bucket in limit.get("quotaBuckets", []):
                if _applies(site, bucket.get("dimensions", {})) and "effectiveLimit" in bucket:
                    value, default = (
                        int(bucket.get(each, UNLIMITED)) for each in ("effectiveLimit", "defaultLimit")
                    )
                    yield Limit(name, metric["metric"], limit.get("unit", ""), value, default)


def _applies(site: Site, dimensions: dict[str, Any]) -> bool:
    """Whether a limit applies to the whole project, or to a region that is used."""
    used = {None, site.setup.region, site.setup.vertex_location}
    return dimensions.get("region") in used and dimensions.keys() <= {"region"}


def _fix(site: Site, limit: Limit, value: int) -> str:
    project = f"--service={limit.service} --project={site.setup.project}"
    return (
        f"gcloud beta quotas info list {project} --filter=metric={limit.metric} names its QUOTA_ID; then "
        f"gcloud beta quotas preferences create {project} --quota-id=QUOTA_ID --preferred-value={value}"
    )
