# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import by_agent, records
from ansible_collections.mesh.workshop.plugins.module_utils._verify.evidence import PodVersions, by_logs

OUTBOUND = (
    '[2026-11-22T20:27:48.394Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 432 20 20 "-" '
    '"curl/8 mesh-workshop-probe/77dd79-1-58" "8f11e103-aaeb-45a9-af07-3c316120fec3" "reviews:9080" "10.244.0.14:9080" '
    "outbound|9080|v2|reviews.p8.svc.cluster.local 10.244.0.11:38062 10.96.122.217:9080 10.244.0.11:54718 - default"
)
INBOUND = (
    '[2026-11-22T20:27:48.369Z] "GET /details/0 HTTP/1.1" 200 - via_upstream - "-" 0 195 4 4 "-" '
    '"mesh-workshop-probe/77dd79-1-58" "8f11e103" "details:9080" "10.244.0.15:9080" inbound|9080|| 127.0.0.6:50392 '
    "10.244.0.15:9080 10.244.0.11:59178 outbound_.9080_._.details.p8.svc.cluster.local default"
)
NOT_FOUND = (
    '[2026-11-22T20:27:45.313Z] "GET /productpage HTTP/1.1" 404 NR route_not_found - "-" 0 0 0 - "10.244.0.1" '
    '"mesh-workshop-probe/77dd79-4-59" "a353f96d" "other.example" "-" - - 10.244.0.4:8080 10.244.0.1:25336 - -'
)
TLS_FAILURE = (
    '[2026-11-22T20:27:45.313Z] "GET /x HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{remote reset} - '
    '"TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER" 0 95 0 - "-" '
    '"mesh-workshop-probe/77dd79-5-1" "a353f96d" "ratings:9080" "10.244.0.9:9080" '
    "outbound|9080||ratings.p8.svc.cluster.local - 10.96.0.9:9080 10.244.0.1:25336 - default"
)
NOISE = "2026-11-22T20:27:45.313Z info Envoy proxy is ready\nnot a record mesh-workshop-probe/77dd79\n{broken"


def parse(*lines: str) -> list[t.Any]:
    return list(records("\n".join(lines).encode(), "pod-1", "77dd79"))


def test_text_as_istio_writes_it() -> None:
    outbound, inbound, missing, failed = parse(NOISE, OUTBOUND, INBOUND, NOT_FOUND, TLS_FAILURE)
    assert outbound.agent == "mesh-workshop-probe/77dd79-1-58"
    assert (outbound.status, outbound.flags, outbound.upstream) == (200, "", "10.244.0.14:9080")
    assert (outbound.service, outbound.subset, outbound.inbound) == ("reviews.p8.svc.cluster.local", "v2", False)
    assert (inbound.inbound, inbound.service, inbound.authority) == (True, "", "details:9080")
    assert (missing.status, missing.flags, missing.details) == (404, "NR", "route_not_found")
    assert (missing.upstream, missing.cluster) == ("", "")
    assert failed.flags == "UF,URX"
    assert failed.details == "upstream_reset_before_response_started{remote reset}"
    assert "WRONG_VERSION_NUMBER" in failed.failure


def test_json_as_istio_writes_it() -> None:
    line = {
        "user_agent": "mesh-workshop-probe/77dd79-1-58",
        "response_code": 503,
        "response_flags": "UH",
        "response_code_details": "no_healthy_upstream",
        "upstream_host": None,
        "upstream_cluster": "outbound|9080|v9|reviews.p8.svc.cluster.local",
        "authority": "reviews:9080",
        "duration": 3,
    }
    record = parse(json.dumps(line))[0]
    assert (record.status, record.flags, record.subset, record.upstream) == (503, "UH", "v9", "")
    assert record.shown() == {
        "proxy": "pod-1",
        "status": 503,
        "flags": "UH",
        "details": "no_healthy_upstream",
        "cluster": "outbound|9080|v9|reviews.p8.svc.cluster.local",
    }


def test_other_runs_are_passed_over() -> None:
    assert list(records(OUTBOUND.encode(), "pod-1", "000000")) == []


def seen(number: int = 58) -> dict[str, t.Any]:
    return {"agent": f"mesh-workshop-probe/77dd79-1-{number}", "status": 200, "error": None}


def versions() -> PodVersions:
    pod = {"metadata": {"name": "pod-1", "labels": {"version": "v2"}}, "status": {"podIPs": [{"ip": "10.244.0.14"}]}}
    return PodVersions(lambda: [pod])


def test_the_callers_record_names_the_pod_that_answered() -> None:
    found = by_agent(parse(OUTBOUND, INBOUND))
    answer, unknown = by_logs([seen(), seen(7)], found, versions(), "reviews", at_callee=False)
    assert (answer.served, answer.tries) == ("v2", 1)
    assert (unknown.served, unknown.tries) == (None, 0)
    other = by_logs([seen()], found, versions(), "ratings", at_callee=False)[0]
    assert other.served is None, "a record about another service of the same request is not evidence"


def test_the_callees_records_tell_tries_and_copies() -> None:
    shadow = INBOUND.replace('"details:9080"', '"details-shadow:9080"')
    answer = by_logs([seen()], by_agent(parse(INBOUND, INBOUND, shadow)), versions(), "details", at_callee=True)[0]
    assert (answer.served, answer.tries, answer.copies) == ("v2", 2, frozenset({"v2"}))


def test_a_copy_without_a_mark_is_known_by_its_version() -> None:
    pods = [
        {"metadata": {"name": f"reviews-{n}", "labels": {"version": n}}, "status": {"podIPs": [{"ip": address}]}}
        for n, address in (("v2", "10.244.0.14"), ("v3", "10.244.0.15"))
    ]
    at_v2 = list(records(INBOUND.encode(), "reviews-v2", "77dd79"))
    at_v3 = list(records(INBOUND.encode(), "reviews-v3", "77dd79"))
    found = by_agent([*parse(OUTBOUND), *at_v3, *at_v2])
    known = PodVersions(lambda: pods)
    answer = by_logs([seen()], found, known, "reviews", at_callee=True, mirrored=["v3"])[0]
    assert (answer.served, answer.tries, answer.copies) == ("v2", 1, frozenset({"v3"}))
    retried = by_logs([seen()], found, known, "reviews", at_callee=True)[0]
    assert (retried.served, retried.tries, retried.copies) == ("v2", 2, frozenset())
