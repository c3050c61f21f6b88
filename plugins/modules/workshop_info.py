#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workshop_info
short_description: Describe what is set up, which lab and stage is applied, and whether the workshop is healthy
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
    description: Folder of the catalogue, with one folder per lab.
    type: path
  gateway_namespace:
    description: Namespace of Istio and its gateway, for users who may not list objects in all namespaces.
    type: str
    default: istio-system
  definition:
    description: Content of the applied lab's C(lab.yml), to compare the live objects with.
    type: dict
    default: {}
  baseline:
    description: Content of baseline's C(lab.yml). Without it, no object of the stage is compared.
    type: dict
    default: {}
  bookinfo:
    description: Documents of Bookinfo, as C(tasks_from=definitions.yml) of its role lists them, to compare as well.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Read what is applied
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
      sample: v1.36.3
    istio:
      description: Version of the control plane; empty if there is none.
      type: str
      sample: 1.31.0
    nodes:
      description: Number of nodes; V(0) if this user may not list them.
      type: int
      sample: 1
    namespace:
      description: The workshop namespace.
      type: str
      sample: bookinfo
    workloads:
      description: Ready and wanted replicas by Deployment.
      type: dict
      sample: {details-v1: 1/1}
    gateway:
      description: Address and port of the gateway.
      type: str
      sample: 172.30.0.2:80
    host:
      description: Host name of the gateway.
      type: str
      sample: mybookstore.com
    lab:
      description: The applied lab; V(baseline) if none is.
      type: str
      sample: request_routing
    stage:
      description: The applied stage.
      type: str
      sample: all_v1
    healthy:
      description: Whether RV(status.troubles) is empty.
      type: bool
      sample: true
    troubles:
      description:
        - One sentence with its remedy per fault.
        - If O(bookinfo), O(definition) and O(baseline) are given, this includes each object of Bookinfo and of the
          applied stage that is missing or differs.
      type: list
      elements: str
      sample: []
    unseen:
      description: What this user may not read and the whole status needs, except nodes.
      type: list
      elements: str
      sample: []
labs:
  description: Names of the labs in O(catalogue).
  returned: success
  type: list
  elements: str
  sample: [gateway, request_routing]
page:
  description: The same as a page to read.
  returned: success
  type: str
  sample: |-
    Kubernetes  v1.36.3, 1 node(s)
    Istio       1.31.0
    Bookinfo    details-v1 1/1 (namespace bookinfo)
    Gateway     172.30.0.2:80, host mybookstore.com
    Applied     request_routing, stage all_v1
    Labs        gateway, request_routing
    Health      good
"""

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._apply import DocumentError, checked
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import version_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._verify import GatewayError, gateway_address
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    BASELINE,
    MARKER_NAME,
    Catalogue,
    LabError,
    applied_stage,
    desired_state,
    lab_names,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.drift import troubles
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import READING, with_all_missing
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import page, summary

Json = dict[str, t.Any]


class View:
    """What this user may see of a cluster; what they may not is noted and left out."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.unseen: list[str] = []

    def list(self, api_version: str, kind: str, *places: str | None, selector: str | None = None) -> list[Json] | None:
        """The objects in the first place that this user may list, None where there is no such place.

        A place is a namespace, or None for all of them.
        """
        for place in places:
            try:
                return list(self.client.list(api_version, kind, place, label_selector=selector))
            except ApiError as error:
                if error.status != 403:
                    raise
        self.unseen.append(f"list {kind}s{f' in {places[-1]}' if places[-1] else ''}")
        return None

    def nodes(self) -> list[Json] | None:
        """The nodes; None where this user may not list them, which users of a single namespace do not need."""
        try:
            return list(self.client.list("v1", "Node"))
        except ApiError as error:
            if error.status != 403:
                raise
            return None

    def gateway(self, host: str) -> str | None:
        """Address and port of the gateway for a host, empty where it has none, None where it may not be seen."""
        try:
            return str(gateway_address(self.client, host))
        except GatewayError:
            return ""
        except ApiError as error:
            if error.status != 403:
                raise
            self.unseen.append("list Services of the gateway")
            return None

    def pairs(self, documents: t.Sequence[Json]) -> list[tuple[Json, Json | None]]:
        """Each document with the object of its name, as far as this user may get it."""

        def live(document: Json) -> tuple[Json, Json | None] | str:
            meta = document["metadata"]
            try:
                found = self.client.get(document["apiVersion"], document["kind"], meta["name"], meta["namespace"])
            except ApiError as error:
                if error.status == 403:
                    return f"get {document['kind']}s in {meta['namespace']}"
                if error.reason != "UnknownKind":
                    raise
                found = None
            return document, found

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(live, documents))
        self.unseen += sorted({one for one in answers if isinstance(one, str)})
        return [one for one in answers if not isinstance(one, str)]


