# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access logs of the proxies: one record per request that passed one, as text or JSON, in Istio's default format."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

AGENT = re.compile(r"mesh-workshop-probe/[0-9a-f]+-\d+-(?:\d+|login)\b")

# The order of fields in istio.io/istio/pilot/pkg/model/telemetry_logging.go (EnvoyTextLogFormat).
TEXT = re.compile(
    r'^\[(?P<start_time>[^\]]*)\] "(?P<method>\S+) (?P<path>\S*) (?P<protocol>[^"]*)" (?P<response_code>\d+) '
    r"(?P<response_flags>\S+) (?P<response_code_details>.*?) (?P<connection_termination_details>\S+) "
    r'"(?P<upstream_transport_failure_reason>[^"]*)" (?P<bytes_received>\d+) (?P<bytes_sent>\d+) (?P<duration>\S+) '
    r'(?P<upstream_service_time>\S+) "(?P<x_forwarded_for>[^"]*)" "(?P<user_agent>[^"]*)" "(?P<request_id>[^"]*)" '
    r'"(?P<authority>[^"]*)" "(?P<upstream_host>[^"]*)" (?P<upstream_cluster>\S+) (?P<upstream_local_address>\S+) '
    r"(?P<downstream_local_address>\S+) (?P<downstream_remote_address>\S+) (?P<requested_server_name>\S+) "
    r"(?P<route_name>\S+)"
)


@dataclass(frozen=True)
class Record:
    """What one proxy wrote about one request."""

    agent: str
    """Our part of the user agent: it names the request."""
    pod: str
    """The pod whose proxy wrote it."""
    status: int
    flags: str
    details: str
    failure: str
    authority: str
    path: str
    upstream: str
    """Address of the pod that was asked, empty where none was."""
    cluster: str
    """Envoy's cluster: ``outbound|9080|v1|reviews.bookinfo.svc.cluster.local`` or ``inbound|9080||``."""
    route: str
    milliseconds: int

    @property
    def inbound(self) -> bool:
        """Whether the proxy stands before the workload that is asked, not behind the one that asks."""
        return self.cluster.startswith("inbound|") or self.cluster == "InboundPassthroughCluster"

    @property
    def service(self) -> str:
        """Host of the service that was asked; empty for inbound records."""
        parts = self.cluster.split("|")
        return parts[3] if len(parts) == 4 and parts[0] == "outbound" else ""

    @property
    def subset(self) -> str:
        parts = self.cluster.split("|")
        return parts[2] if len(parts) == 4 and parts[0] == "outbound" else ""

    def shown(self) -> dict[str, t.Any]:
        """The record as evidence in a report."""
        found = {
            "proxy": self.pod,
            "status": self.status,
            "flags": self.flags,
            "details": self.details,
            "upstream": self.upstream,
            "cluster": self.cluster,
        }
        return {name: value for name, value in found.items() if value not in ("", "-")}


def records(log: bytes, pod: str, run: str) -> t.Iterator[Record]:
    """Records of requests that this run has sent; other lines are passed over."""
    marker = f"mesh-workshop-probe/{run}".encode()
    for line in log.splitlines():
        if marker not in line:
            continue
        fields = _fields(line.decode("utf-8", "replace"))
        if fields is None:
            continue
        agent = AGENT.search(str(fields.get("user_agent") or ""))
        if agent is not None:
            yield _record(fields, pod, agent[0])


def _fields(line: str) -> t.Mapping[str, t.Any] | None:
    if line.startswith("{"):
        try:
            parsed = json.loads(line)
        except ValueError:
            return None
        return parsed if isinstance(parsed, dict) else None
    found = TEXT.match(line)
    return found.groupdict() if found else None


def _record(fields: t.Mapping[str, t.Any], pod: str, agent: str) -> Record:
    def text(name: str) -> str:
        value = str(fields.get(name) or "")
        return "" if value == "-" else value

    def number(name: str) -> int:
        value = text(name)
        return int(value) if value.isdigit() else 0

    return Record(
        agent=agent,
        pod=pod,
        status=number("response_code"),
        flags=text("response_flags"),
        details=text("response_code_details"),
        failure=text("upstream_transport_failure_reason"),
        authority=text("authority"),
        path=text("path"),
        upstream=text("upstream_host"),
        cluster=text("upstream_cluster"),
        route=text("route_name"),
        milliseconds=number("duration"),
    )


def by_agent(found: t.Iterable[Record]) -> dict[str, list[Record]]:
    """Records grouped by the request that they belong to."""
    grouped: dict[str, list[Record]] = {}
    for record in found:
        grouped.setdefault(record.agent, []).append(record)
    return grouped
