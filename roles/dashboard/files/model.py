# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages show, made of what Prometheus answers. Pure: nothing here asks anybody."""

from __future__ import annotations

import collections
import dataclasses
import math
import typing as t

Json = dict[str, t.Any]
Labels = t.Mapping[str, str]
Count = tuple[Labels, float]
"""A series, and by how much it has grown."""

UNKNOWN = ("", "-", "unknown")
OUTSIDE = "outside the mesh"

FLAGS = {
    "DC": "the caller hung up",
    "DI": "a delay was injected",
    "FI": "a fault was injected",
    "LR": "the proxy reset the connection",
    "NC": "the route leads to a subset or host that does not exist",
    "NR": "no route is for it",
    "RL": "a rate limit refused it",
    "RLSE": "the rate limit service failed",
    "UAEX": "authorization refused it",
    "UC": "the connection to the service broke",
    "UF": "no connection to the service came about",
    "UH": "the service has no healthy endpoint",
    "UO": "a circuit breaker is open",
    "UPE": "the service broke the protocol",
    "UR": "the service reset the connection",
    "URX": "all tries failed",
    "UT": "a timeout ended it",
}
"""What a proxy's response flags mean, in the words of the labs
(https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
"""


def grown(now: t.Sequence[Json], then: t.Sequence[Json]) -> list[Count]:
    """By how much each series has grown, from two answers of Prometheus to the same question.

    A series that was not there yet has grown from nothing. One that is smaller than it was has started anew.
    """
    before = {_identity(one): float(one["value"][1]) for one in then}
    found = []
    for one in now:
        value = float(one["value"][1])
        start = before.get(_identity(one), 0.0)
        found.append((one["metric"], value - start if value >= start else value))
    return found


def _identity(series: Json) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(series["metric"].items()))


def quantile(buckets: t.Mapping[float, float], share: float) -> float | None:
    """A quantile of a histogram with cumulative buckets, within a bucket in proportion; None where nothing is counted.

    What is above the last bound counts as that bound, as in Prometheus' histogram_quantile.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if math.isinf(bound):
                return low
            inside = buckets[bound] - below
            return bound if inside <= 0 else low + (bound - low) * (wanted - below) / inside
        low, below = bound, buckets[bound]
    return low


@dataclasses.dataclass(frozen=True)
class Node:
    """A workload, a service of which no workload was asked, or all that is outside the mesh."""

    id: str
    kind: str
    name: str
    version: str
    namespace: str


def workload(labels: Labels, side: str) -> Node | None:
    """The workload at one side of a call; None where the proxy that counted does not know it."""
    name, home = labels.get(f"{side}_workload", ""), labels.get(f"{side}_workload_namespace", "")
    if name in UNKNOWN:
        return None
    app, version = labels.get(f"{side}_app", ""), labels.get(f"{side}_version", "")
    if app in UNKNOWN:
        app = labels.get(f"{side}_canonical_service", "")
    version = "" if version in (*UNKNOWN, "latest") else version
    return Node(f"{home}/{name}", "workload", name if app in UNKNOWN else app, version, home)


def service(labels: Labels) -> Node:
    """The service that was asked."""
    host, home = labels.get("destination_service", ""), labels.get("destination_service_namespace", "")
    name = labels.get("destination_service_name", "")
    host = name if host in UNKNOWN else host
    if host in UNKNOWN:
        return Node("service unknown", "service", "no service of the mesh", "", "")
    return Node(f"service {host}", "service", host if name in UNKNOWN else name, "", "" if home in UNKNOWN else home)


class Edge:
    """The calls from one node to another."""

    def __init__(self, caller: Node, callee: Node) -> None:
        self.caller = caller
        self.callee = callee
        self.answers: collections.Counter[tuple[str, str, str]] = collections.Counter()
        self.arrived = self.secured = 0.0
        self.buckets: collections.Counter[float] = collections.Counter()

    def add(self, labels: Labels, count: float) -> None:
        """Take in calls that ended alike."""
        flags = labels.get("response_flags", "")
        grpc = labels.get("grpc_response_status", "")
        self.answers[(labels.get("response_code", "0"), flags, grpc)] += count

    def describe(self, seconds: int) -> Json:
        """The edge as the page gets it: shares are 0 to 1, durations milliseconds."""
        total = sum(self.answers.values())
        codes: collections.Counter[str] = collections.Counter()
        for (code, _flags, grpc), count in self.answers.items():
            codes[code_of(code, grpc)] += count
        delayed = sum(count for (_code, flags, _grpc), count in self.answers.items() if "DI" in flags.split(","))
        return {
            "from": self.caller.id,
            "to": self.callee.id,
            "requests": round(total),
            "rate": total / seconds,
            "codes": {code: round(count) for code, count in sorted(codes.items())},
            "failed": self._part(total, is_failure),
            "refused": self._part(total, is_refusal),
            "delayed": delayed / total,
            "p50": quantile(self.buckets, 0.5),
            "p95": quantile(self.buckets, 0.95),
            "mtls": self.secured / self.arrived if self.arrived else None,
        }

    def _part(self, total: float, belongs: t.Callable[[str, str], bool]) -> Json:
        """The share of the calls that ended in some way, with their codes and the flags of the caller's proxy."""
        part = {key: count for key, count in self.answers.items() if belongs(key[0], key[2])}
        flags = {
            flag for _code, seen, _grpc in part for flag in seen.split(",") if flag not in UNKNOWN and flag != "DI"
        }
        return {
            "share": sum(part.values()) / total,
            "codes": sorted({code_of(code, grpc) for code, _flags, grpc in part}),
            "flags": sorted(flags),
        }


