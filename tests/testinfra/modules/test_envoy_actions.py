# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is predicted of a route's actions is what Envoy does: faults, weights, retries, lost clusters, on a real Envoy.

The walk itself is asked, for the configuration that Envoy has. The answer's body tells the callee that has answered it,
and the access log the flags and how often it was asked.
"""

from __future__ import annotations

import http.client
import json
import random
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.journey import Journey, Sent
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import from_workload
from modules.envoys import API, CASES, SEED, TYPES, free_port, http_chain, listener_of, running

Json = dict[str, t.Any]

ROUTES = 150
FAULT = "envoy.filters.http.fault"
ANSWERS = {"good": 200, "other": 201, "bad": 503}
"""Callees by the status that they answer with."""
CLUSTERS = (*ANSWERS, "good", "empty", "lost")
"""Besides them: a cluster without endpoints, and one that Envoy does not have."""
DELAY = 0.005
"""Seconds; that a request is delayed is told by its flag."""
PORT, UPSTREAMS = free_port(), {name: free_port() for name in ANSWERS}


class Maker:
    """Makes routes and requests from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def percentage(self) -> Json:
        """None or all, in any of the denominators."""
        name, whole = self.random.choice((("HUNDRED", 100), ("TEN_THOUSAND", 10_000), ("MILLION", 1_000_000)))
        return {"numerator": self.random.choice((0, whole)), "denominator": name}

    def fault(self) -> Json:
        found: Json = {"@type": f"{TYPES}.http.fault.v3.HTTPFault"}
        if self.random.random() < 0.6:
            found["abort"] = {"http_status": self.random.choice((418, 500, 503)), "percentage": self.percentage()}
        if self.random.random() < 0.4:
            found["delay"] = {"fixed_delay": f"{DELAY}s", "percentage": self.percentage()}
        return found

    def action(self) -> Json:
        found: Json = {}
        if self.random.random() < 0.5:
            found["cluster"] = self.random.choice(CLUSTERS)
        else:
            names = self.random.sample(sorted(set(CLUSTERS)), self.random.randint(2, 3))
            chosen = self.random.choice(names)
            parts = [{"name": name, "weight": 100 if name == chosen else 0} for name in names]
            found["weighted_clusters"] = {"clusters": parts}
        if self.random.random() < 0.4:
            policy = {"retry_on": self.random.choice(("5xx", "gateway-error", "connect-failure"))}
            wait = {"base_interval": "0.001s", "max_interval": "0.001s"}
            found["retry_policy"] = {**policy, "num_retries": self.random.randint(1, 3), "retry_back_off": wait}
        return found

    def routes(self) -> Json:
        routes = []
        for number in range(ROUTES):
            route: Json = {"name": str(number), "match": {"path": f"/{number}"}, "route": self.action()}
            if self.random.random() < 0.4:
                route["typed_per_filter_config"] = {FAULT: self.fault()}
            routes.append(route)
        hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
        return {"name": "generated", "virtual_hosts": hosts, "validate_clusters": False}


def cluster(name: str) -> Json:
    place = {"socket_address": {"address": "127.0.0.1", "port_value": UPSTREAMS.get(name, 0)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": place}}]}] if name in UPSTREAMS else []
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def upstream(name: str) -> Json:
    body = {"status": ANSWERS[name], "body": {"inline_string": name}}
    routes = [{"match": {"prefix": "/"}, "direct_response": body}]
    return listener_of(
        UPSTREAMS[name], [http_chain({"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": routes}]})]
    )


def walked(routes: Json, filters: t.Sequence[Json], path: str) -> tuple[Journey, Sent]:
    """The way of a request through the same configuration, by the explainer."""
    chain = http_chain(routes, *filters)
    address = {"socket_address": {"address": "0.0.0.0", "port_value": PORT}}
    listener = {"name": "own", "traffic_direction": "OUTBOUND", "address": address, "filter_chains": [chain]}
    made = [cluster(name) for name in sorted(set(CLUSTERS) - {"lost"})]
    config = ProxyConfig(
        "caller",
        "home",
        (listener,),
        clusters={one["name"]: one for one in made},
        endpoints={
            one["name"]: tuple(host for group in one["load_assignment"]["endpoints"] for host in group["lb_endpoints"])
            for one in made
        },
    )
    pod = {"metadata": {"name": "caller", "namespace": "home"}, "spec": {"containers": [{"name": "istio-proxy"}]}}
    journey = from_workload(
        Mesh({"Pod": (pod,)}, {("home", "caller"): config}), request_of(f"http://127.0.0.1:{PORT}{path}"), pod
    )
    assert journey.sent is not None
    return journey, journey.sent


