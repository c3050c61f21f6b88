#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Check whether the workshop can use a Kubernetes cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Reads the version and the nodes of the cluster, and asks the cluster which of the required rights this user has.
  - Recognises an OpenShift by the API groups that it serves. There the right to request Projects replaces the right to
    create namespaces.
  - Fails with one sentence if the cluster cannot be reached or is too old, if rights are missing, or if the namespace
    is somebody else's.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
  - mesh.workshop.attributes.info
options:
  minimum_version:
    description: The oldest supported version of Kubernetes, as major and minor.
    type: str
    default: "1.29"
  rights:
    description:
      - Rights that are required in all namespaces, written as for C(kubectl auth can-i), such as
        V(create deployments.apps).
    type: list
    elements: str
    default: []
  openshift_rights:
    description: Rights that are required besides O(rights) if the platform is V(openshift).
    type: list
    elements: str
    default: []
  platform:
    description: The platform of the cluster; V(auto) detects it.
    type: str
    choices: [auto, kubernetes, openshift]
    default: auto
  namespace:
    description:
      - The namespace that the workshop will use. It must not exist yet, or be labelled
        C(mesh.workshop/managed=true), or hold nothing but what the cluster itself puts into every namespace.
      - V(default), V(openshift), V(istio-system) and names that begin with V(kube-) or V(openshift-) are always
        refused.
      - Empty checks no namespace.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Check whether the workshop can use the cluster
  mesh.workshop.cluster_info:
    kubeconfig: ~/.kube/config
    context: staging
    rights:
      - create namespaces
      - patch deployments.apps
    namespace: bookinfo
"""

RETURN = r"""
version:
  description: Version of the API server.
  returned: when the cluster can be reached
  type: str
  sample: v1.36.3
nodes:
  description: Names of the nodes; empty if this user may not list them.
  returned: when the cluster can be reached
  type: list
  elements: str
  sample: [mesh-workshop]
platform:
  description: The platform, V(kubernetes) or V(openshift).
  returned: when the cluster can be reached
  type: str
  sample: kubernetes
missing_rights:
  description: The rights of O(rights) and O(openshift_rights) that this user lacks.
  returned: when the cluster can be reached
  type: list
  elements: str
  sample: []
"""

import concurrent.futures
import re
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.platform import (
    AUTO,
    OPENSHIFT,
    PLATFORMS,
    find_platform,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import LiveNamespace
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import (
    RightError,
    review,
    summed_up,
    version_of,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.tenancy import claim_refusal, is_free

CREATE_NAMESPACES = "create namespaces"
REQUEST_PROJECTS = "create projectrequests.project.openshift.io"


def refused_rights(client: Client, rights: list[str]) -> list[str]:
    """Those of the rights that the cluster does not grant."""
    reviews = [review(right) for right in rights]
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    def allowed(body: dict[str, t.Any]) -> bool:
        return bool(client.request("POST", path, body=body).json().get("status", {}).get("allowed"))

    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        return [right for right, granted in zip(rights, pool.map(allowed, reviews), strict=True) if not granted]


def missing_on_openshift(client: Client, rights: list[str]) -> list[str]:
    """Those of the rights that an OpenShift does not grant, which makes namespaces on request too."""
    missing = refused_rights(client, rights)
    if CREATE_NAMESPACES in missing and not refused_rights(client, [REQUEST_PROJECTS]):
        missing.remove(CREATE_NAMESPACES)
    return missing


def node_names(client: Client) -> list[str]:
    try:
        return [node["metadata"]["name"] for node in client.list("v1", "Node")]
    except ApiError as error:
        if error.status == 403:
            return []
        raise


def namespace_refusal(client: Client, name: str) -> str:
    """Why a namespace may not become the workshop's; empty where it may."""
    namespace = client.get("v1", "Namespace", name)
    held: list[dict[str, t.Any]] = []
    if not is_free(namespace):
        with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
            cluster = LiveNamespace(client, pool)
            held = cluster.everything(cluster.kinds(), name, None)
    return claim_refusal(name, namespace, held)


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "minimum_version": {"type": "str", "default": "1.29"},
        "rights": {"type": "list", "elements": "str", "default": []},
        "openshift_rights": {"type": "list", "elements": "str", "default": []},
        "platform": {"type": "str", "choices": list(PLATFORMS), "default": AUTO},
        "namespace": {"type": "str", "default": ""},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    wanted = module.params["minimum_version"]
    if not re.fullmatch(r"\d+\.\d+", wanted):
        module.fail_json(msg=f"The option minimum_version is {wanted!r}: give major and minor, such as 1.29.")
    try:
        client = connect(module.params)
        info = client.server_version()
        platform = find_platform(client, module.params["platform"])
        facts = {
            "version": info.get("gitVersion", ""),
            "nodes": node_names(client),
            "platform": platform,
            "missing_rights": refused_rights(client, module.params["rights"])
            if platform != OPENSHIFT
            else missing_on_openshift(client, module.params["rights"] + module.params["openshift_rights"]),
        }
    except (ApiError, RightError) as error:
        module.fail_json(msg=str(error))
    if version_of(info) < tuple(int(part) for part in wanted.split(".")):
        module.fail_json(
            msg=f"The cluster runs Kubernetes {facts['version']}, and {wanted} or later is needed: upgrade it first, "
            "or name another cluster.",
            **facts,
        )
    if facts["missing_rights"]:
        module.fail_json(
            msg=f"This user of the cluster may not {summed_up(facts['missing_rights'])}: "
            "have these rights granted (the cluster role cluster-admin has them), or name another context.",
            **facts,
        )
    try:
        why = namespace_refusal(client, module.params["namespace"]) if module.params["namespace"] else ""
    except ApiError as error:
        module.fail_json(msg=str(error), **facts)
    if why:
        module.fail_json(msg=why, **facts)
    module.exit_json(changed=False, **facts)


if __name__ == "__main__":
    main()
