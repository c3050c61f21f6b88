# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role metrics deploys: the templates rendered as Ansible renders them."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.reset import SERVICE_KINDS
from ansible_collections.mesh.workshop.tests.unit.role_vars import task, variable

ROLES = Path(__file__).resolve().parents[4] / "roles"
ROLE = ROLES / "metrics"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
HOME = "mesh-workshop-metrics"
Json = dict[str, t.Any]


def text_of(template: str, **variables: t.Any) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    # Ansible's own default() knows only Ansible's own kind of what is not defined.
    environment.filters.update({**FilterModule().filters(), "default": environment.filters["default"]})
    given = {**DEFAULTS, "metrics_embedded": {}, "metrics_embeds": True, "metrics_targets": "", **variables}
    return environment.from_string((ROLE / "templates" / template).read_text()).render(given)


def render(**variables: t.Any) -> dict[str, Json]:
    text = text_of("metrics.yml.j2", metrics_configuration=text_of("prometheus.yml.j2", **variables), **variables)
    return {f"{one['kind']} {one['metadata']['name']}": one for one in yaml.safe_load_all(text)}


def configuration(**variables: t.Any) -> Json:
    text = render(**variables)["ConfigMap prometheus"]["data"]["prometheus.yml"]
    (job,) = yaml.safe_load(text)["scrape_configs"]
    return dict(job)


def containers(documents: dict[str, Json]) -> dict[str, Json]:
    return {one["name"]: one for one in documents["Deployment prometheus"]["spec"]["template"]["spec"]["containers"]}


def relabelled(rules: list[Json], labels: dict[str, str]) -> dict[str, str] | None:
    """What Prometheus' rules make of labels; None where they drop what has them.

    https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
    """
    labels = dict(labels)
    for rule in rules:
        action, pattern = rule.get("action", "replace"), re.compile(rule.get("regex", "(.*)"))
        if action == "labeldrop":
            labels = {name: value for name, value in labels.items() if not pattern.fullmatch(name)}
            continue
        found = pattern.fullmatch(";".join(labels.get(name, "") for name in rule["source_labels"]))
        if action in ("keep", "drop"):
            if (found is None) is (action == "keep"):
                return None
        elif found:
            # Without a group there is nothing to put in.
            value = found.expand(rule.get("replacement", "$1").replace("$", "\\"))
            labels[rule["target_label"]] = value
            if not value:
                del labels[rule["target_label"]]
    return labels


POD = {
    "__meta_kubernetes_namespace": "bookinfo",
    "__meta_kubernetes_pod_name": "reviews-v2-6d99fdcd8c-44d9v",
    "__meta_kubernetes_pod_ip": "10.0.0.7",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_controller_kind": "ReplicaSet",
    "__meta_kubernetes_pod_controller_name": "reviews-v2-6d99fdcd8c",
    "__meta_kubernetes_pod_label_app": "reviews",
    "__meta_kubernetes_pod_label_version": "v2",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_annotation_prometheus_io_port": "15020",
    "__meta_kubernetes_pod_annotation_prometheus_io_path": "/stats/prometheus",
}
SEEN = {
    "__name__": "envoy_istio_requests_total",
    "raw": "envoy",
    "raw_services": '[{"host":"ratings.bookinfo.svc.cluster.local","name":"ratings","namespace":"bookinfo"}]',
    "response_code": "200",
}


def of_pod(**labels: str) -> dict[str, str]:
    """The labels of a series that this pod's proxy writes, as they are kept."""
    job = configuration()
    target = relabelled(job["relabel_configs"], POD)
    assert target
    own = {name: value for name, value in target.items() if not name.startswith("__")}
    kept = relabelled(job["metric_relabel_configs"], {**own, **SEEN, **labels})
    assert kept
    return kept


def test_every_variable_is_documented_with_its_default() -> None:
    assert set(SPECS) == set(DEFAULTS)
    for name, spec in SPECS.items():
        if "{{" not in str(DEFAULTS[name]):
            assert spec.get("default", DEFAULTS[name]) == DEFAULTS[name], name


@pytest.mark.parametrize(
    ("pod", "address"),
    [
        ({}, "10.0.0.7:15020"),
        ({"__meta_kubernetes_pod_ip": "fd00::7"}, "[fd00::7]:15020"),
        ({"__meta_kubernetes_pod_annotation_prometheus_io_scrape": "false"}, None),
        ({"__meta_kubernetes_pod_phase": "Succeeded"}, None),
    ],
)
@pytest.mark.parametrize("embeds", [True, False])
def test_pods_are_read_as_their_annotations_say(embeds: bool, pod: dict[str, str], address: str | None) -> None:
    target = relabelled(configuration(metrics_embeds=embeds)["relabel_configs"], {**POD, **pod})
    assert (target and target["__address__"]) == address
    if target:
        assert (target["__metrics_path__"], target["namespace"], target["pod"]) == (
            "/stats/prometheus",
            "bookinfo",
            "reviews-v2-6d99fdcd8c-44d9v",
        )


