# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answered, how often it was tried, who got a copy: from the proxies' logs, or from what the answers say."""

from __future__ import annotations

import re
import threading
import time
import typing as t

from .._observe.access_log import Record
from .._observe.errors import NotYet
from .faults import Answer

Observation = t.Mapping[str, t.Any]

POD_NAME = re.compile(r"^(?P<workload>.+)-[a-z0-9]{5,10}-[a-z0-9]{5}$")
VERSION_IN_NAME = re.compile(r"(?:^|-)(v\d+[a-z0-9.]*)(?:-|$)")
ASK_AGAIN = 0.5
"""Seconds before an unknown pod makes us ask for the list of pods again."""
SHADOW = re.compile(r"-shadow(?::\d+)?$")
"""What Envoy appends to the authority of a mirrored copy (route.v3.RouteAction, request_mirror_policies)."""

ANSWERED = "via_upstream"
"""Envoy's response code detail of an answer that is the upstream's own."""
LOGS_ON = (
    "Switch access logs on (meshConfig.accessLogFile: /dev/stdout, or a Telemetry with accessLogging), and ask with "
    "the right to read the logs of pods."
)


class NoEvidence(NotYet):
    """The answers are there, but nothing that tells what was asked: records may be late, or are not written."""


def version_from_name(pod: str) -> str | None:
    """``v2`` from ``reviews-v2-7d7b8d5f9-abcde``; None where the name says no version."""
    found = POD_NAME.match(pod)
    match = VERSION_IN_NAME.search(found["workload"] if found else pod)
    return match[1] if match else None


class PodVersions:
    """Versions by a pod's name or address, from the pods' labels; asks again when a pod is new."""

    def __init__(self, list_pods: t.Callable[[], t.Sequence[t.Mapping[str, t.Any]]] | None) -> None:
        self._list = list_pods
        self._known: dict[str, str | None] = {}
        self._asked = float("-inf")
        self._lock = threading.Lock()

    def version(self, pod: str) -> tuple[str | None, bool]:
        """(version, known from the label rather than guessed from the name)."""
        with self._lock:
            if pod not in self._known and self._list is not None and time.monotonic() - self._asked > ASK_AGAIN:
                for one in self._list():
                    labels = one["metadata"].get("labels") or {}
                    label = labels.get("version") or labels.get("service.istio.io/canonical-revision")
                    self._known[one["metadata"]["name"]] = label
                    for address in one.get("status", {}).get("podIPs") or []:
                        self._known[address["ip"]] = label
                self._asked = time.monotonic()
            if pod in self._known:
                return self._known[pod], True
        return version_from_name(pod), False


def by_answers(seen: t.Sequence[Observation], versions: PodVersions) -> tuple[list[Answer], str]:
    """What the answers themselves tell, and a phrase that says so."""
    answers: list[Answer] = []
    guessed = False
    for one in seen:
        pod = (one.get("extracted") or {}).get("pod")
        if not pod:
            answers.append(Answer(one))
            continue
        version, labelled = versions.version(pod)
        guessed = guessed or not labelled
        answers.append(Answer(one, version or f"pod {pod}"))
    how = "from the pod's name" if guessed else "from the pod's label"
    return answers, f"the answer names its pod, its version is taken {how}"


def are_written(records: t.Sequence[Record], service: str) -> bool:
    """Whether these records of requests show that the proxies write logs, so that what is not in them did not happen.

    A caller's own record shows it, unless it says that the service has answered: that proxy must have written too.
    """
    if any(record.inbound for record in records):
        return True
    answered = [one for one in records if one.service and one.details == ANSWERED and concerns(one, service)]
    return bool(records) and not answered


def by_logs(
    seen: t.Sequence[Observation],
    found: t.Mapping[str, t.Sequence[Record]],
    versions: PodVersions,
    service: str,
    at_callee: bool,
    mirrored: t.Sequence[str] = (),
) -> list[Answer]:
    """What the proxies' records tell: those of the callee (``at_callee``), else those of the caller.

    ``mirrored`` names the versions to which copies may go. Envoy marks a copy by a suffix of its authority; Istio
    switches the suffix off (DISABLE_SHADOW_HOST_SUFFIX), so a record at such a version counts as a copy unless it is
    the version that answered.
    """
    answers = []
    for one in seen:
        records = tuple(found.get(str(one.get("agent")), ()))
        asked = [
            _asked_version(record, versions)
            for record in records
            if not record.inbound and concerns(record, service) and not SHADOW.search(record.authority)
        ]
        named = (one.get("extracted") or {}).get("pod")
        served = next((version for version in reversed(asked) if version), None)
        if served is None and named and at_callee:
            served = versions.version(named)[0]
        copies = set()
        tries = 0 if at_callee else len(asked)
        last: str | None = None
        for record in records if at_callee else ():
            if not record.inbound:
                continue
            version = versions.version(record.pod)[0] or f"pod {record.pod}"
            if SHADOW.search(record.authority) or (version in mirrored and version != served):
                copies.add(version)
                continue
            tries += 1
            last = version
        answers.append(Answer(one, served or last, True, tries, frozenset(copies), records))
    return answers


def _asked_version(record: Record, versions: PodVersions) -> str | None:
    """Version of the pod that a caller's proxy has asked, None where it found nobody to ask."""
    address = record.upstream.rpartition(":")[0].strip("[]")
    if not address:
        return None
    return versions.version(address)[0] or record.subset or address


def concerns(record: Record, service: str) -> bool:
    """Whether a record is about the service: a caller's proxy knows it, a callee's proxy is asked for it only."""
    if record.inbound or not record.service:
        return True
    return record.service.split(".")[0] == service.split(".")[0]
