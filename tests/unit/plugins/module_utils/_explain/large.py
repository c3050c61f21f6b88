# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a proxy in a mesh of thousands of Services, of the form that Envoy dumps, and what it costs.

As a program it reads such a dump from a file, follows one request by it, and prints how much that took.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
import typing as t
from pathlib import Path

Json = dict[str, t.Any]

ADMIN = "type.googleapis.com/envoy.admin.v3."
API = "type.googleapis.com/envoy."
TIMES = {"version_info": "2026-11-01T10:00:00Z/4711", "last_updated": "2026-11-01T10:00:01.123Z"}
SUBSETS = ("", "v1", "v2")
PORT = 9080


def host_of(number: int) -> str:
    return f"service-{number}.namespace-{number % 50}.svc.cluster.local"


def config_of(kind: str, number: int) -> Json:
    path = f"/apis/networking.istio.io/v1/namespaces/namespace-{number % 50}/{kind}/service-{number}"
    return {"filter_metadata": {"istio": {"config": path}}}


def cluster_of(number: int, subset: str) -> Json:
    name = f"outbound|{PORT}|{subset}|{host_of(number)}"
    sds = {"api_config_source": {"api_type": "GRPC", "grpc_services": [{"envoy_grpc": {"cluster_name": "sds-grpc"}}]}}
    identity = f"spiffe://cluster.local/ns/namespace-{number % 50}/sa/service-{number}"
    tls = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{API}extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["istio-peer-exchange", "istio"],
                "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": sds}],
                "combined_validation_context": {
                    "default_validation_context": {"match_subject_alt_names": [{"exact": identity}]},
                    "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": sds},
                },
            },
            "sni": f"outbound_.{PORT}_.{subset}_.{host_of(number)}",
        },
    }
    raw = {
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {"@type": f"{API}extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
    }
    metadata = config_of("destination-rule", number)
    metadata["filter_metadata"]["istio"]["services"] = [
        {"host": host_of(number), "name": f"service-{number}", "namespace": f"namespace-{number % 50}"}
    ]
    body = {
        "@type": f"{API}config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": "V3"}, "service_name": name},
        "connect_timeout": "10s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4294967295, "max_requests": 4294967295, "track_remaining": True}]
        },
        "common_lb_config": {"locality_weighted_lb_config": {}},
        "metadata": metadata,
        "transport_socket_matches": [
            {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": tls},
            {"name": "tlsMode-disabled", "match": {}, "transport_socket": raw},
        ],
    }
    return {**TIMES, "cluster": body}


def endpoints_of(number: int, subset: str) -> Json:
    hosts = [
        {
            "endpoint": {"address": {"socket_address": {"address": f"10.{one}.0.2", "port_value": PORT}}},
            "health_status": "HEALTHY",
            "metadata": {
                "filter_metadata": {
                    "envoy.transport_socket_match": {"tlsMode": "istio"},
                    "istio": {
                        "workload": f"service-{number};namespace-{number % 50};service-{number};v{one};Kubernetes"
                    },
                }
            },
            "load_balancing_weight": 1,
        }
        for one in (1, 2)
    ]
    body = {
        "@type": f"{API}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": f"outbound|{PORT}|{subset}|{host_of(number)}",
        "endpoints": [{"locality": {}, "lb_endpoints": hosts, "load_balancing_weight": 2}],
        "policy": {"overprovisioning_factor": 140},
    }
    return {"endpoint_config": body}


