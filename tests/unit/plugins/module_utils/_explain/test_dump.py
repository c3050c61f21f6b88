# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import (
    filters_of,
    manager_of,
    parse,
    parse_health,
    read,
    snake_case,
    tcp_cluster,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain import large
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
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
    assert [(one.type, one.config) for one in filters_of(manager)] == [("rbac", {"rules": {}}), ("other", {})]
    proxy = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "PassthroughCluster"}}
    assert manager_of({"filters": [proxy]}) is None
    assert tcp_cluster({"filters": [proxy]}) == "PassthroughCluster"
    assert tcp_cluster(chain) == ""


@pytest.mark.parametrize("own", [True, False])
def test_the_routes_of_a_manager(own: bool) -> None:
    config = parse(DUMP, "pod", "bookinfo")
    manager = {"route_config": {"name": "own"}} if own else {"rds": {"route_config_name": "9080"}}
    assert (config.route_config(manager) or {})["name"] == ("own" if own else "9080")


def test_what_waits_and_what_is_sent_apart() -> None:
    waiting = {"name": "0.0.0.0_8443"}
    filters = [
        {"ecds_filter": {"name": "limit", "typed_config": {"@type": "x/envoy.extensions.filters.http.lua.v3.Lua"}}}
    ]
    config = parse(
        {
            "configs": [
                {
                    "@type": f"{TYPE}ListenersConfigDump",
                    "dynamic_listeners": [{"warming_state": {"listener": waiting}}],
                },
                {
                    "@type": f"{TYPE}SecretsConfigDump",
                    "dynamic_active_secrets": [{"name": "default"}],
                    "dynamic_warming_secrets": [{"name": "kubernetes://gone"}],
                },
                {"@type": f"{TYPE}EcdsConfigDump", "ecds_filters": filters},
            ]
        },
        "pod",
        "bookinfo",
    )
    assert (config.listeners, config.warming) == ((), (waiting,))
    assert config.secrets == {"default": True, "kubernetes://gone": False}
    (found,) = filters_of({"http_filters": [{"name": "limit", "config_discovery": {}}]}, config.extensions)
    assert found.type == "lua"


def test_a_proxy_that_has_never_synced() -> None:
    assert parse(DUMP, "pod", "bookinfo").synced
    assert not parse({"configs": [{"@type": f"{TYPE}BootstrapConfigDump", "bootstrap": {}}]}, "pod", "bookinfo").synced


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        ({"name": "envoy.filters.http.rbac"}, "rbac"),
        ({"name": "mine", "typed_config": {"@type": "x/envoy.extensions.filters.http.rbac.v3.RBAC"}}, "rbac"),
        (
            {
                "name": "mine",
                "typed_config": {
                    "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
                    "type_url": "x/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
                    "value": {"stat_prefix": "a"},
                },
            },
            "local_ratelimit",
        ),
        ({"name": "istio.alpn", "typed_config": {"@type": "x/istio.config.Alpn"}}, "istio.config.Alpn"),
        ({"name": "from.another.version"}, "from.another.version"),
    ],
)
def test_the_type_of_a_filter(one: dict[str, t.Any], kind: str) -> None:
    (found,) = filters_of({"http_filters": [one]})
    assert found.type == kind
    if kind == "local_ratelimit":
        assert found.config == {"stat_prefix": "a"}


def test_what_nobody_looks_at_is_dropped_while_it_is_read() -> None:
    manager = {"http_filters": [], "access_log": [{"name": "file"}], "tracing": {"custom_tags": []}}
    assert read(json.dumps({"configs": [{"typed_config": manager, "bootstrap": {"node": {}}}]}).encode()) == {
        "configs": [{"typed_config": {"http_filters": []}}]
    }


def test_the_version_of_a_proxy_is_kept() -> None:
    node = {"metadata": {"ISTIO_VERSION": "1.31.0"}}
    dumped = {"configs": [{"@type": "a/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": node}}]}
    assert parse(read(json.dumps(dumped).encode()), "a", "b").version == "1.31.0"