def predicted(sent: Sent) -> tuple[int, str, set[str], int]:
    """Status, the callee that answers, the flags, and how often a callee is asked."""
    flags = {"DI"} if sent.delay and sent.delay_share == 1 else set()
    if sent.abort and sent.abort_share == 1:
        return int(sent.abort), "", flags | {"FI"}, 0
    (target,) = [one for one in sent.targets if one.share == 1]
    if not target.known:
        return 503, "", flags | {"NC"}, 0
    if not target.endpoints:
        return 503, "", flags | {"UH"}, 0
    status = ANSWERS[target.cluster]
    again = sent.retries if status == 503 and sent.retry_on in ("5xx", "gateway-error") else 0
    return status, target.cluster, flags | ({"URX"} if again else set()), 1 + again


@pytest.fixture(scope="module", name="envoy")
def envoy_fixture(tmp_path_factory, eventually):
    """Envoy with generated actions, and the callees that they lead to; ends with the tests."""
    folder = tmp_path_factory.mktemp("envoy")
    routes = Maker(SEED).routes()
    filters = [{"name": FAULT, "typed_config": {"@type": f"{TYPES}.http.fault.v3.HTTPFault"}}]
    fields = {
        "case": "%REQ(X-CASE)%",
        "flags": "%RESPONSE_FLAGS%",
        "asked": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    }
    log = {
        "@type": f"{API}.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "access.log"),
        "log_format": {"json_format": fields},
    }
    chain = http_chain(routes, *filters, access_log=[{"name": "envoy.access_loggers.file", "typed_config": log}])
    listeners = [listener_of(PORT, [chain]), *map(upstream, ANSWERS)]
    clusters = [cluster(name) for name in sorted(set(CLUSTERS) - {"lost"})]
    with running(folder, listeners, eventually, clusters):
        yield routes, filters, folder / "access.log"


def test_envoy_does_what_a_route_is_told_to_do(envoy, eventually):
    routes, filters, log = envoy
    maker = Maker(SEED + 1)
    ways = [walked(routes, filters, f"/{number}") for number in range(ROUTES)]
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    asked, wrong, outcomes = [], [], {}
    for case in range(CASES):
        number = maker.random.randrange(ROUTES)
        journey, sent = ways[number]
        expected = predicted(sent)
        connection.request("GET", f"/{number}", headers={"x-case": str(case)})
        answer = connection.getresponse()
        body = answer.read().decode()
        callee = body if body in ANSWERS else ""
        asked.append((number, expected))
        own = outcome_of(journey).startswith(f"Outcome: status {answer.status}")
        if (answer.status, callee) != expected[:2] or own != (not callee):
            wrong.append((case, routes["virtual_hosts"][0]["routes"][number], expected, (answer.status, body)))
    connection.close()
    eventually(lambda: log.read_text().count("\n") == CASES, "Envoy has not written of each request")
    for record in map(json.loads, log.read_text().splitlines()):
        number, (status, callee, flags, times) = asked[int(record["case"])]
        wrote = set((record["flags"] or "-").split(",")) - {"-"}
        for flag in flags or {"none"}:
            outcomes[flag] = outcomes.get(flag, 0) + 1
        if wrote != flags or (callee and record["asked"] != times):
            wrong.append((record, routes["virtual_hosts"][0]["routes"][number], (status, flags, times)))
    assert not wrong, f"{len(wrong)} of {CASES}, seed {SEED}; the first: {wrong[0]}"
    # The generated worlds are no trivial ones.
    assert min(outcomes.get(flag, 0) for flag in ("none", "DI", "FI", "NC", "UH", "URX")) > CASES / 50, outcomes
