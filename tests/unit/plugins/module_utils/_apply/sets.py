# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents for sets, and applying them in a few words."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._apply import ApplyOptions, Report, apply_set
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client

Json = dict[str, t.Any]
NETWORK = "networking.istio.io/v1"


def config_map(name: str, **data: str) -> Json:
    meta = {"name": name, "namespace": "bookinfo"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def virtual_service(name: str, *hosts: str) -> Json:
    meta = {"name": name, "namespace": "bookinfo"}
    return {"apiVersion": NETWORK, "kind": "VirtualService", "metadata": meta, "spec": {"hosts": list(hosts or [name])}}


def rule(name: str) -> Json:
    meta = {"name": name, "namespace": "bookinfo"}
    return {"apiVersion": NETWORK, "kind": "DestinationRule", "metadata": meta, "spec": {"host": name}}


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def run(client: Client, docs: list[Json], **options: t.Any) -> Report:
    options.setdefault("wait_timeout", 5.0)
    return apply_set(client, docs, ApplyOptions(**options))


def actions(report: Report) -> dict[str, str]:
    return {result["name"]: result["action"] for result in report.results}
