#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workshop_info
short_description: Say what of a workshop is set up, which lab and stage is applied, and how healthy it is
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Reads the live objects of a cluster and changes nothing.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  namespace:
    description: The workshop namespace.
    type: str
    default: bookinfo
  gateway_host:
    description: Host name of the gateway.
    type: str
    default: mybookstore.com
  catalogue:
    description: Folder of the catalogue, with one folder per lab; it tells which labs there are.
    type: path
"""

EXAMPLES = r"""
- name: See what is applied
  mesh.workshop.workshop_info:
    kubeconfig: ~/.kube/mesh-workshop
  register: workshop

- name: Show it
  mesh.workshop.print_text:
    text: "{{ workshop.page }}"
"""

RETURN = r"""
status:
  description: The state of the workshop.
  returned: success
  type: dict
  contains:
    kubernetes:
      description: Version of the API server.
      type: str
    istio:
      description: Version of the control plane, empty where none is.
      type: str
    nodes:
      description: Number of nodes; V(0) if this user may not list them.
      type: int
    namespace:
      description: The workshop namespace.
      type: str
    workloads:
      description: Ready and wanted replicas by Deployment.
      type: dict
    gateway:
      description: Address and port of the gateway.
      type: str
    host:
      description: Host name of the gateway.
      type: str
    lab:
      description: Lab that is applied; V(baseline) when none is.
      type: str
    stage:
      description: Stage that is applied.
      type: str
    healthy:
      description: Whether nothing is wrong.
      type: bool
    troubles:
      description: One sentence with its remedy per fault.
      type: list
      elements: str
  sample:
    kubernetes: v1.36.3
    istio: 1.31.0
    nodes: 1
    namespace: bookinfo
    workloads: {details-v1: 1/1}
    gateway: 172.30.0.2:80
    host: mybookstore.com
    lab: request_routing
    stage: all_v1
    healthy: true
    troubles: []
labs:
  description: Names of the labs in O(catalogue).
  returned: success
  type: list
  elements: str
  sample: [gateway, request_routing]
page:
  description: The same for people.
  returned: success
  type: str
  sample: "Kubernetes  v1.36.3, 1 node(s)"
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import version_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._verify import GatewayError, gateway_address
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    MARKER_NAME,
    LabError,
    applied_stage,
    lab_names,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import page, summary


def nodes_of(client: Client) -> list[dict[str, t.Any]]:
    """The nodes, or none where this user may not list them."""
    try:
        return list(client.list("v1", "Node"))
    except ApiError as error:
        if error.status == 403:
            return []
        raise


def gather(client: Client, namespace: str, host: str) -> dict[str, t.Any]:
    """Read the live objects and put the status together."""
    istiods = client.list("apps/v1", "Deployment", label_selector="app=istiod")
    gateways = client.list("apps/v1", "Deployment", label_selector="istio=ingressgateway")
    try:
        gateway = gateway_address(client)
    except GatewayError:
        gateway = ""
    return summary(
        kubernetes=client.server_version()["gitVersion"],
        nodes=nodes_of(client),
        control_plane=[*istiods, *gateways],
        istio_version=version_of(istiods[0]) if istiods else "",
        workloads=client.list("apps/v1", "Deployment", namespace),
        namespace=namespace,
        gateway=gateway,
        host=host,
        applied=applied_stage(client.get("v1", "ConfigMap", MARKER_NAME, namespace)),
    )


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "namespace": {"type": "str", "default": "bookinfo"},
        "gateway_host": {"type": "str", "default": "mybookstore.com"},
        "catalogue": {"type": "path"},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    try:
        labs = lab_names(module.params["catalogue"]) if module.params["catalogue"] else []
        status = gather(connect(module.params), module.params["namespace"], module.params["gateway_host"])
    except (ApiError, LabError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, status=status, labs=labs, page=page(status, labs))


if __name__ == "__main__":
    main()
