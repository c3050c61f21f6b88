# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two dumps of proxies that do the same are equal; what a lab may leave is a difference."""

from __future__ import annotations

import copy
import typing as t

import pytest
from oracle.proxies import resources
from oracle.snapshots import differences

Json = dict[str, t.Any]
TYPE = "type.googleapis.com/envoy.admin.v3."
NAMES = {"10.244.0.7": "reviews-v1", "reviews-v1-6b-x": "reviews-v1", "10.96.0.9": "reviews.bookinfo"}
AGAIN = {"10.244.0.71": "reviews-v1", "reviews-v1-6b-z": "reviews-v1", "10.96.0.91": "reviews.bookinfo"}
CLUSTER = "outbound|9080||reviews.bookinfo.svc.cluster.local"


def dump() -> Json:
    """The shape of a dump of Envoy 1.3x, with one or two resources of each kind."""
    at = {"version_info": "2026-11-22T20:00:00Z/7", "last_updated": "2026-11-22T20:00:01Z"}
    chains = [
        {"name": "0.0.0.0_9080", "filters": [{"name": "a"}, {"name": "b"}]},
        {"name": "virtualInbound-catchall-http", "filters": []},
    ]
    hosts = [
        {"name": "allow_any", "domains": ["*"]},
        {"name": "reviews", "domains": ["reviews", "10.96.0.9:9080"], "routes": [{"name": "one"}, {"name": "two"}]},
    ]
    addresses = [{"endpoint": {"address": f"10.244.0.{number}"}} for number in (7, 8)]
    return {
        "configs": [
            {
                "@type": f"{TYPE}BootstrapConfigDump",
                "bootstrap": {"node": {"id": "sidecar~10.244.0.7~reviews-v1-6b-x"}},
            },
            {
                "@type": f"{TYPE}ClustersConfigDump",
                "version_info": "x",
                "static_clusters": [{"cluster": {"name": "agent"}, "last_updated": "2026"}],
                "dynamic_active_clusters": [{**at, "cluster": {"name": CLUSTER, "type": "EDS"}}],
            },
            {
                "@type": f"{TYPE}ListenersConfigDump",
                "dynamic_listeners": [
                    {"name": "virtualInbound", "active_state": {**at, "listener": {"filter_chains": chains}}},
                    {"name": "10.96.0.9_9080", "active_state": {**at, "listener": {"address": "10.96.0.9"}}},
                ],
            },
            {
                "@type": f"{TYPE}RoutesConfigDump",
                "static_route_configs": [
                    {"route_config": {"name": "inbound", "virtual_hosts": []}, "last_updated": "2026"},
                    {"route_config": {"name": "inbound", "virtual_hosts": [{"name": "x"}]}, "last_updated": "2026"},
                ],
                "dynamic_route_configs": [{**at, "route_config": {"name": "9080", "virtual_hosts": hosts}}],
            },
            {
                "@type": f"{TYPE}EndpointsConfigDump",
                "dynamic_endpoint_configs": [
                    {"endpoint_config": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": addresses}]}}
                ],
            },
            {
                "@type": f"{TYPE}SecretsConfigDump",
                "dynamic_active_secrets": [{**at, "name": "default", "secret": {"tls_certificate": "bytes"}}],
            },
        ]
    }


def another_pod() -> Json:
    """The same after the pod and the Service were replaced, later, in another order."""
    found = copy.deepcopy(dump())
    _bootstrap, clusters, listeners, routes, endpoints, secrets = found["configs"]
    clusters["dynamic_active_clusters"][0].update(version_info="later", last_updated="later")
    (inbound, outbound) = listeners["dynamic_listeners"]
    inbound["active_state"].update(version_info="later", last_updated="later")
    inbound["active_state"]["listener"]["filter_chains"].reverse()
    outbound.update(name="10.96.0.91_9080")
    outbound["active_state"]["listener"]["address"] = "10.96.0.91"
    hosts = routes["dynamic_route_configs"][0]["route_config"]["virtual_hosts"]
    hosts[1]["domains"] = ["10.96.0.91:9080", "reviews"]
    hosts.reverse()
    routes["static_route_configs"].reverse()
    endpoints["dynamic_endpoint_configs"][0]["endpoint_config"]["endpoints"] = [
        {"lb_endpoints": [{"endpoint": {"address": f"10.244.0.{number}"}} for number in (8, 71)]}
    ]
    secrets["dynamic_active_secrets"][0]["secret"] = {"tls_certificate": "other bytes"}
    return found


def change(path: list[t.Any], value: t.Any) -> Json:
    """A dump with one thing put somewhere."""
    changed = place = dump()
    for key in path[:-1]:
        place = place[key]
    if path[-1] == "+":
        t.cast(list[t.Any], place).append(value)
    else:
        place[path[-1]] = value
    return changed


def test_another_pod_that_does_the_same_is_no_difference() -> None:
    assert differences(resources(dump(), NAMES), resources(another_pod(), AGAIN)) == []


def test_every_kind_is_compared() -> None:
    assert sorted(resources(dump(), NAMES)) == [
        "cluster agent",
        f"cluster {CLUSTER}",
        f"endpoint {CLUSTER}",
        "listener reviews.bookinfo_9080",
        "listener virtualInbound",
        "route 9080",
        "route inbound",
        "secret default",
    ]


FILTERS = ["configs", 2, "dynamic_listeners", 0, "active_state", "listener", "filter_chains", 0, "filters"]
ROUTES = ["configs", 3, "dynamic_route_configs", 0, "route_config", "virtual_hosts", 1, "routes"]
ENDPOINTS = ["configs", 4, "dynamic_endpoint_configs", 0, "endpoint_config", "endpoints", 0, "lb_endpoints"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["configs", 1, "dynamic_active_clusters", "+"], {"cluster": {"name": "x"}}, "cluster x is left over"),
        (["configs", 1, "dynamic_warming_clusters"], [{"cluster": {"name": "x"}}], "warming cluster x is left over"),
        (["configs", 1, "static_clusters"], [], "cluster agent is missing"),
        (
            ["configs", 1, "dynamic_active_clusters", 0, "cluster", "circuit_breakers"],
            {"thresholds": []},
            f"cluster {CLUSTER} differs at [0].circuit_breakers: {{'thresholds': []}} instead of None",
        ),
        ([*FILTERS, "+"], {"name": "c"}, "listener virtualInbound differs at [0].filter_chains[0].filters: 3 entries "),
        (FILTERS, [{"name": "b"}, {"name": "a"}], "listener virtualInbound differs at [0].filter_chains[0].filters[0]"),
        (
            ["configs", 2, "dynamic_listeners", 0, "draining_state"],
            {"listener": {}},
            "draining listener virtualInbound is left over",
        ),
        (
            ["configs", 2, "dynamic_listeners", 0, "error_state"],
            {"details": "no such filter", "last_update_attempt": "2026"},
            "rejected listener virtualInbound is left over",
        ),
        (ROUTES, [{"name": "two"}, {"name": "one"}], "route 9080 differs at [0].virtual_hosts[1].routes[0].name"),
        ([*ENDPOINTS, "+"], {"endpoint": {"address": "10.244.0.9"}}, f"endpoint {CLUSTER} differs"),
        ([*ENDPOINTS, 0, "health_status"], "DRAINING", f"endpoint {CLUSTER} differs"),
        (
            ["configs", 5, "dynamic_active_secrets", "+"],
            {"name": "kubernetes://x"},
            "secret kubernetes://x is left over",
        ),
        (["configs", 5, "dynamic_active_secrets"], [], "secret default is missing"),
    ],
)
def test_what_a_lab_may_leave_is_a_difference(path: list[t.Any], value: t.Any, message: str) -> None:
    (line,) = differences(resources(dump(), NAMES), resources(change(path, value), NAMES))
    assert line.startswith(message)


def test_what_was_resolved_for_a_cluster_is_no_configuration() -> None:
    resolved = {"endpoint_config": {"cluster_name": "inbound|9080||", "endpoints": []}}
    changed = change(["configs", 4, "dynamic_endpoint_configs", "+"], resolved)
    assert resources(changed, NAMES) == resources(dump(), NAMES)


def test_an_address_that_another_one_begins_with_is_not_renamed() -> None:
    found = resources(change([*ENDPOINTS, 1, "endpoint", "address"], "10.244.0.77"), NAMES)
    assert "10.244.0.77" in str(found)
    assert "'reviews-v1'" in str(found)
