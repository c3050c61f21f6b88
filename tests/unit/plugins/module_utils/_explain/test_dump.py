# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import (
    http_filters,
    manager_of,
    parse,
    tcp_cluster,
)
from hypothesis import given
from hypothesis import strategies as st

TYPE = "type.googleapis.com/envoy.admin.v3."
ENDPOINTS = {"cluster_name": "outbound|9080||reviews", "endpoints": [{"lb_endpoints": [{"a": 1}]}]}
DUMP = {
    "configs": [
        {
            "@type": f"{TYPE}ListenersConfigDump",
            "dynamic_listeners": [
                {"name": "a", "active_state": {"listener": {"name": "a"}}},
                {"error_state": {"details": "no such\n filter"}},
            ],
        },
        {"@type": f"{TYPE}RoutesConfigDump", "dynamic_route_configs": [{"route_config": {"name": "9080"}}]},
        {
            "@type": f"{TYPE}ClustersConfigDump",
            "static_clusters": [{"cluster": {"name": "agent"}}],
            "dynamic_active_clusters": [{"cluster": {"name": "outbound|9080||reviews"}}],
        },
        {
            "@type": f"{TYPE}EndpointsConfigDump",
            "dynamic_endpoint_configs": [
                {
                    "endpoint_config": {
                        "cluster_name": "outbound|9080||reviews",
                        "endpoints": [{"lb_endpoints": [{"a": 1}]}],
                    }
                }
            ],
        },
        {"@type": f"{TYPE}SomethingNewConfigDump"},
    ]
}


def test_the_parts_that_a_request_meets() -> None:
    config = parse(DUMP, "pod", "bookinfo")
    assert config.listener("a") == {"name": "a"}
    assert config.listener("b") is None
    assert set(config.routes) == {"9080"}
    assert set(config.clusters) == {"agent", "outbound|9080||reviews"}
    assert config.endpoints["outbound|9080||reviews"] == ({"a": 1},)
    assert config.rejected == ("no such filter",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(answer=JSON | st.builds(lambda value: {"configs": value}, JSON))
def test_no_answer_of_a_proxy_is_a_traceback(answer: object) -> None:
    parse(answer, "pod", "bookinfo")


def test_what_a_chain_does_with_its_connections() -> None:
    manager = {"http_filters": [{"name": "envoy.filters.http.rbac", "typed_config": {"rules": {}}}, {"name": "other"}]}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    assert manager_of(chain) == manager
    assert http_filters(manager, "rbac") == [{"rules": {}}]
    proxy = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "PassthroughCluster"}}
    assert manager_of({"filters": [proxy]}) is None
    assert tcp_cluster({"filters": [proxy]}) == "PassthroughCluster"
    assert tcp_cluster(chain) == ""


@pytest.mark.parametrize("own", [True, False])
def test_the_routes_of_a_manager(own: bool) -> None:
    config = parse(DUMP, "pod", "bookinfo")
    manager = {"route_config": {"name": "own"}} if own else {"rds": {"route_config_name": "9080"}}
    assert (config.route_config(manager) or {})["name"] == ("own" if own else "9080")