def test_a_caller_s_proxy_names_both_sides() -> None:
    kept = of_pod(reporter="source", raw_workload="ratings-v1;bookinfo;ratings;v1;Kubernetes")
    expected = {
        "__name__": "istio_requests_total",
        "source_workload": "reviews-v2",
        "source_workload_namespace": "bookinfo",
        "source_app": "reviews",
        "source_version": "v2",
        "source_canonical_service": "reviews",
        "source_canonical_revision": "v2",
        "source_principal": "unknown",
        "destination_service": "ratings.bookinfo.svc.cluster.local",
        "destination_service_name": "ratings",
        "destination_service_namespace": "bookinfo",
        "destination_workload": "ratings-v1",
        "destination_workload_namespace": "bookinfo",
        "destination_app": "ratings",
        "destination_version": "v1",
        "destination_canonical_service": "ratings",
        "destination_canonical_revision": "v1",
        "connection_security_policy": "unknown",
    }
    assert {name: kept.get(name) for name in expected} == expected
    assert not [name for name in kept if name.startswith(("raw", "own_"))]


def test_a_call_that_nobody_answered_has_no_workload() -> None:
    kept = of_pod(reporter="source", response_code="500", response_flags="FI")
    assert kept["destination_service_name"] == "ratings"
    assert {kept["destination_workload"], kept["destination_version"], kept["destination_app"]} == {"unknown"}


@pytest.mark.parametrize(
    ("principal", "policy", "home", "shown"),
    [
        ("spiffe://cluster.local/ns/shop/sa/cart", "mutual_tls", "shop", "spiffe://cluster.local/ns/shop/sa/cart"),
        ("", "none", "unknown", "unknown"),
    ],
)
def test_a_callee_s_proxy_knows_the_caller_s_certificate(principal: str, policy: str, home: str, shown: str) -> None:
    kept = of_pod(reporter="destination", source_principal=principal)
    assert (kept["connection_security_policy"], kept["source_workload_namespace"]) == (policy, home)
    assert (kept["source_principal"], kept["source_workload"]) == (shown, "unknown")
    assert (kept["destination_workload"], kept["destination_version"]) == ("reviews-v2", "v2")


def test_series_of_istio_s_own_proxies_stay_as_they_are() -> None:
    rules = configuration()["metric_relabel_configs"]
    labels = {"__name__": "istio_requests_total", "reporter": "source", "source_workload": "a", "pod": "b"}
    assert relabelled(rules, labels) == labels
    assert relabelled(configuration(metrics_embeds=False)["metric_relabel_configs"], labels) == labels
    assert relabelled(rules, {"__name__": "istio_agent_go_goroutines"}) is None
    assert relabelled(rules, {"__name__": "envoy_server_live"})


def test_proxies_count_requests_on_the_embedded_cluster_only() -> None:
    assert f"EnvoyFilter {HOME}" not in render(metrics_embeds=False)
    reporters = {"GATEWAY": "source", "SIDECAR_OUTBOUND": "source", "SIDECAR_INBOUND": "destination"}
    names = {
        "http_connection_manager": ["requests_total", "request_duration_milliseconds"],
        "tcp_proxy": ["tcp_sent_bytes_total", "tcp_received_bytes_total", "tcp_connections_closed_total"],
    }
    for kind, wanted in names.items():
        found = stats_of(kind)
        assert list(found) == list(reporters)
        for context, stats in found.items():
            assert stats["stat_prefix"] == "istio", "the proxies' filter of statistics lets it pass"
            kept = [*stats["counters"], *stats.get("histograms", [])]
            assert [one["stat"]["name"] for one in kept] == wanted
            for one in kept:
                tags = {tag["name"]: tag["value_format"] for tag in one["stat"]["tags"]}
                assert tags["reporter"] == reporters[context]
                assert tags["request_protocol"] == ("tcp" if kind == "tcp_proxy" else "http")
                assert ("response_code" in tags) is (kind != "tcp_proxy")