def test_the_spelling_of_istiod_becomes_that_of_the_proxies() -> None:
    labels = {"envoy.transport_socket_match": {"tlsMode": "istio"}, "istio": {"defaultOriginalPort": 1}}
    theirs = {
        "virtualHosts": [{"typedPerFilterConfig": {"envoy.filters.http.fault": {"httpStatus": 500}}}],
        "metadata": {"filterMetadata": labels},
        "transportSocketMatches": [{"match": {"tlsMode": "istio"}}],
        "policies": {"ns[bookinfo]-policy[denyAll]-rule[0]": {"orIds": {}}},
        "maxRequests": 1,
        "consecutive5xx": 2,
        "@type": "x.TypeName",
    }
    assert snake_case(theirs) == {
        "virtual_hosts": [{"typed_per_filter_config": {"envoy.filters.http.fault": {"http_status": 500}}}],
        "metadata": {"filter_metadata": labels},
        "transport_socket_matches": [{"match": {"tlsMode": "istio"}}],
        "policies": {"ns[bookinfo]-policy[denyAll]-rule[0]": {"or_ids": {}}},
        "max_requests": 1,
        "consecutive_5xx": 2,
        "@type": "x.TypeName",
    }


def test_why_a_host_is_not_healthy() -> None:
    def host(address: str, **health: t.Any) -> dict[str, t.Any]:
        return {"address": {"socket_address": {"address": address, "port_value": 9080}}, "health_status": health}

    answer = {
        "cluster_statuses": [
            {
                "name": "v1",
                "host_statuses": [
                    host("10.0.0.1", eds_health_status="HEALTHY", failed_outlier_check=True),
                    host("10.0.0.2", eds_health_status="UNHEALTHY"),
                    host("10.0.0.3", eds_health_status="HEALTHY"),
                    {"address": {"pipe": {"path": "/x"}}, "health_status": {"failed_outlier_check": True}},
                ],
            }
        ]
    }
    assert parse_health(answer) == {("v1", "10.0.0.1", 9080): "ejected", ("v1", "10.0.0.2", 9080): "not ready"}


@given(answer=JSON | st.builds(lambda value: {"cluster_statuses": value}, JSON))
def test_no_answer_about_hosts_is_a_traceback(answer: object) -> None:
    parse_health(answer)
    snake_case(answer)


def test_a_dump_of_30_megabytes_is_followed_within_bounds(tmp_path: Path) -> None:
    """In a process of its own, whose memory is that of nothing else."""
    services = 1700
    path = tmp_path / "dump.json"
    path.write_bytes(large.dump(services))
    assert path.stat().st_size > 30_000_000
    command = [sys.executable, large.__file__, str(path), str(services)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    costs = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert costs["clusters"] == [f"outbound|9080|v2|{large.host_of(services - 1)}"]
    assert costs["seconds"] < 3
    assert costs["megabytes"] < 110


def certificate(*names: str) -> bytes:
    """A certificate for these URIs, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    day = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + datetime.timedelta(1))
    uris = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(one) for one in names])
    signed = builder.add_extension(uris, critical=True).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("chain", "identity"),
    [
        (certificate("spiffe://old.example/ns/bookinfo/sa/ratings"), "spiffe://old.example/ns/bookinfo/sa/ratings"),
        # A name of more than 127 bytes has its length written in another way.
        (certificate(f"spiffe://td/ns/{'n' * 63}/sa/{'a' * 63}"), f"spiffe://td/ns/{'n' * 63}/sa/{'a' * 63}"),
        (certificate("https://other.example/"), ""),
        (b"no certificate", ""),
        (b"", ""),
    ],
)
def test_a_proxys_identity_is_that_of_its_certificate(chain: bytes, identity: str) -> None:
    shown = {"certificate_chain": {"inline_bytes": base64.b64encode(chain).decode()}}
    secrets = [
        {"name": "ROOTCA", "secret": {"name": "ROOTCA", "validation_context": {}}},
        {"name": "default", "secret": {"name": "default", "tls_certificate": shown}},
    ]
    dumped = {"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": secrets}
    assert parse({"configs": [dumped]}, "a", "b").identity == identity
    assert parse({"configs": []}, "a", "b").identity == ""
