# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the workshop can use a cluster, and a namespace in it."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._kube import ApiError, Client
from .._openshift.platform import OPENSHIFT, find_platform
from .live import THREADS, LiveNamespace
from .rights import review, summed_up
from .tenancy import claim_refusal, is_free

Json = dict[str, t.Any]
Version = tuple[int, int]
"""Major and minor."""

CREATE_NAMESPACES = "create namespaces"
REQUEST_PROJECTS = "create projectrequests.project.openshift.io"


@dataclasses.dataclass(frozen=True)
class Facts:
    """A cluster as the module's result describes it."""

    version: str
    nodes: list[str]
    platform: str
    missing_rights: list[str]


def look(client: Client, platform: str, rights: list[str], openshift_rights: list[str]) -> tuple[Facts, Version]:
    """A cluster's facts and its version as numbers. Raises ApiError, and RightError for a malformed right.

    ``platform`` is one of ``PLATFORMS``; ``openshift_rights`` are needed besides ``rights`` on an OpenShift.
    """
    info = client.server_version()
    found = find_platform(client, platform)
    facts = Facts(
        version=str(info.get("gitVersion", "")),
        nodes=node_names(client),
        platform=found,
        missing_rights=missing_on_openshift(client, [*rights, *openshift_rights])
        if found == OPENSHIFT
        else refused_rights(client, rights),
    )
    return facts, version_of(info)


def refusal(facts: Facts, version: Version, minimum: Version) -> str:
    """Why the workshop cannot use the cluster; empty where it can."""
    if version < minimum:
        return (
            f"The cluster runs Kubernetes {facts.version}, and {'.'.join(map(str, minimum))} or later is needed: "
            "upgrade it first, or name another cluster."
        )
    if facts.missing_rights:
        return (
            f"This user of the cluster may not {summed_up(facts.missing_rights)}: "
            "have these rights granted (the cluster role cluster-admin has them), or name another context."
        )
    return ""


def namespace_refusal(client: Client, name: str, option: str = "bookinfo_namespace") -> str:
    """Why a namespace, which this option has named, may not become the workshop's; empty where it may.

    Raises ApiError.
    """
    namespace = client.get("v1", "Namespace", name)
    held: list[Json] = []
    if not is_free(namespace):
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            cluster = LiveNamespace(client, pool)
            held = cluster.everything(cluster.kinds(), name, None)
    return claim_refusal(name, namespace, held, option)


def refused_rights(client: Client, rights: list[str]) -> list[str]:
    """Those of the rights that the cluster does not grant."""
    reviews = [review(right) for right in rights]
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    def allowed(body: Json) -> bool:
        return bool(client.request("POST", path, body=body).json().get("status", {}).get("allowed"))

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return [right for right, granted in zip(rights, pool.map(allowed, reviews), strict=True) if not granted]


def missing_on_openshift(client: Client, rights: list[str]) -> list[str]:
    """Those of the rights that an OpenShift does not grant; the right to request Projects stands for namespaces."""
    missing = refused_rights(client, rights)
    if CREATE_NAMESPACES in missing and not refused_rights(client, [REQUEST_PROJECTS]):
        missing.remove(CREATE_NAMESPACES)
    return missing


def node_names(client: Client) -> list[str]:
    """The names of the nodes; none for a user who may not list them."""
    try:
        return [node["metadata"]["name"] for node in client.list("v1", "Node")]
    except ApiError as error:
        if error.status == 403:
            return []
        raise


def version_of(info: t.Mapping[str, t.Any]) -> Version:
    """A server's version; some servers write their minor as `29+`."""
    parts = [re.match(r"\d+", str(info.get(key, ""))) for key in ("major", "minor")]
    major, minor = (int(part.group()) if part else 0 for part in parts)
    return major, minor
