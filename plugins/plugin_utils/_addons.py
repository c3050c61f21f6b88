# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kiali and Grafana as Istio's samples install them, made fit for a workshop. Pure functions.

Istio renders the samples from the charts of both projects, for a demonstration: everybody is an administrator.
Here they live in a namespace of their own, show the mesh by the Prometheus that is given, and only look.
"""

from __future__ import annotations

import copy
import hashlib
import json
import typing as t

import yaml

Json = dict[str, t.Any]

LOOKS = ("get", "list", "watch")
GRAFANA = {
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_AUTH_BASIC_ENABLED": "false",
    "GF_AUTH_DISABLE_LOGIN_FORM": "true",
    # So there is no password that the samples would make public.
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
}
"""Settings of Grafana by environment: https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/"""
STARTING = {"initialDelaySeconds": 1, "periodSeconds": 2, "failureThreshold": 150}
"""Kiali's chart first asks after 30 s and gives up after 90 s, which a busy cluster needs."""

ANSWERING = {"initialDelaySeconds": 1, "periodSeconds": 3}
"""Kiali's chart asks every 30 s whether it is ready, Grafana's every 10 s, and whoever installs them waits for that."""


class AddonError(Exception):
    """Istio's samples are not what they were; the message is one sentence."""


def adapted(documents: t.Iterable[Json | None], *, home: str, prometheus: str) -> list[Json]:
    """The samples' documents for namespace ``home``, asking the Prometheus at that URL.

    Raises AddonError where one of those that have to be changed is missing.
    """
    found = {(one["kind"], one["metadata"]["name"]): copy.deepcopy(one) for one in documents if one}
    for kind, name in CHANGES:
        if (kind, name) not in found:
            raise AddonError(f"Istio's samples have no {kind} {name} any more, so it cannot be kept from writing.")
    for key, change in CHANGES.items():
        change(found[key], home, prometheus)
    for (kind, _name), one in found.items():
        if not kind.startswith("ClusterRole"):
            one["metadata"]["namespace"] = home
    read = json.dumps([one["data"] for (kind, _name), one in found.items() if kind == "ConfigMap"], sort_keys=True)
    for (kind, _name), one in found.items():
        if kind == "Deployment":
            annotations = one["spec"]["template"]["metadata"]["annotations"]
            # Both read their configuration once, so another configuration is another pod.
            annotations["mesh.workshop/configuration"] = hashlib.sha256(read.encode()).hexdigest()[:16]
    return list(found.values())


def _look_only(role: Json, home: str, _prometheus: str) -> None:
    """What the chart gives Kiali in its view-only mode without logs (kiali-server, clusterrole-viewer.yaml)."""
    role["metadata"]["name"] = home
    for rule in role["rules"]:
        rule["resources"] = [one for one in rule["resources"] if one != "pods/log"]
        # Without any of these verbs it is a right that looking takes, such as a port to istiod.
        rule["verbs"] = [one for one in rule["verbs"] if one in LOOKS] or rule["verbs"]


def _bind(binding: Json, home: str, _prometheus: str) -> None:
    binding["metadata"]["name"] = home
    binding["roleRef"]["name"] = home
    for subject in binding["subjects"]:
        subject["namespace"] = home


def _console(config: Json, home: str, prometheus: str) -> None:
    """https://kiali.io/docs/configuration/kialis.kiali.io/"""
    said = yaml.safe_load(config["data"]["config.yaml"])
    said["deployment"] |= {"namespace": home, "view_only_mode": True}
    said["external_services"]["prometheus"]["url"] = prometheus
    said["kiali_feature_flags"]["disabled_features"] = ["logs-tab"]
    config["data"]["config.yaml"] = yaml.safe_dump(said)


def _source(config: Json, _home: str, prometheus: str) -> None:
    said = yaml.safe_load(config["data"]["datasources.yaml"])
    said["datasources"] = [
        {**one, "url": prometheus, "editable": False} for one in said["datasources"] if one["type"] == "prometheus"
    ]
    config["data"]["datasources.yaml"] = yaml.safe_dump(said)


def _kiali(deployment: Json, _home: str, _prometheus: str) -> None:
    template = deployment["spec"]["template"]
    # Its own metrics are nobody's subject here.
    template["metadata"]["annotations"] = {
        name: value
        for name, value in template["metadata"]["annotations"].items()
        if not name.startswith("prometheus.io/")
    }
    for container in template["spec"]["containers"]:
        container["startupProbe"] |= STARTING
        container["readinessProbe"] |= ANSWERING


def _grafana(deployment: Json, _home: str, _prometheus: str) -> None:
    spec = deployment["spec"]["template"]["spec"]
    spec["automountServiceAccountToken"] = False
    for container in spec["containers"]:
        container["readinessProbe"] |= ANSWERING
        kept = [
            one
            for one in container["env"]
            if one["name"] not in GRAFANA and not one["name"].startswith("GF_SECURITY_ADMIN_")
        ]
        container["env"] = kept + [{"name": name, "value": value} for name, value in GRAFANA.items()]


CHANGES: dict[tuple[str, str], t.Callable[[Json, str, str], None]] = {
    ("ClusterRole", "kiali"): _look_only,
    ("ClusterRoleBinding", "kiali"): _bind,
    ("ConfigMap", "kiali"): _console,
    ("ConfigMap", "grafana"): _source,
    ("Deployment", "kiali"): _kiali,
    ("Deployment", "grafana"): _grafana,
}
"""What is changed besides the namespace, by kind and name in the samples."""