def code_of(code: str, grpc: str) -> str:
    """How an answer is named: by its status, and where that says nothing by the one of gRPC."""
    return f"gRPC {grpc}" if grpc.isdigit() and grpc != "0" and code == "200" else code


def is_refusal(code: str, grpc: str) -> bool:
    """Whether an answer says that the caller may not or cannot have what it asked for: 4xx."""
    return code.startswith("4") and not is_failure(code, grpc)


def is_failure(code: str, grpc: str) -> bool:
    """Whether an answer is the service's fault: none at all, 5xx, or a gRPC status other than OK."""
    return code in ("0", *UNKNOWN) or code.startswith("5") or (grpc.isdigit() and grpc != "0")


class Graph:
    """Who calls whom, put together from what the proxies have counted."""

    def __init__(self, requests: t.Sequence[Count]) -> None:
        counted = [(labels, count) for labels, count in requests if count > 0]
        self.callers = [one for one in counted if one[0].get("reporter") == "source"]
        self.callees = [one for one in counted if one[0].get("reporter") == "destination"]
        self.edges: dict[tuple[str, str], Edge] = {}
        # A call that nobody answered belongs to the workload of its service where there is only one.
        served: dict[str, dict[str, Node]] = collections.defaultdict(dict)
        for labels, _count in self.callers:
            found = workload(labels, "destination")
            if found:
                served[service(labels).id][found.id] = found
        self.only = {name: next(iter(nodes.values()), None) for name, nodes in served.items() if len(nodes) == 1}
        self._place_callers()
        self._place_outsiders()

    def edge_of(self, labels: Labels) -> Edge | None:
        """The edge of a caller's series; None where its proxy does not say whose it is."""
        caller = workload(labels, "source")
        if caller is None:
            return None
        asked = service(labels)
        callee = workload(labels, "destination") or self.only.get(asked.id) or asked
        return self.edges.setdefault((caller.id, callee.id), Edge(caller, callee))

    def _place_callers(self) -> None:
        # Istio's own proxies tell the callee who calls, and there it is known what the connection was. Envoy tells
        # nobody; but a caller that has seen the certificate of the other side has spoken mTLS.
        told: dict[tuple[str, str], list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
        for labels, count in self.callees:
            caller, callee = workload(labels, "source"), workload(labels, "destination")
            if caller and callee:
                told[(caller.id, callee.id)][0] += count
                told[(caller.id, callee.id)][1] += count * (labels.get("connection_security_policy") == "mutual_tls")
        for labels, count in self.callers:
            edge = self.edge_of(labels)
            if edge is None:
                continue
            edge.add(labels, count)
            if workload(labels, "destination"):
                edge.arrived += count
                edge.secured += count * (labels.get("destination_principal", "") not in UNKNOWN)
        for key, (arrived, secured) in told.items():
            if key in self.edges:
                self.edges[key].arrived, self.edges[key].secured = arrived, secured

    def _place_outsiders(self) -> None:
        # The two sides are read at different moments, so what is left when one is taken from the other may be nothing.
        plain = {edge.callee.id for edge in self.edges.values() if edge.secured < edge.arrived}
        for labels, count in self.callees:
            callee = workload(labels, "destination")
            open_call = labels.get("connection_security_policy") != "mutual_tls" and not workload(labels, "source")
            if callee and open_call and callee.id not in plain:
                outside = Node(OUTSIDE, "outside", OUTSIDE, "", "")
                edge = self.edges.setdefault((outside.id, callee.id), Edge(outside, callee))
                edge.add(labels, count)
                edge.arrived += count


def graph_of(requests: t.Sequence[Count], buckets: t.Sequence[Count], seconds: int) -> Json:
    """Nodes and edges of the calls of so many seconds, and a sentence for each edge on which calls fail.

    ``requests`` has the growth of istio_requests_total, ``buckets`` that of the callers' duration histograms.
    """
    graph = Graph(requests)
    for labels, count in buckets:
        key = (workload(labels, "source"), workload(labels, "destination") or graph.only.get(service(labels).id))
        edge = graph.edges.get((key[0].id, (key[1] or service(labels)).id)) if key[0] else None
        if edge:
            edge.buckets[float(labels["le"])] += count
    nodes = {node.id: node for edge in graph.edges.values() for node in (edge.caller, edge.callee)}
    edges = [edge.describe(seconds) for _key, edge in sorted(graph.edges.items())]
    return {
        "nodes": [
            {**dataclasses.asdict(node), "failed": _share_failing(edges, node.id)}
            for _id, node in sorted(nodes.items())
        ],
        "edges": edges,
        "problems": [problem for edge in edges for problem in problems_of(edge, nodes)],
    }


def _share_failing(edges: t.Sequence[Json], node: str) -> float:
    """The share of the calls to a node that fail."""
    calls = [edge for edge in edges if edge["to"] == node]
    total = sum(edge["rate"] for edge in calls)
    return sum(edge["rate"] * edge["failed"]["share"] for edge in calls) / total if total else 0.0


def title(node: Node) -> str:
    """What people call a node."""
    if node.kind == "service":
        return f"{node.name} (no version was asked)" if node.namespace else node.name
    return f"{node.name} {node.version}".strip()


def percent(share: float) -> str:
    """A share as a sentence begins with it, which says neither none nor all where it is not."""
    text = f"{share * 100:.0f}"
    if text == "0" and share > 0:
        return "Less than 1 %"
    if text == "100" and share < 1:
        return "More than 99 %"
    return f"{text} %"


def problems_of(edge: Json, nodes: t.Mapping[str, Node]) -> list[str]:
    """What an attendee should look at on an edge: failed calls, refused ones, delays that were injected."""
    way = f"from {title(nodes[edge['from']])} to {title(nodes[edge['to']])}"
    said = []
    for part, verb in ((edge["failed"], "fail"), (edge["refused"], "are refused")):
        if part["share"] > 0:
            codes = ["no answer" if code == "0" else code for code in part["codes"]]
            reasons = [f"{FLAGS[flag]} ({flag})" for flag in part["flags"] if flag in FLAGS]
            said.append(f"{percent(part['share'])} of the calls {way} {verb}: {', '.join([*codes, *reasons])}.")
    if edge["delayed"] > 0:
        said.append(f"{percent(edge['delayed'])} of the calls {way} are slow: {FLAGS['DI']} (DI).")
    return said


def signals_of(answers: t.Mapping[str, t.Sequence[Json]], group: str, times: t.Sequence[float]) -> list[Json]:
    """The golden signals of each service or workload over time, from Prometheus' answers to range queries.

    ``answers`` has ``rate`` and ``failed`` (requests per second), ``p50`` and ``p95`` (milliseconds). What was not
    measured is None.
    """
    place = {round(time): index for index, time in enumerate(times)}
    found: dict[str, dict[str, list[float | None]]] = {}
    for signal, series in answers.items():
        for one in series:
            name = one["metric"].get(group, "")
            if name in UNKNOWN:
                continue
            rows = found.setdefault(name, {key: [None] * len(times) for key in ("rate", "failed", "p50", "p95")})
            for time, value in one["values"]:
                number = float(value)
                if round(float(time)) in place and math.isfinite(number):
                    rows[signal][place[round(float(time))]] = number
    return [
        {
            "name": name,
            "rate": rows["rate"],
            "errors": [
                None if not rate else (failed or 0.0) / rate
                for rate, failed in zip(rows["rate"], rows["failed"], strict=True)
            ],
            "p50": rows["p50"],
            "p95": rows["p95"],
        }
        for name, rows in sorted(found.items())
    ]