def stats_of(kind: str) -> dict[str, Json]:
    """What a kind of filter is to count, by the context of its listener."""
    found = {}
    for patch in render()[f"EnvoyFilter {HOME}"]["spec"]["configPatches"]:
        assert patch["match"]["listener"]["filterChain"]["filter"]["name"].startswith("envoy.filters.network.")
        if patch["match"]["listener"]["filterChain"]["filter"]["name"].endswith(kind):
            config = patch["patch"]["value"]["typed_config"]
            assert f".{kind}.v3." in config["@type"]
            (log,) = config["access_log"]
            found[patch["match"]["context"]] = log["typed_config"]
    return found


def test_a_filter_may_give_the_counter_a_label() -> None:
    for stats in stats_of("http_connection_manager").values():
        tags = {one["name"]: one["value_format"] for one in stats["counters"][0]["stat"]["tags"]}
        assert tags["raw_request_method"] == "%FILTER_STATE(mesh.workshop.request_method:PLAIN)%"
    assert of_pod(reporter="source", raw_request_method="GET")["request_method"] == "GET"
    assert "request_method" not in of_pod(reporter="source", raw_request_method="-"), "no filter has"


def test_what_finds_the_pods_is_prometheus_itself_where_it_can() -> None:
    assert "kubernetes_sd_configs" in configuration(metrics_embeds=False)
    assert list(containers(render(metrics_embeds=False))) == ["prometheus"]
    job = configuration()
    (target,) = job["file_sd_configs"][0]["files"]
    assert containers(render())["targets"]["command"][-2] == target


@pytest.mark.parametrize(
    ("variables", "image"),
    [
        ({}, "docker.io/prom/prometheus:"),
        ({"metrics_embedded": {"prometheus": {"ref": "mesh-workshop.local/prometheus:1"}}}, "mesh-workshop.local/"),
        ({"metrics_image": "registry.example/prometheus:3"}, "registry.example/prometheus:3"),
    ],
)
def test_images(variables: Json, image: str) -> None:
    for one in containers(render(**variables)).values():
        assert one["image"].startswith(image)


def test_memory_disk_and_time_are_bounded() -> None:
    found = containers(render(metrics_retention="30m"))["prometheus"]
    assert found["resources"]["limits"]["memory"] == "768Mi"
    assert "--storage.tsdb.retention.time=30m" in found["args"]
    assert "--storage.tsdb.retention.size=512MB" in found["args"]


def test_the_pod_passes_the_restricted_profile() -> None:
    for found in containers(render()).values():
        assert found["securityContext"]["allowPrivilegeEscalation"] is False
        assert found["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("interval", "timeout"), [(2, 2), ("3", 3), ("30", 10)])
def test_a_reading_takes_no_longer_than_the_time_between_two(interval: int | str, timeout: int) -> None:
    """What is given on the command line is text."""
    rendered = render(metrics_interval=interval)
    stated = yaml.safe_load(rendered["ConfigMap prometheus"]["data"]["prometheus.yml"])["global"]
    assert stated == {"scrape_interval": f"{interval}s", "scrape_timeout": f"{timeout}s"}
    assert containers(rendered)["targets"]["command"][-1] == str(interval)


def test_another_configuration_or_program_is_another_pod() -> None:
    def mark(**variables: t.Any) -> t.Any:
        return render(**variables)["Deployment prometheus"]["spec"]["template"]["metadata"]["annotations"]

    assert mark() == mark() != mark(metrics_interval=9)
    assert mark() != mark(metrics_targets="print()")


def test_a_reset_knows_what_is_installed_in_its_namespace_and_looks_for_nothing_else() -> None:
    """What it looks for and never finds would count as taken away, so each reset would install Prometheus anew."""
    services = yaml.safe_load((ROLES / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    (service,) = [one for one in services if one["role"] == "metrics"]
    kinds = {kind for _version, kind in SERVICE_KINDS}
    installed = [one for one in render().values() if one["metadata"].get("namespace") == HOME and one["kind"] in kinds]
    assert service["namespace"] == HOME
    assert sorted(f"{one['kind']}/{one['metadata']['name']}" for one in installed) == sorted(service["objects"])


@pytest.mark.parametrize(
    ("state", "there", "installs", "fails"),
    [
        ("auto", "", True, False),
        ("auto", HOME, True, False),
        ("auto", "monitoring", False, False),
        ("present", "monitoring", True, False),
        ("existing", "monitoring", False, False),
        ("existing", "", False, True),
        ("absent", "", False, False),
    ],
)
def test_a_prometheus_of_somebody_else_s_is_left_alone(state: str, there: str, installs: bool, fails: bool) -> None:
    given: Json = {"metrics_state": state, "metrics_found": {"prometheus": {"namespace": there}}}
    assert task("metrics", "Fail without a Prometheus where none may be installed", **given)["runs"] is fails
    assert bool(variable("metrics", "metrics_installs", **given)) is installs
