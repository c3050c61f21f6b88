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

import dataclasses
import re
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.platform import AUTO, PLATFORMS
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.cluster import look, namespace_refusal, refusal
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import RightError


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
    params = module.params
    wanted = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", params["minimum_version"])
    if not wanted:
        module.fail_json(
            msg=f"The option minimum_version is {params['minimum_version']!r}: give major and minor, such as 1.29."
        )
    try:
        client = connect(params)
        facts, version = look(client, params["platform"], params["rights"], params["openshift_rights"])
    except (ApiError, RightError) as error:
        module.fail_json(msg=str(error))
    result = dataclasses.asdict(facts)
    try:
        why = refusal(facts, version, (int(wanted[1]), int(wanted[2])))
        if not why and params["namespace"]:
            why = namespace_refusal(client, params["namespace"])
    except ApiError as error:
        module.fail_json(msg=str(error), **result)
    if why:
        module.fail_json(msg=why, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
