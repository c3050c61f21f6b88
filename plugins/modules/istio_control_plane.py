#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: istio_control_plane
short_description: Install Istio's control plane and ingress gateway, or take stock of the one that is there
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Renders the charts inside C(istioctl) offline, applies them server-side and waits until they are ready.
  - An Istio that somebody else installed is used as it is. It is never upgraded or reconfigured; what it lacks is
    named.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) installs or updates ours and refuses to touch somebody else's. What was changed in ours by hand, such
        as a scaled Deployment, is taken back.
      - V(existing) uses the one that is there, whoever installed it, and fails where none is.
      - V(stock) only says whether one is there, whose it is and what it lacks.
    type: str
    choices: [present, existing, stock]
    default: present
  istioctl:
    description: Path of the C(istioctl) whose charts are rendered. Its version is the version that is installed.
    type: path
  version:
    description: The version that is wanted. It must be the one of O(istioctl); empty takes whatever that is.
    type: str
    default: ""
  profile:
    description: Name of Istio's installation profile. On OpenShift V(default) is Istio's profile V(openshift).
    type: str
    default: default
  platform:
    description:
      - The platform of the cluster; V(auto) finds it out by the API groups that it serves.
      - On V(openshift) the charts get their settings for OpenShift (C(global.platform)).
    type: str
    choices: [auto, kubernetes, openshift]
    default: auto
  hub:
    description: Registry of the images; empty takes the one that O(istioctl) was built with.
    type: str
    default: ""
  tag:
    description: Tag of the images; empty takes the one that O(istioctl) was built with.
    type: str
    default: ""
  values:
    description: Helm values, as in an IstioOperator's C(spec.values).
    type: dict
    default: {}
  mesh_config:
    description: Mesh-wide settings, as in an IstioOperator's C(spec.meshConfig).
    type: dict
    default: {}
  gateway_address:
    description:
      - Address that the gateway's Service gets as its load balancer's, on clusters without a load balancer.
      - Empty leaves it to the cluster.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait for the control plane and the gateway.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Install Istio from the charts of this istioctl
  mesh.workshop.istio_control_plane:
    kubeconfig: ~/.kube/mesh-workshop
    istioctl: /usr/local/bin/istioctl
    mesh_config:
      accessLogFile: /dev/stdout

- name: Say what the Istio of this cluster lacks
  mesh.workshop.istio_control_plane:
    state: existing
  register: istio

- name: Show it
  ansible.builtin.debug:
    msg: "{{ istio.lacks }}"
"""

RETURN = r"""
mode:
  description: Whether the control plane is V(ours), somebody else's (V(existing)), or not there (V(none)).
  returned: success
  type: str
  sample: ours
version:
  description: Version of the control plane, empty where none is.
  returned: success
  type: str
  sample: 1.31.0
lacks:
  description: What the Istio that is there lacks for some lab, one sentence each. Empty where it was installed.
  returned: success
  type: list
  elements: str
  sample:
    - "Access logs are off (meshConfig.accessLogFile): checks of who answered fall back to what the answer says."
results:
  description: One report per document that was applied.
  returned: when state is present
  type: list
  elements: dict
  contains:
    api_version:
      description: API version of the document.
      type: str
      sample: apps/v1
    kind:
      description: Kind of the document.
      type: str
      sample: Deployment
    namespace:
      description: Namespace of the document; empty if its kind has none.
      type: str
      sample: istio-system
    name:
      description: Name of the document.
      type: str
      sample: istiod
    action:
      description: What was done.
      type: str
      sample: unchanged
"""

import ipaddress
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._apply import (
    ApplyOptions,
    DocumentError,
    apply_set,
    flatten,
    parse_yaml,
    plain,
)
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import (
    ISTIO_NAMESPACE,
    IstioError,
    applicable,
    is_ours,
    istioctl_version,
    lacks,
    namespace_document,
    operator_document,
    render,
    version_of,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube import (
    AUTH_ARG_SPEC,
    FIELD_MANAGER,
    ApiError,
    Client,
    connect,
)
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.platform import (
    AUTO,
    OPENSHIFT,
    PLATFORMS,
    find_platform,
)


def stock(client: Client, namespace: str) -> list[str]:
    """What the mesh in this namespace lacks, from its ConfigMap, Telemetry resources and gateways."""
    config = client.get("v1", "ConfigMap", "istio", namespace) or {}
    parsed = parse_yaml((config.get("data") or {}).get("mesh", "{}"), f"mesh of the ConfigMap {namespace}/istio")
    mesh = next(flatten(parsed), {})
    try:
        telemetries = client.list("telemetry.istio.io/v1", "Telemetry", namespace)
    except ApiError:
        telemetries = []
    gateways = client.list("v1", "Service", label_selector="istio=ingressgateway")
    return lacks(mesh, telemetries, len(gateways))


def check_address(address: str) -> None:
    """Raises IstioError for anything but an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise IstioError(f"gateway_address: {address!r} is not an IP address; use one such as 192.0.2.1.") from error


