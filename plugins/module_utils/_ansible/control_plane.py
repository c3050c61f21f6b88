# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module istio_control_plane: installs Istio by server-side apply, or says what is there."""

from __future__ import annotations

import typing as t

from .._apply import ApplyOptions, DocumentError, apply_set, flatten, parse_yaml, plain
from .._istio.control_plane import (
    ISTIO_NAMESPACE,
    IstioError,
    applicable,
    istioctl_version,
    lacks,
    namespace_document,
    operator_document,
    render,
)
from .._istio.gateways import GATEWAY_SELECTOR
from .._istio.presence import (
    Presence,
    presence_of,
    require_address,
    require_existing,
    require_installable,
    require_version,
    version_warning,
    without_address,
)
from .._kube import AUTH_ARG_SPEC, FIELD_MANAGER, ApiError, Client, connect
from .._openshift.platform import AUTO, OPENSHIFT, PLATFORMS, find_platform
from .options import Idle
from .quiet import QuietModule

Json = dict[str, t.Any]

CONTROL_PLANE_ARG_SPEC: Json = {
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


def run_control_plane_module() -> None:
    """The whole of the module istio_control_plane."""
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **CONTROL_PLANE_ARG_SPEC}, supports_check_mode=True)
    # Where nothing is installed, the version alone is compared with the one that is there.
    module.refuse_idle(
        Idle(name, "state", "present") for name in CONTROL_PLANE_ARG_SPEC if name not in ("state", "version")
    )
    try:
        result = _run(module)
    except (ApiError, DocumentError, IstioError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def _run(module: QuietModule) -> Json:
    """Install Istio or take stock; returns the module's result."""
    params = module.params
    if params["gateway_address"]:
        require_address(params["gateway_address"])
    client = connect(params)
    presence = presence_of(client.list("apps/v1", "Deployment", label_selector="app=istiod"), FIELD_MANAGER)
    if params["state"] == "present":
        return _install(module, client, presence)
    if params["state"] == "existing":
        require_existing(presence)
    warning = version_warning(presence, params["version"])
    if warning:
        module.warn(warning)
    lacking = _stock(client, presence.namespace) if presence.chosen else []
    return {"changed": False, "mode": presence.mode, "version": presence.version, "lacks": lacking}


def _install(module: QuietModule, client: Client, presence: Presence) -> Json:
    """Apply what istioctl renders, and give the gateway its address."""
    params = module.params
    istioctl = require_installable(presence, params["istioctl"])
    operator = operator_document(
        profile=params["profile"],
        hub=params["hub"],
        tag=params["tag"],
        values=plain(params["values"], "values"),
        mesh_config=plain(params["mesh_config"], "mesh_config"),
        openshift=find_platform(client, params["platform"]) == OPENSHIFT,
    )
    version = istioctl_version(istioctl)
    require_version(params["version"], istioctl, version)
    module.standing = "Istio may not be installed in full."
    documents = [namespace_document(ISTIO_NAMESPACE)]
    documents += applicable(flatten(parse_yaml(render(istioctl, operator), "what istioctl renders")))
    report = apply_set(
        client,
        documents,
        ApplyOptions(
            state="present",
            check=module.check_mode,
            diff=module._diff,
            # What was changed by hand in a mesh that is ours is taken back; what others have left of theirs is not.
            force=bool(presence.ours),
            wait=True,
            wait_timeout=params["wait_timeout"],
            on_change=module.recorder(),
        ),
    )
    result = {"mode": "ours", "version": version, "lacks": [], "results": report.results, "diff": report.diff}
    if report.failed:
        module.fail_json(msg=f"Istio was not installed: {report.message}", changed=report.changed, **result)
    address = params["gateway_address"]
    addressed = bool(address) and _give_address(client, address, module.check_mode)
    return {"changed": report.changed or addressed, **result}


def _stock(client: Client, namespace: str) -> list[str]:
    """What the mesh in this namespace lacks, from its ConfigMap, Telemetry resources and gateways."""
    config = client.get("v1", "ConfigMap", "istio", namespace) or {}
    parsed = parse_yaml((config.get("data") or {}).get("mesh", "{}"), f"mesh of the ConfigMap {namespace}/istio")
    mesh: Json = next(iter(flatten(parsed)), {})
    try:
        telemetries = client.list("telemetry.istio.io/v1", "Telemetry", namespace)
    except ApiError:
        telemetries = []
    return lacks(mesh, telemetries, len(client.list("v1", "Service", label_selector=GATEWAY_SELECTOR)))


def _give_address(client: Client, address: str, check: bool) -> bool:
    """Give the gateway's Service its address where the cluster has no load balancer; says whether it changed."""
    names = without_address(client.list("v1", "Service", ISTIO_NAMESPACE, label_selector=GATEWAY_SELECTOR), address)
    for name in names if not check else ():
        client.patch(
            "v1",
            "Service",
            name,
            ISTIO_NAMESPACE,
            {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}},
            content_type="application/merge-patch+json",
            subresource="status",
        )
    return bool(names)
