#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_info
short_description: Describe the mesh and the objects of this collection in it
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns the version of Istio, its proxies and whether each of them is in sync, the namespaces with injection, the
    addresses of the ingress gateways, the version of the Gateway API, the Service of Prometheus, and the objects that
    carry the ownership labels of this collection.
  - Leaves empty what this user may not read, and names it in a warning.
options:
  attendee:
    description:
      - Return only the objects of this attendee.
    type: str
  lab:
    description:
      - Return only the objects of this lab.
    type: str
  stage:
    description:
      - Return only the objects of this stage.
    type: str
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
  - mesh.workshop.attributes.info
seealso:
  - module: mesh.workshop.apply
"""

EXAMPLES = r"""
- name: Describe the mesh
  mesh.workshop.mesh_info:
  register: mesh

- name: Stop if a proxy has rejected its configuration
  ansible.builtin.assert:
    that: mesh.proxies | selectattr('rejected') | length == 0

- name: List what a lab has left behind
  mesh.workshop.mesh_info:
    attendee: alice
    lab: faults
"""

RETURN = r"""
kubernetes_version:
  description: Version of the API server.
  type: str
  returned: success
  sample: v1.36.3
istio:
  description: The ready istiod pods; empty if there is no mesh.
  type: list
  elements: dict
  returned: success
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
      returned: always
      sample: istio-system
    name:
      description: Name of the pod.
      type: str
      returned: always
      sample: istiod-68fbf796d8-xsctl
    version:
      description: Its version.
      type: str
      returned: always
      sample: 1.31.0
proxies:
  description: The proxies that are connected to istiod.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the pod.
      type: str
      returned: always
      sample: reviews-v1-6d99fdcd8c-44d9v
    namespace:
      description: Namespace of the pod.
      type: str
      returned: always
      sample: bookinfo
    kind:
      description: Type of the proxy.
      type: str
      returned: always
      sample: sidecar
    version:
      description: Version of Istio that the proxy runs.
      type: str
      returned: always
      sample: 1.31.0
    synced:
      description: Whether the proxy has acknowledged everything that istiod has sent.
      type: bool
      returned: always
      sample: true
    waiting:
      description: Kinds of configuration that the proxy has not acknowledged yet.
      type: list
      elements: str
      returned: always
      sample: []
    rejected:
      description: Kinds of configuration that the proxy has rejected, each with Envoy's reason.
      type: dict
      returned: always
      sample: {}
namespaces:
  description: The namespaces that are in the mesh, are excluded from it, or are managed by this collection.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the namespace.
      type: str
      returned: always
      sample: bookinfo
    injection:
      description: One of V(enabled), V(disabled), V(ambient), V(none), or V(revision) and its name.
      type: str
      returned: always
      sample: enabled
    managed:
      description: Whether the namespace carries the label C(mesh.workshop/managed=true).
      type: bool
      returned: always
      sample: true
gateways:
  description: The Services of ingress gateways.
  type: list
  elements: dict
  returned: success
  contains:
    namespace:
      description: Namespace of the Service.
      type: str
      returned: always
      sample: istio-system
    name:
      description: Name of the Service.
      type: str
      returned: always
      sample: istio-ingressgateway
    type:
      description: Type of the Service.
      type: str
      returned: always
      sample: LoadBalancer
    addresses:
      description: Addresses and host names at which clients outside the cluster reach it.
      type: list
      elements: str
      returned: always
      sample: [192.0.2.10]
    pending:
      description: Whether the Service still waits for an address from a load balancer.
      type: bool
      returned: always
      sample: false
    node_addresses:
      description: Addresses of the nodes at which its node ports are open.
      type: list
      elements: str
      returned: always
      sample: [192.0.2.2]
    ports:
      description: The ports of the Service, each with name, port and node port.
      type: list
      elements: dict
      returned: always
      sample: [{name: http2, port: 80, node_port: 30080}]
gateway_api:
  description: The definitions of the Kubernetes Gateway API that the cluster has.
  type: dict
  returned: success
  contains:
    version:
      description: Their version; empty if there are none.
      type: str
      returned: always
      sample: v1.6.0
    channel:
      description: Their channel, V(standard) or V(experimental); empty if there are none.
      type: str
      returned: always
      sample: standard
prometheus:
  description: The Service of the Prometheus that checks ask.
  type: dict
  returned: success
  contains:
    namespace:
      description: Namespace of the Service; empty if there is none.
      type: str
      returned: always
      sample: mesh-workshop-metrics
    name:
      description: Name of the Service; empty if there is none.
      type: str
      returned: always
      sample: prometheus
    port:
      description: Port of its API; V(0) if there is none.
      type: int
      returned: always
      sample: 9090
owned:
  description: The objects that carry the ownership labels of this collection.
  type: list
  elements: dict
  returned: success
  contains:
    attendee:
      description: Attendee that the object belongs to.
      type: str
      returned: always
      sample: alice
    lab:
      description: Lab that the object belongs to.
      type: str
      returned: always
      sample: request_routing
    stage:
      description: Stage that the object belongs to.
      type: str
      returned: always
      sample: jason_v2
    api_version:
      description: API version of the object.
      type: str
      returned: always
      sample: networking.istio.io/v1
    kind:
      description: Kind of the object.
      type: str
      returned: always
      sample: VirtualService
    namespace:
      description: Namespace of the object; empty if its kind has none.
      type: str
      returned: always
      sample: bookinfo
    name:
      description: Name of the object.
      type: str
      returned: always
      sample: reviews
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.mesh import gather


def main():
    module = QuietModule(
        argument_spec={
            "attendee": {"type": "str"},
            "lab": {"type": "str"},
            "stage": {"type": "str"},
            **AUTH_ARG_SPEC,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        found, warnings = gather(connect(params), params["attendee"], params["lab"], params["stage"])
    except ApiError as exc:
        module.fail_json(msg=str(exc))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
