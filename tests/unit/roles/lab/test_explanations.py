# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the catalogue in the world in which it fails: its explanation accuses what is wrong there, and no more.

The worlds hold what a cluster shows of them in condensed form: the objects of the world's stage, Bookinfo's Services
and pods, the answers that fail, and what the proxies wrote. The scenario `labs` asks the same of real worlds.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks
from ansible_collections.mesh.workshop.plugins.module_utils._verify.explain import findings_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import Answer
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import Verdict
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import Decision
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import BASELINE, Stage, desired_state, parse_lab

from .test_catalogue import NAMES, read

Json = dict[str, t.Any]

KINDS = (
    *("Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "EnvoyFilter", "Telemetry", "Secret"),
    *("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Namespace", "Service", "Pod"),
)
BOOKINFO = {"productpage": ("v1",), "details": ("v1",), "reviews": ("v1", "v2", "v3"), "ratings": ("v1",)}
CALLS = (("productpage", "details"), ("productpage", "reviews"), ("reviews", "ratings"))
NOBODY = "rbac_access_denied_matched_policy[none]"


class Case(t.NamedTuple):
    """One check and the world in which it fails."""

    lab: str
    stage: Stage
    world: Stage | None
    check: Json


def cases() -> dict[str, Case]:
    found = {}
    for name in NAMES:
        lab = parse_lab(name, read(name))
        stages = {stage.name: stage for stage in lab.stages}
        for state in (state for stage in lab.stages for state in (*stage.steps, stage)):
            for check in state.checks:
                where = check.get("fails_in")
                if where is None:
                    continue
                world = mutated(state, where["mutation"]) if isinstance(where, dict) else stages.get(where)
                found[f"{name}, {state.name}: {check['name']}"] = Case(name, state, world, dict(check))
    return found


def mutated(stage: Stage, mutation: Json) -> Stage:
    changed = {(one["kind"], one["metadata"]["name"]): one for one in mutation.get("resources", ())}
    gone = {(one["kind"], one["metadata"]["name"]) for one in mutation.get("removes", ())}
    kept = [one for one in stage.resources if (one["kind"], one["metadata"]["name"]) not in {*changed, *gone}]
    return dataclasses.replace(stage, resources=[*kept, *changed.values()])


def documents(lab: str, stage: Stage | None) -> list[Json]:
    baseline = parse_lab(BASELINE, read(BASELINE)).stages[0]
    desired = desired_state(baseline=baseline, lab=lab, stage=stage, namespace="bookinfo")
    return desired.documents


def pod(name: str, namespace: str, labels: dict[str, str], proxy: bool = True) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "app"}, *([{"name": "istio-proxy"}] if proxy else [])]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def live(world: list[Json]) -> dict[str, tuple[Json, ...]]:
    """What a cluster shows of these documents: with Bookinfo, and pods for Deployments."""
    found: dict[str, list[Json]] = {kind: [one for one in world if one["kind"] == kind] for kind in KINDS}
    for app, versions in BOOKINFO.items():
        ports = [{"name": "http", "port": 9080, "targetPort": 9080}]
        meta = {"name": app, "namespace": "bookinfo"}
        found["Service"].append({"metadata": meta, "spec": {"selector": {"app": app}, "ports": ports}})
        found["Pod"] += [pod(f"{app}-{one}-a-b", "bookinfo", {"app": app, "version": one}) for one in versions]
    for one in (one for one in world if one["kind"] == "Deployment"):
        labels = one["spec"]["template"]["metadata"]["labels"]
        meshed = labels.get("sidecar.istio.io/inject") != "false"
        found["Pod"].append(pod(f"{one['metadata']['name']}-a-b", "bookinfo", labels, meshed))
    found["Pod"].append(pod("istiod-a-b", "istio-system", {"app": "istiod"}))
    found["Pod"].append(pod("istio-ingressgateway-a-b", "istio-system", {"istio": "ingressgateway"}))
    return {kind: tuple(items) for kind, items in found.items()}


def record(caller: str, callee: str, details: str = "via_upstream", status: int = 200) -> Record:
    """What the proxy of a caller wrote."""
    texts = {one.name: "" for one in dataclasses.fields(Record)}
    host = f"{callee}.bookinfo.svc.cluster.local"
    return Record(
        **{
            **texts,
            "pod": f"{caller}-v2-a-b" if caller == "reviews" else f"{caller}-v1-a-b",
            "status": status,
            "flags": "",
            "details": details,
            "authority": f"{callee}:9080",
            "path": "/",
            "cluster": f"outbound|9080||{host}",
            "milliseconds": 3,
        }
    )


def answer(case: Case) -> Answer:
    """The answer that fails: as the world gives it."""
    lab, url, world = case.lab, str(case.check["request"]["url"]), case.world.name if case.world else BASELINE
    status: int | None = 200
    error, named = "", case.check["name"]
    if (lab, world) == ("gateway", "closed") or (url.startswith("https") and world == BASELINE):
        error = "connection_refused"
    elif lab == "tls" and case.stage.name == "mutual_gateway" and world == "mutual_gateway":
        error = "tls_handshake"
    elif lab == "tls" and case.stage.name == "permissive":
        error = "reset_before_response"
    elif world == "deny_all" or named in ("reviews get ratings", "the guestbook asks the analyzer"):
        status = 403
    elif named.startswith("whoever signs the guestbook") or (lab == "egress" and case.stage.name != "registry_only"):
        status = 502
    elif case.check["request"].get("stream"):
        status = 503
    session = bool(case.check["request"].get("session"))
    if error:
        kind, detail = ("login_failed", error) if session else (error, "")
        return Answer({"status": None, "error": {"kind": kind, "detail": detail}, "headers": [], "body": ""})
    return Answer({"status": status, "error": None, "headers": [], "body": "x", "seconds": 0.01}, served="v2")


def written(case: Case) -> tuple[Record, ...]:
    """What the proxies wrote: of a page's calls, which of them a policy denied."""
    if case.check["name"] == "whoever signs the guestbook learns the tone":
        return (record("guestbook", "analyzer", NOBODY, 403),)
    if answer(case).seen["error"] or case.check.get("from", "host") != "host":
        return ()
    denied = {"page": ("details", "reviews"), "details_reviews": ("ratings",)}
    name = case.world.name if case.world and case.lab == "rbac" else ""
    return tuple(record(*one, *((NOBODY, 403) if one[1] in denied.get(name, ()) else ())) for one in CALLS)


CASES = cases()


def test_every_check_that_fails_somewhere_is_a_case() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_only_what_makes_the_world_wrong_is_accused(name: str) -> None:
    case = CASES[name]
    wanted, world = documents(case.lab, case.stage), documents(case.lab, case.world)
    (check,) = parse_checks([case.check], default_namespace="bookinfo")
    shares = ("served_by",) if check.expect.served_by else ()
    verdict = Verdict(Decision.WRONG, "", "", 1, wrong_shares=shares)
    found = diagnose(
        dataclasses.replace(
            findings_of(check, None, verdict, [answer(case)]),
            objects=live(world),
            records=written(case),
            desired=tuple(wanted),
        )
    )
    assert found is not None
    specs = [
        {f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}": body(one) for one in documents}
        for documents in (wanted, world)
    ]
    wrong = {key for key in {*specs[0], *specs[1]} if specs[0].get(key) != specs[1].get(key)}
    accused = found.accused()
    assert accused, found.sentence
    assert accused <= wrong, found.sentence
    assert found.remedy
    assert found.change or all(one.startswith("Secret ") for one in accused)


def body(document: Json) -> Json:
    return {key: value for key, value in document.items() if key != "metadata"}