def virtual_host_of(number: int) -> Json:
    short = f"service-{number}"
    routes = [
        {
            "name": f"rule-{subset}",
            "match": {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": subset}}]},
            "route": {
                "cluster": f"outbound|{PORT}|{subset}|{host_of(number)}",
                "timeout": "0s",
                "retry_policy": {"retry_on": "connect-failure,refused-stream,unavailable,cancelled", "num_retries": 2},
                "max_grpc_timeout": "0s",
            },
            "metadata": config_of("virtual-service", number),
            "decorator": {"operation": f"{host_of(number)}:{PORT}/*"},
        }
        for subset in SUBSETS[1:]
    ]
    return {
        "name": f"{host_of(number)}:{PORT}",
        "domains": [host_of(number), f"{short}.namespace-{number % 50}", f"10.96.{number // 250}.{number % 250}"],
        "routes": routes,
        "include_request_attempt_count": True,
    }


# istio.io/istio/pilot/pkg/model/telemetry_logging.go (EnvoyTextLogFormat): every listener and TCP proxy has it.
LOG = {
    "name": "envoy.access_loggers.file",
    "typed_config": {
        "@type": f"{API}extensions.access_loggers.file.v3.FileAccessLog",
        "path": "/dev/stdout",
        "log_format": {
            "text_format_source": {"inline_string": "%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% " * 12}
        },
    },
}


def listener_of(name: str, address: str, *filters: Json) -> Json:
    body = {
        "@type": f"{API}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": PORT}},
        "filter_chains": [{"filters": list(filters)}],
        "traffic_direction": "OUTBOUND",
        "access_log": [{**LOG, "filter": {"response_flag_filter": {"flags": ["NR"]}}}],
    }
    return {"name": name, "active_state": {**TIMES, "listener": body}}


def http_listener() -> Json:
    manager = {
        "@type": f"{API}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "rds": {"route_config_name": str(PORT)},
        "access_log": [LOG],
    }
    managed = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return listener_of(f"0.0.0.0_{PORT}", "0.0.0.0", managed)


def tcp_listener(number: int) -> Json:
    """Each Service of raw TCP has a listener of its own."""
    address = f"10.97.{number // 250}.{number % 250}"
    proxy = {
        "@type": f"{API}extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": f"outbound|3306||{host_of(number)}",
        "cluster": f"outbound|3306||{host_of(number)}",
        "access_log": [LOG],
    }
    return listener_of(f"{address}_3306", address, {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy})


def dump(services: int) -> bytes:
    """A dump with this many Services of HTTP, of three clusters each, and as many of raw TCP."""
    both = [(number, subset) for number in range(services) for subset in SUBSETS]
    routes = {
        "name": str(PORT),
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [virtual_host_of(number) for number in range(services)],
    }
    listeners = [http_listener(), *(tcp_listener(number) for number in range(services))]
    configs = [
        {"@type": f"{ADMIN}BootstrapConfigDump", "bootstrap": {"node": {"metadata": {"filler": "x" * 100_000}}}},
        {"@type": f"{ADMIN}ClustersConfigDump", "dynamic_active_clusters": [cluster_of(*one) for one in both]},
        {"@type": f"{ADMIN}EndpointsConfigDump", "dynamic_endpoint_configs": [endpoints_of(*one) for one in both]},
        {"@type": f"{ADMIN}ListenersConfigDump", "dynamic_listeners": listeners},
        {"@type": f"{ADMIN}RoutesConfigDump", "dynamic_route_configs": [{**TIMES, "route_config": routes}]},
    ]
    # Envoy indents what it dumps.
    return json.dumps({"configs": configs}, separators=(",\n" + " " * 24, ": ")).encode()


def peak() -> float:
    """The most memory that this process has had, in MB; getrusage() would count that of its parent as well."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def costs(path: str, services: int) -> Json:
    """Follows one request by a dump: the cluster that takes it, seconds of processor time, and memory in MB."""
    from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import parse, read
    from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
    from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
    from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import from_workload

    last = services - 1
    pod = {
        "metadata": {"name": "client", "namespace": "namespace-0"},
        "spec": {"containers": [{"name": "istio-proxy"}]},
        "status": {"phase": "Running"},
    }
    text = Path(path).read_bytes()
    before = peak()
    started = time.process_time()
    config = parse(read(text), "client", "namespace-0")
    mesh = Mesh({"Pod": (pod,)}, {("namespace-0", "client"): dataclasses.replace(config)})
    request = request_of(f"http://{host_of(last)}:{PORT}/", headers=[("end-user", "v2")])
    sent = from_workload(mesh, request, pod).sent
    return {
        "clusters": [one.cluster for one in (sent.targets if sent is not None else ())],
        "seconds": time.process_time() - started,
        "megabytes": peak() - before,
    }


if __name__ == "__main__":
    print(json.dumps(costs(sys.argv[1], int(sys.argv[2]))))
