# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind by its own module: checked, created, proven by traffic, unchanged, changed, removed.

All kinds go through a phase in one play, so that the phases can be compared; each is aimed at hosts or pods of its own.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import pytest

Json = dict[str, t.Any]

SITE = "modules.example"
V2 = {"selector": {"matchLabels": {"version": "v2"}}}
# A public key whose private half nobody has.
JWKS = (
    '{"keys": [{"kty": "EC", "crv": "P-256", "x": "slDeMaA7MSNHyMYlq9lqXr9SJxb9C4MnFo70z_gGBzg", '
    '"y": "m8iRsSSZfpuUiDbVLkppr7RqJ1T2QwoTQZ1aQJctyK8"}]}'
)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind: a spec, what traffic shows with it and without it, and another spec."""

    module: str
    api_version: str
    plural: str
    name: str
    spec: Json
    request: Json
    present: Json
    absent: Json
    change: t.Callable[[Json], None]
    source: str = "client"

    def check(self, expect: Json) -> Json:
        request = {"count": 20, **self.request} if "status" in expect else self.request
        return {"name": f"{self.module}: {expect}", "from": self.source, "request": request, "expect": expect}

    @property
    def changed(self) -> Json:
        spec = copy.deepcopy(self.spec)
        self.change(spec)
        return spec


def url(host: str, path: str = "/") -> Json:
    return {"url": f"http://{host}:8080{path}"}


NETWORKING, SECURITY, TELEMETRY = "networking.istio.io/v1", "security.istio.io/v1", "telemetry.istio.io/v1"
KINDS = [
    # First, since connections that are there already are logged for another second.
    Kind(
        "telemetry",
        TELEMETRY,
        "telemetries",
        "quiet",
        {
            "selector": {"matchLabels": {"version": "v1", "app": "server"}},
            "accessLogging": [{"providers": [{"name": "envoy"}], "disabled": True}],
        },
        {**url("v1"), "count": 5},
        # Nothing is said about who has answered: that would be read from the log which is silent now.
        {"status": 200},
        {"status": 200, "attempts": 1},
        lambda spec: spec["selector"]["matchLabels"].pop("app"),
    ),
    Kind(
        "gateway",
        NETWORKING,
        "gateways",
        "door",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                    "hosts": [SITE],
                    "tls": {"httpsRedirect": True},
                }
            ],
        },
        {"url": f"http://{SITE}/"},
        {"status": 301, "headers": {"location": f"https://{SITE}/"}},
        {"status": 404},
        lambda spec: spec["servers"][0]["hosts"].append(f"www.{SITE}"),
        "host",
    ),
    Kind(
        "destination_rule",
        NETWORKING,
        "destinationrules",
        "v1",
        {"host": "v1", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
        url("v1"),
        {"status": 200, "body": {"lacks": "spiffe://"}},
        {"status": 200, "body": {"contains": "spiffe://"}},
        lambda spec: spec["trafficPolicy"].update(connectionPool={"http": {"http2MaxRequests": 100}}),
    ),
    Kind(
        "virtual_service",
        NETWORKING,
        "virtualservices",
        "server",
        {
            "hosts": ["server"],
            "http": [
                {
                    "route": [{"destination": {"host": "v1"}}],
                    "headers": {"response": {"set": {"x-routed": "yes"}}},
                }
            ],
        },
        url("server"),
        {"status": 200, "served_by": {"v1": 100}, "callee": "v1", "headers": {"x-routed": "yes"}},
        {"status": 200, "headers": {"x-routed": {"present": False}}},
        lambda spec: spec["http"][0].update(timeout="20s"),
    ),
    Kind(
        "service_entry",
        NETWORKING,
        "serviceentries",
        "outside",
        {
            "hosts": ["outside.example"],
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
            "ports": [{"number": 8080, "name": "http", "protocol": "HTTP"}],
        },
        {**url("outside.example"), "connect_to": "bare"},
        {"status": 200, "upstream_cluster": {"contains": "outside.example"}},
        {"status": 200, "upstream_cluster": {"contains": "PassthroughCluster"}},
        lambda spec: spec["hosts"].append("other.outside.example"),
    ),
    Kind(
        "sidecar",
        NETWORKING,
        "sidecars",
        "client",
        {
            "workloadSelector": {"labels": {"app": "client"}},
            "egress": [{"hosts": ["./*", "istio-system/*"]}],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        },
        {**url("unknown.example"), "connect_to": "bare"},
        {"status": 502},
        {"status": 200},
        lambda spec: spec["egress"][0]["hosts"].append("default/*"),
    ),
    Kind(
        "envoy_filter",
        "networking.istio.io/v1alpha3",
        "envoyfilters",
        "marked",
        {
            "workloadSelector": {"labels": {"version": "v2"}},
            "configPatches": [
                {
                    "applyTo": "VIRTUAL_HOST",
                    "match": {
                        "context": "SIDECAR_INBOUND",
                        "routeConfiguration": {"vhost": {"name": "inbound|http|8080"}},
                    },
                    "patch": {
                        "operation": "MERGE",
                        "value": {"response_headers_to_add": [{"header": {"key": "x-marked", "value": "yes"}}]},
                    },
                }
            ],
        },
        url("v2"),
        {"status": 200, "headers": {"x-marked": "yes"}},
        {"status": 200, "headers": {"x-marked": {"present": False}}},
        lambda spec: spec.update(priority=10),
    ),
    Kind(
        "peer_authentication",
        SECURITY,
        "peerauthentications",
        "strict",
        {**V2, "mtls": {"mode": "STRICT"}},
        url("v2.modules"),
        {"refused": True},
        {"status": 200},
        lambda spec: spec["mtls"].update(mode="PERMISSIVE"),
        "no_sidecar",
    ),
    Kind(
        "request_authentication",
        SECURITY,
        "requestauthentications",
        "tokens",
        {**V2, "jwtRules": [{"issuer": f"https://{SITE}", "jwks": JWKS}]},
        {**url("v2"), "headers": {"Authorization": "Bearer not.a.token"}},
        {"status": 401},
        {"status": 200},
        lambda spec: spec["jwtRules"][0].update(forwardOriginalToken=True),
    ),
    Kind(
        "authorization_policy",
        SECURITY,
        "authorizationpolicies",
        "private",
        {**V2, "action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/private"]}}]}]},
        url("v2", "/private"),
        {"status": 403},
        {"status": 200},
        lambda spec: spec["rules"][0]["to"][0]["operation"]["paths"].append("/secret"),
    ),
]
NAMES = [kind.module for kind in KINDS]
PHASES = (
    "unknown_field",
    "check_create",
    "create",
    "again",
    "check_change",
    "check_delete",
    "change",
    "delete",
    "delete_again",
)


@dataclasses.dataclass
class Life:
    """What the modules returned in each phase, and what the API server and traffic said in between."""

    results: dict[str, dict[str, Json]] = dataclasses.field(default_factory=dict)
    snapshots: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    objects: dict[str, Json] = dataclasses.field(default_factory=dict)
    negatives: dict[str, dict[str, bool]] = dataclasses.field(default_factory=dict)


@pytest.fixture(scope="module")
def life(world: t.Any) -> Life:
    found = Life()

    def tasks(phase: str) -> list[Json]:
        made = []
        for kind in KINDS:
            arguments: Json = {"name": kind.name, "spec": kind.spec}
            if phase == "unknown_field":
                arguments["spec"] = {**kind.spec, "unheardOf": 1}
            elif "change" in phase:
                arguments["spec"] = kind.changed
            elif "delete" in phase:
                arguments = {"name": kind.name, "state": "absent"}
            if phase in ("create", "check_create"):
                arguments["verify"] = [kind.check(kind.present)]
            made.append(world.task(kind.module, check=phase.startswith("check"), **arguments))
        return made

    def go(*phases: str, absent: bool = False) -> None:
        wanted = [task for phase in phases for task in tasks(phase)]
        if absent:
            wanted.append(world.verify(*(kind.check(kind.absent) for kind in KINDS), once=phases[-1] == "create"))
        results = world.play(*wanted)
        for number, phase in enumerate(phases):
            found.results[phase] = dict(zip(NAMES, results[number * len(KINDS) :][: len(KINDS)], strict=True))
        if absent:
            verdicts = [check["passed"] for check in results[-1]["checks"]]
            found.negatives[phases[-1]] = dict(zip(NAMES, verdicts, strict=True))
        found.snapshots[phases[-1]] = world.snapshot()

    found.snapshots["before"] = world.snapshot()
    go("unknown_field", "check_create")
    go("create", absent=True)
    for kind in KINDS:
        found.objects[kind.module] = world.find(kind.api_version, kind.plural, kind.name)
    go("again", "check_change", "check_delete")
    go("change", "delete", "delete_again", absent=True)
    return found


each_kind = pytest.mark.parametrize("kind", KINDS, ids=NAMES)


def outcome(life: Life, phase: str, kind: Kind) -> Json:
    result = life.results[phase][kind.module]
    assert not result["failed"], result["msg"]
    return result


def action(result: Json) -> str:
    (one,) = result["results"]
    return str(one["action"])


@each_kind
def test_an_unknown_field_is_refused_by_its_path(life, kind):
    result = life.results["unknown_field"][kind.module]
    assert result["failed"]
    assert not result["changed"]
    assert "spec.unheardOf" in result["msg"]


@each_kind
def test_check_mode_tells_the_creation(life, kind):
    result = outcome(life, "check_create", kind)
    assert result["changed"]
    assert action(result) == "created"
    (diff,) = result["diff"]
    assert diff["before"] == ""
    assert kind.name in diff["after"]
    assert [check["skipped"] for check in result["checks"]] == [True]


def test_check_mode_and_refusals_create_nothing(life):
    assert life.snapshots["check_create"] == life.snapshots["before"]


@each_kind
def test_it_is_created_and_traffic_proves_it(life, kind):
    result = outcome(life, "create", kind)
    assert result["changed"]
    assert action(result) == "created"
    assert [check["passed"] for check in result["checks"]] == [True]
    assert life.objects[kind.module]["spec"] == kind.spec


@each_kind
def test_what_shows_its_absence_fails_while_it_is_there(life, kind):
    assert life.negatives["create"][kind.module] is False


@each_kind
def test_applied_again_it_is_unchanged(life, kind):
    result = outcome(life, "again", kind)
    assert not result["changed"]
    assert action(result) == "unchanged"
    assert result["diff"] == []


@each_kind
def test_check_mode_tells_the_change(life, kind):
    result = outcome(life, "check_change", kind)
    assert result["changed"]
    assert action(result) == "changed"
    (diff,) = result["diff"]
    assert diff["before"] != diff["after"]
    assert "managedFields" not in diff["before"] + diff["after"]
    assert "resourceVersion" not in diff["before"] + diff["after"]
    assert result["diff"] == outcome(life, "change", kind)["diff"]


@each_kind
def test_check_mode_tells_the_removal(life, kind):
    result = outcome(life, "check_delete", kind)
    assert result["changed"]
    assert action(result) == "deleted"
    (diff,) = result["diff"]
    assert kind.name in diff["before"]
    assert diff["after"] == ""


def test_neither_a_second_run_nor_check_mode_changes_a_resource_version(life):
    assert life.snapshots["check_delete"] == life.snapshots["create"]


@each_kind
def test_it_is_changed(life, kind):
    result = outcome(life, "change", kind)
    assert result["changed"]
    assert action(result) == "changed"


@each_kind
def test_it_is_removed_and_traffic_proves_it(life, kind):
    result = outcome(life, "delete", kind)
    assert result["changed"]
    assert action(result) == "deleted"
    assert life.negatives["delete_again"][kind.module] is True


@each_kind
def test_removed_again_it_is_absent(life, kind):
    result = outcome(life, "delete_again", kind)
    assert not result["changed"]
    assert action(result) == "absent"


def test_nothing_of_them_is_left(life):
    assert set(life.snapshots["delete_again"]) == set(life.snapshots["before"])
    assert len(life.results) == len(PHASES)