def drift_of(view: View, params: Json, bookinfo: t.Sequence[Json], applied: tuple[str, str] | None) -> list[str]:
    """A sentence per object of Bookinfo or of the applied stage that is missing or was changed."""
    namespace = params["namespace"]
    placed = [
        {**document, "metadata": {**document["metadata"], "namespace": namespace}}
        for document in bookinfo
        if document["kind"] != "Namespace"
    ]
    said = troubles(view.pairs(placed), state="Bookinfo", remedy="run mesh.workshop.reset or mesh.workshop.setup")
    if applied and params["baseline"]:
        lab, stage_name = applied
        catalogue = Catalogue([lab], {BASELINE: params["baseline"], lab: params["definition"]}.__getitem__)
        stage = None if lab == BASELINE else catalogue.lab(lab).stage(stage_name)
        desired = desired_state(baseline=catalogue.baseline(), lab=lab, stage=stage, namespace=namespace)
        named = f" -e lab={lab} -e stage={stage_name}" if stage else ""
        said += troubles(
            view.pairs(desired.documents),
            state=f"stage {stage_name} of lab {lab}" if stage else BASELINE,
            remedy=f"run mesh.workshop.lab{named}" if stage else "run mesh.workshop.reset",
        )
    return said


def gather(client: Client, params: Json) -> dict[str, t.Any]:
    """Read the live objects and put the status together."""
    view, namespace, bookinfo = View(client), params["namespace"], checked(params["bookinfo"], "bookinfo")
    istio = params["gateway_namespace"]
    istiods = view.list("apps/v1", "Deployment", None, istio, selector="app=istiod")
    gateways = view.list("apps/v1", "Deployment", None, istio, selector="istio=ingressgateway")
    applied = applied_stage(client.get("v1", "ConfigMap", MARKER_NAME, namespace))
    return summary(
        kubernetes=client.server_version()["gitVersion"],
        nodes=view.nodes(),
        control_plane=None if istiods is None or gateways is None else [*istiods, *gateways],
        istio_version=version_of(istiods[0]) if istiods else "",
        workloads=view.list("apps/v1", "Deployment", namespace),
        namespace=namespace,
        gateway=view.gateway(params["gateway_host"]),
        host=params["gateway_host"],
        applied=applied,
        drift=drift_of(view, params, bookinfo, applied),
        unseen=list(dict.fromkeys(view.unseen)),
    )


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "namespace": {"type": "str", "default": "bookinfo"},
        "gateway_host": {"type": "str", "default": "mybookstore.com"},
        "catalogue": {"type": "path"},
        "gateway_namespace": {"type": "str", "default": "istio-system"},
        "definition": {"type": "dict", "default": {}},
        "baseline": {"type": "dict", "default": {}},
        "bookinfo": {"type": "list", "elements": "dict", "default": []},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    try:
        labs = lab_names(module.params["catalogue"]) if module.params["catalogue"] else []
        client = connect(module.params)
    except (ApiError, LabError) as error:
        module.fail_json(msg=str(error))
    try:
        status = gather(client, module.params)
    except (DocumentError, LabError) as error:
        module.fail_json(msg=str(error))
    except ApiError as error:
        module.fail_json(msg=with_all_missing(error, client, module.params["namespace"], READING))
    module.exit_json(changed=False, status=status, labs=labs, page=page(status, labs))


if __name__ == "__main__":
    main()
