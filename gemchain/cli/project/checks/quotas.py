"""What the project may do at a time, by the limits that Service Usage tells.

How much of them is used no API tells in one question. Gemini's batch jobs share a pool among all customers;
projects that still have a limit of their own are told when it is lower than what the settings ask for.

https://cloud.google.com/service-usage/docs/manage-quota
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gemchain.cli.project.checks.base import Finding, Site

__all__ = ["quotas"]

SERVICES = ("aiplatform", "cloudtasks", "firestore", "run")
UNLIMITED = -1


class Limit(NamedTuple):
    """One limit, where it applies to what is deployed."""

    service: str
    metric: str
    unit: str
    value: int
    default: int


def quotas(site: Site) -> Iterator[Finding]:
    """No limit is in the way: none was set to 0, and as many batches may run at once as the settings say."""
    for service in SERVICES:
        limits = list(_limits(site, service))
        lowered = [each for each in limits if _below(each.value, each.default)]
        for each in lowered:
            text = f"lowered to {each.value} {each.unit}; {each.default} is usual"
            good = None if each.value else False
            yield Finding(f"quota {each.metric}", good, text, _mend(site, each, each.default))
        if service == "aiplatform":
            yield from _batches(site, limits)
        elif not lowered:
            yield Finding(f"quotas of {service}", True, f"{len(limits)} limits, none lowered")


def _batches(site: Site, limits: list[Limit]) -> Iterator[Finding]:
    wanted = site.setup.max_running_batches
    ours = [each for each in limits if _is_of_batches(each.metric)]
    if not ours:
        yield Finding("quota of batch jobs", True, "none of its own: Gemini's jobs share a pool")
    for each in ours:
        text = f"{each.value} at once; GEMCHAIN_MAX_RUNNING_BATCHES is {wanted}"
        yield Finding(f"quota {each.metric}", not _below(each.value, wanted), text, _mend(site, each, wanted))


def _is_of_batches(metric: str) -> bool:
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
    """Whether a limit is of the whole project, or of a region that is used."""
    used = {None, site.setup.region, site.setup.vertex_location}
    return dimensions.get("region") in used and dimensions.keys() <= {"region"}


def _mend(site: Site, limit: Limit, value: int) -> str:
    project = f"--service={limit.service} --project={site.setup.project}"
    return (
        f"gcloud beta quotas info list {project} --filter=metric={limit.metric} names its QUOTA_ID; then "
        f"gcloud beta quotas preferences create {project} --quota-id=QUOTA_ID --preferred-value={value}"
    )