def set_gateway_address(client: Client, address: str, check: bool) -> bool:
    """Give the gateway's Service its address where the cluster has no load balancer; says whether it changed."""
    changed = False
    for service in client.list("v1", "Service", ISTIO_NAMESPACE, label_selector="istio=ingressgateway"):
        if service["spec"].get("type") != "LoadBalancer":
            continue
        wanted = [{"ip": address}]
        held = [
            {"ip": item.get("ip")} for item in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        ]
        if held == wanted:
            continue
        changed = True
        if not check:
            client.patch(
                "v1",
                "Service",
                service["metadata"]["name"],
                ISTIO_NAMESPACE,
                {"status": {"loadBalancer": {"ingress": wanted}}},
                content_type="application/merge-patch+json",
                subresource="status",
            )
    return changed


def used(
    module: QuietModule, client: Client, found: list[dict[str, t.Any]], foreign: list[dict[str, t.Any]]
) -> dict[str, t.Any]:
    """The module's result about the control planes that are there, of which nothing is changed."""
    params = module.params
    if not found:
        if params["state"] == "existing":
            raise IstioError(
                "No Istio was found (no Deployment labelled app=istiod): use istio_state=present to install one."
            )
        return {"changed": False, "mode": "none", "version": "", "lacks": []}
    chosen = (foreign or found)[0]
    version = version_of(chosen)
    if params["version"] and version and version != params["version"]:
        module.warn(f"Istio {version} is there and stays; istio_version asks for {params['version']}.")
    return {
        "changed": False,
        "mode": "existing" if foreign else "ours",
        "version": version,
        "lacks": stock(client, chosen["metadata"]["namespace"]),
    }


def run(module: QuietModule) -> dict[str, t.Any]:
    """Install or take stock; returns the module's result."""
    params = module.params
    if params["gateway_address"]:
        check_address(params["gateway_address"])
    client = connect(params)
    found = client.list("apps/v1", "Deployment", label_selector="app=istiod")
    foreign = [item for item in found if not is_ours(item, FIELD_MANAGER)]
    if params["state"] != "present":
        return used(module, client, found, foreign)
    if foreign:
        place = foreign[0]["metadata"]["namespace"]
        raise IstioError(
            f"An Istio that this collection did not install runs in namespace {place}: "
            "use it with istio_state=existing, or remove it first."
        )
    if not params["istioctl"]:
        raise IstioError("No istioctl was named to render the charts with: set istio_istioctl.")
    operator = operator_document(
        profile=params["profile"],
        hub=params["hub"],
        tag=params["tag"],
        values=plain(params["values"], "values"),
        mesh_config=plain(params["mesh_config"], "mesh_config"),
        openshift=find_platform(client, params["platform"]) == OPENSHIFT,
    )
    version = istioctl_version(params["istioctl"])
    if params["version"] and params["version"] != version:
        raise IstioError(
            f"istio_version asks for {params['version']} and {params['istioctl']} carries the charts of {version}: "
            "set istio_istioctl to the istioctl of the wanted version, or leave istio_version empty."
        )
    module.standing = "Istio may not be installed in full."
    documents = [namespace_document(ISTIO_NAMESPACE)]
    documents += applicable(flatten(parse_yaml(render(params["istioctl"], operator), "what istioctl renders")))
    report = apply_set(
        client,
        documents,
        ApplyOptions(
            state="present",
            check=module.check_mode,
            diff=module._diff,
            # What was changed by hand in a mesh that is ours is taken back; what others have left of theirs is not.
            force=bool(found),
            wait=True,
            wait_timeout=params["wait_timeout"],
            on_change=module.recorder(),
        ),
    )
    changed = report.changed
    result = {
        "mode": "ours",
        "version": version,
        "lacks": [],
        "results": report.results,
        "diff": report.diff,
    }
    if report.failed:
        module.fail_json(msg=f"Istio was not installed: {report.message}", changed=changed, **result)
    if params["gateway_address"]:
        changed |= set_gateway_address(client, params["gateway_address"], module.check_mode)
    return {"changed": changed, **result}


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "state": {"type": "str", "choices": ["present", "existing", "stock"], "default": "present"},
        "istioctl": {"type": "path"},
        "version": {"type": "str", "default": ""},
        "profile": {"type": "str", "default": "default"},
        "platform": {"type": "str", "choices": list(PLATFORMS), "default": AUTO},
        "hub": {"type": "str", "default": ""},
        "tag": {"type": "str", "default": ""},
        "values": {"type": "dict", "default": {}},
        "mesh_config": {"type": "dict", "default": {}},
        "gateway_address": {"type": "str", "default": ""},
        "wait_timeout": {"type": "int", "default": 300},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    try:
        result = run(module)
    except (ApiError, DocumentError, IstioError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
