# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kiali and Grafana as a workshop installs them, from documents of the shape that Istio's samples have."""

from __future__ import annotations

import copy
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.plugin_utils._addons import CHANGES, AddonError, adapted

PROMETHEUS = "http://prometheus.monitoring:9090"
Json = dict[str, t.Any]


def document(kind: str, name: str, **rest: t.Any) -> Json:
    home = {} if kind.startswith("ClusterRole") else {"namespace": "istio-system"}
    return {"kind": kind, "metadata": {"name": name, **home}, **rest}


def rule(resources: list[str], *verbs: str) -> Json:
    return {"apiGroups": [""], "resources": resources, "verbs": list(verbs)}


def deployment(name: str, annotations: Json, **container: t.Any) -> Json:
    spec = {"automountServiceAccountToken": True, "containers": [{"name": name, **container}]}
    return document("Deployment", name, spec={"template": {"metadata": {"annotations": annotations}, "spec": spec}})


CONFIG = {
    "deployment": {"namespace": "istio-system", "view_only_mode": False, "replicas": 1},
    "external_services": {"istio": {"root_namespace": "istio-system"}, "prometheus": {"enabled": True}},
    "kiali_feature_flags": {"disabled_features": []},
}
SOURCES = {
    "datasources": [
        {"name": "Prometheus", "type": "prometheus", "url": "http://prometheus:9090", "editable": True},
        {"name": "Loki", "type": "loki", "url": "http://loki:3100", "editable": True},
    ]
}
ENVIRONMENT = [
    {"name": "GF_PATHS_DATA", "value": "/var/lib/grafana/"},
    {"name": "GF_AUTH_ANONYMOUS_ORG_ROLE", "value": "Admin"},
    {"name": "GF_SECURITY_ADMIN_PASSWORD", "value": "admin"},
]
SAMPLES: list[Json | None] = [
    document("ServiceAccount", "kiali"),
    document("ConfigMap", "kiali", data={"config.yaml": yaml.safe_dump(CONFIG)}),
    document(
        "ClusterRole",
        "kiali",
        rules=[
            rule(["configmaps", "pods/log"], "get", "list", "watch"),
            rule(["services"], "get", "list", "watch", "patch"),
            rule(["*"], "get", "create", "delete", "patch"),
            rule(["pods/portforward"], "create", "post"),
        ],
    ),
    document(
        "ClusterRoleBinding",
        "kiali",
        roleRef={"kind": "ClusterRole", "name": "kiali"},
        subjects=[{"kind": "ServiceAccount", "name": "kiali", "namespace": "istio-system"}],
    ),
    deployment(
        "kiali",
        {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "kiali.io/dashboards": "go"},
        startupProbe={"httpGet": {"path": "/kiali/healthz"}, "initialDelaySeconds": 30},
        readinessProbe={"httpGet": {"path": "/kiali/healthz"}, "periodSeconds": 30},
    ),
    None,
    document("ConfigMap", "grafana", data={"datasources.yaml": yaml.safe_dump(SOURCES)}),
    document("ConfigMap", "istio-grafana-dashboards", data={"mesh.json": '{"legend": "{{source}}"}'}),
    deployment("grafana", {}, env=ENVIRONMENT, readinessProbe={"httpGet": {"path": "/api/health"}}),
]


def made(samples: list[Json | None] | None = None, prometheus: str = PROMETHEUS) -> dict[str, Json]:
    found = adapted(SAMPLES if samples is None else samples, home="home", prometheus=prometheus)
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def pod(name: str) -> Json:
    return dict(made()[f"Deployment {name}"]["spec"]["template"])


def test_all_of_it_is_in_the_namespace_or_has_its_name() -> None:
    found = made()
    assert set(found) == {
        *("ServiceAccount kiali", "ConfigMap kiali", "ClusterRole home", "ClusterRoleBinding home"),
        *("Deployment kiali", "ConfigMap grafana", "ConfigMap istio-grafana-dashboards", "Deployment grafana"),
    }
    places = {one["metadata"].get("namespace") for name, one in found.items() if not name.startswith("ClusterRole")}
    assert places == {"home"}
    binding = found["ClusterRoleBinding home"]
    assert (binding["roleRef"]["name"], binding["subjects"][0]["namespace"]) == ("home", "home")


def test_what_was_given_stays_as_it_is() -> None:
    before = copy.deepcopy(SAMPLES)
    made()
    assert before == SAMPLES


def test_kiali_may_only_look() -> None:
    rules = made()["ClusterRole home"]["rules"]
    assert [(one["resources"], one["verbs"]) for one in rules] == [
        (["configmaps"], ["get", "list", "watch"]),
        (["services"], ["get", "list", "watch"]),
        (["*"], ["get"]),
        (["pods/portforward"], ["create", "post"]),
    ]
    said = yaml.safe_load(made()["ConfigMap kiali"]["data"]["config.yaml"])
    assert said["deployment"] == {"namespace": "home", "view_only_mode": True, "replicas": 1}
    assert said["kiali_feature_flags"]["disabled_features"] == ["logs-tab"]


def test_both_ask_the_prometheus_that_is_given() -> None:
    said = yaml.safe_load(made()["ConfigMap kiali"]["data"]["config.yaml"])["external_services"]
    assert said == {"istio": {"root_namespace": "istio-system"}, "prometheus": {"enabled": True, "url": PROMETHEUS}}
    (source,) = yaml.safe_load(made()["ConfigMap grafana"]["data"]["datasources.yaml"])["datasources"]
    assert (source["name"], source["url"], source["editable"]) == ("Prometheus", PROMETHEUS, False)


def test_grafana_knows_no_administrator() -> None:
    spec = pod("grafana")["spec"]
    environment = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert environment["GF_PATHS_DATA"] == "/var/lib/grafana/"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert len(environment) == len(spec["containers"][0]["env"]), "each is said once"
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("name", "path"), [("kiali", "/kiali/healthz"), ("grafana", "/api/health")])
def test_nobody_waits_long_for_what_is_ready(name: str, path: str) -> None:
    probe = pod(name)["spec"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"] == {"path": path}
    assert probe["initialDelaySeconds"] + probe["periodSeconds"] <= 5


def test_kiali_has_time_to_start_and_is_not_read() -> None:
    template = pod("kiali")
    probe = template["spec"]["containers"][0]["startupProbe"]
    assert probe["httpGet"] == {"path": "/kiali/healthz"}
    assert probe["initialDelaySeconds"] == 1
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300, "a slow start is no reason to restart"
    assert set(template["metadata"]["annotations"]) == {"kiali.io/dashboards", "mesh.workshop/configuration"}


def test_another_configuration_is_another_pod() -> None:
    def marks(prometheus: str) -> list[str]:
        found = made(prometheus=prometheus)
        return [
            found[f"Deployment {name}"]["spec"]["template"]["metadata"]["annotations"]["mesh.workshop/configuration"]
            for name in ("kiali", "grafana")
        ]

    assert marks(PROMETHEUS) == marks(PROMETHEUS)
    assert not set(marks(PROMETHEUS)) & set(marks("http://elsewhere:9090"))


@pytest.mark.parametrize(("kind", "name"), CHANGES)
def test_samples_that_lack_what_is_changed_are_refused(kind: str, name: str) -> None:
    rest = [one for one in SAMPLES if one and (one["kind"], one["metadata"]["name"]) != (kind, name)]
    with pytest.raises(AddonError, match=f"have no {kind} {name} any more"):
        made([*rest])
