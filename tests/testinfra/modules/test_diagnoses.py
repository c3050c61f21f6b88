# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failing check says: each cause is made for real, and named in plain words with a remedy."""

from __future__ import annotations

import typing as t

import pytest

Json = dict[str, t.Any]
NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"


def document(api_version: str, kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def subsets(*versions: str) -> Json:
    named = [{"name": version, "labels": {"version": version}} for version in versions]
    return document(NETWORKING, "DestinationRule", "server", {"host": "server", "subsets": named})


def route(host: str, subset: str | None = None) -> Json:
    destination = {"host": host, "subset": subset} if subset else {"host": host}
    return document(
        NETWORKING,
        "VirtualService",
        "server",
        {"hosts": ["server"], "http": [{"route": [{"destination": destination}]}]},
    )


def split(first: int, second: int) -> Json:
    """A route to both versions with weights."""
    parts = [
        {"destination": {"host": "server", "subset": version}, "weight": weight}
        for version, weight in (("v1", first), ("v2", second))
    ]
    return document(NETWORKING, "VirtualService", "server", {"hosts": ["server"], "http": [{"route": parts}]})


def marking(name: str) -> Json:
    """A route to the server that leaves a mark of its own in the answers."""
    mark = {"response": {"set": {f"x-{name}": "yes"}}}
    http = [{"headers": mark, "route": [{"destination": {"host": "server"}}]}]
    return document(NETWORKING, "VirtualService", name, {"hosts": ["server"], "http": http})


def elsewhere(definition: Json) -> Json:
    """The same where somebody has forgotten to say the namespace."""
    return {**definition, "metadata": {**definition["metadata"], "namespace": "default"}}


def answers(source: str = "client", host: str = "server", **expect: t.Any) -> Json:
    return {
        "name": f"an answer to {source}",
        "from": source,
        "request": {"url": f"http://{host}:8080/"},
        "expect": {"status": 200, **expect},
    }


DENY = document(
    SECURITY,
    "AuthorizationPolicy",
    "closed",
    {"selector": {"matchLabels": {"app": "server"}}, "action": "DENY", "rules": [{}]},
)
ALLOW = document(
    SECURITY,
    "AuthorizationPolicy",
    "readers",
    {"selector": {"matchLabels": {"app": "server"}}, "rules": [{"from": [{"source": {"namespaces": ["readers"]}}]}]},
)
STRICT = document(
    SECURITY,
    "PeerAuthentication",
    "strict",
    {"selector": {"matchLabels": {"app": "server"}}, "mtls": {"mode": "STRICT"}},
)
PLAIN = document(
    NETWORKING, "DestinationRule", "server", {"host": "server", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
)
TOKENS = document(
    SECURITY,
    "RequestAuthentication",
    "tokens",
    {
        "selector": {"matchLabels": {"app": "server"}},
        "jwtRules": [{"issuer": "workshop", "jwks": '{"keys": [{"kty": "oct", "kid": "1", "k": "d29ya3Nob3A"}]}'}],
    },
)
ABORT = {
    "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}},
    **route("server", "v2")["spec"]["http"][0],
}
REGISTRY_ONLY = document(NETWORKING, "Sidecar", "default", {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}})
TO_V2 = answers(served_by={"v2": 100})
CASES: dict[str, tuple[list[Json], Json, str, str]] = {
    "subset without pods": (
        [subsets("v1", "v9"), route("server", "v9")],
        answers(),
        "Subset v9 of DestinationRule modules/server asks for the labels version=v9, and no pod of server has them.",
        "deploy that version",
    ),
    "subset that nobody defines": (
        [subsets("v1"), route("server", "v2")],
        answers(),
        "routes to subset v2 of server, which no DestinationRule defines (it has v1).",
        "Apply a DestinationRule",
    ),
    "VirtualService before its DestinationRule": (
        [route("server", "v2")],
        TO_V2,
        "VirtualService modules/server routes to subset v2 of server, which no DestinationRule defines (there is "
        "none).",
        "Apply a DestinationRule for server with this subset, whose pods have the label version=v2. istioctl analyze "
        "says of VirtualService modules/server: Referenced host+subset in destinationrule not found",
    ),
    "DestinationRule in another namespace": (
        [elsewhere(subsets("v2")), route("server", "v2")],
        TO_V2,
        "which no DestinationRule for it defines: DestinationRule default/server has it, but in namespace default.",
        "Apply DestinationRule server in namespace modules instead.",
    ),
    "DestinationRule for another host": (
        [
            document(NETWORKING, "DestinationRule", "servr", {**subsets("v2")["spec"], "host": "servr"}),
            route("server", "v2"),
        ],
        TO_V2,
        "DestinationRule modules/servr has it, but for the host servr, which is not a Service.",
        "Correct the host of DestinationRule modules/servr to server.",
    ),
    "VirtualService in another namespace": (
        [subsets("v1", "v2"), elsewhere(route("server", "v2"))],
        TO_V2,
        "VirtualService default/server is for the host server, which is not a Service of namespace default; namespace "
        "modules has it.",
        "Apply it in namespace modules instead.",
    ),
    "VirtualService for a misspelt host": (
        [
            subsets("v1", "v2"),
            document(NETWORKING, "VirtualService", "server", {**route("server", "v2")["spec"], "hosts": ["servr"]}),
        ],
        TO_V2,
        "VirtualService modules/server is for the host servr, which is not a Service of namespace modules; server is "
        "one.",
        "Write server.",
    ),
    "AuthorizationPolicy in another namespace": (
        [elsewhere(DENY)],
        {**answers(), "expect": {"status": 403}},
        "AuthorizationPolicy default/closed selects app=server, and no pod in namespace default has these labels; pods "
        "of namespace modules have them.",
        "Apply it in namespace modules instead.",
    ),
    "AuthorizationPolicy for labels that no pod has": (
        [
            document(
                SECURITY, "AuthorizationPolicy", "closed", {**DENY["spec"], "selector": {"matchLabels": {"app": "x"}}}
            )
        ],
        {**answers(), "expect": {"status": 403}},
        "AuthorizationPolicy modules/closed selects app=x, and no pod in namespace modules has these labels.",
        "Correct its selector. istioctl analyze says of AuthorizationPolicy modules/closed: No matching workloads",
    ),
    "AuthorizationPolicy of another workload": (
        [
            document(
                SECURITY,
                "AuthorizationPolicy",
                "closed",
                {**DENY["spec"], "selector": {"matchLabels": {"app": "client"}}},
            )
        ],
        {**answers(), "expect": {"status": 403}},
        "No AuthorizationPolicy holds for server in namespace modules, so every request is let in.",
        "Apply one in namespace modules whose selector has labels of its pods.",
    ),
    "weights of another split": (
        [subsets("v1", "v2"), split(10, 90)],
        answers(served_by={"v1": 90, "v2": 10}),
        "VirtualService modules/server sends 10 % to v1 and 90 % to v2; the check expects 90 and 10.",
        "Correct the weights: v1 90, v2 10.",
    ),
    "no weights at all": (
        [subsets("v1", "v2")],
        answers(served_by={"v1": 90, "v2": 10}),
        "No VirtualService splits server by version, so the shares come from the number of pods (v1 1, v2 1).",
        "Apply a VirtualService for server with the weights v1 90, v2 10",
    ),
    "delay that is not applied": (
        [],
        answers(latency={"above": 2}),
        "No delay is applied to server: no VirtualService has a fault with a delay.",
        "Apply a VirtualService with fault.delay",
    ),
    "quota that is not applied": (
        [],
        {**answers(), "expect": {"admitted": {"count": 10, "seconds": 0.5}}},
        "No EnvoyFilter limits the requests to server, so all are admitted.",
        "Apply the EnvoyFilter with the rate limit for the pods of server in namespace modules.",
    ),
    "copies that nobody makes": (
        [subsets("v1", "v2"), route("server", "v1")],
        answers(mirrored={"v2": 100}),
        "VirtualService modules/server does not mirror the requests to server: it has no mirrors.",
        "Add mirrors to its route",
    ),
    "RequestAuthentication in another namespace": (
        [elsewhere(TOKENS)],
        {
            **answers(),
            "request": {"url": "http://server:8080/", "headers": {"Authorization": "Bearer not.a.token"}},
            "expect": {"status": 401},
        },
        "RequestAuthentication default/tokens selects app=server, and no pod in namespace default has these labels",
        "Apply it in namespace modules instead.",
    ),
    "PeerAuthentication in another namespace": (
        [elsewhere(STRICT)],
        {**answers("no_sidecar", "server.modules"), "expect": {"refused": True}},
        "PeerAuthentication default/strict selects app=server, and no pod in namespace default has these labels; pods "
        "of namespace modules have them.",
        "Apply it in namespace modules instead.",
    ),
    "outside host that the mesh does not know": (
        [REGISTRY_ONLY],
        {**answers(), "request": {"url": "http://site.example:8080/", "connect_to": "bare"}},
        "The mesh does not know the host site.example, and Sidecar modules/default lets workloads call only what the "
        "mesh knows (REGISTRY_ONLY).",
        "Apply a ServiceEntry for site.example with port 8080.",
    ),
    "versions of another service": (
        [],
        answers(host="v1", served_by={"v2": 100}),
        "The check expects v2 of v1, which the URL asks, and v1 has only v1.",
        "Name the service that is meant as callee beside served_by (of server, v2).",
    ),
    "two VirtualServices for one host": (
        [marking("first"), marking("second")],
        {**answers(), "expect": {"headers": {"x-first": {"present": True}, "x-second": {"present": True}}}},
        "istioctl analyze finds fault with VirtualService modules/",
        "Keep one of these VirtualServices for the host, or merge them.",
    ),
    "host without a Service": (
        [route("nobody")],
        answers(),
        "VirtualService modules/server routes to nobody, which is neither a Service nor a host of a ServiceEntry.",
        "Correct the host, or create the Service.",
    ),
    "missing sidecar": (
        [subsets("v1", "v2"), route("server", "v1")],
        answers("bare", served_by={"v1": 100}),
        "Pods run without a sidecar, so the mesh's rules do not hold for them: modules/bare-v1-",
        'Remove the label sidecar.istio.io/inject: "false"',
    ),
    "mTLS mismatch": (
        [STRICT, PLAIN],
        answers(),
        "DestinationRule modules/server sends to server without mTLS (tls mode DISABLE), and PeerAuthentication "
        "modules/strict demands it (STRICT).",
        "ISTIO_MUTUAL",
    ),
    "plain text where mTLS is demanded": (
        [STRICT],
        answers("no_sidecar", "server.modules"),
        "PeerAuthentication modules/strict demands mTLS (STRICT), and this client has no sidecar to speak it.",
        "PERMISSIVE",
    ),
    "denied by a policy": (
        [DENY],
        answers(),
        "AuthorizationPolicy modules/closed denies the request (RBAC: access denied, pod server-v",
        "Change its rule",
    ),
    "allowed by no policy": (
        [ALLOW],
        answers(),
        "No rule of AuthorizationPolicy modules/readers allows the request at pod server-v",
        "Add a rule that allows this caller",
    ),
}


CHANGED = (
    *("subset that nobody defines", "VirtualService before its DestinationRule"),
    *("DestinationRule in another namespace", "DestinationRule for another host"),
    *("VirtualService in another namespace", "VirtualService for a misspelt host"),
    *("AuthorizationPolicy in another namespace", "RequestAuthentication in another namespace"),
    *("PeerAuthentication in another namespace", "weights of another split", "mTLS mismatch"),
)
"""Those that can be mended in one way only."""


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_named_with_a_remedy(world, case):
    """Where the diagnosis has a change, it is pasted, and the check passes."""
    definitions, check, sentence, remedy = CASES[case]
    # A change may move them into the namespace, or bring the DestinationRule that is missing.
    left = {(one["kind"], one["metadata"]["name"]): one for one in [subsets("v1"), *definitions]}.values()
    here = [{**one, "metadata": {"name": one["metadata"]["name"]}} for one in left]
    applied, verified, pasted, again, *removed = world.play(
        world.task("apply", definitions=definitions or [subsets("v1", "v2")]),
        world.verify({**check, "deadline": 1}),
        world.paste(1),
        {**world.verify(check), "when": "step_1.checks[0].change != ''"},
        world.task("apply", definitions=[*left], state="absent"),
        world.task("apply", definitions=here, state="absent"),
    )
    for result in (applied, pasted, again, *removed):
        assert not result.get("failed"), result.get("stderr") or result["msg"]
    assert verified["failed"]
    (found,) = verified["checks"]
    assert sentence in found["diagnosis"]
    assert remedy in found["remedy"]
    assert sentence in verified["msg"]
    assert bool(found["change"]) == (case in CHANGED)


def test_without_any_of_these_causes_the_checks_pass(world):
    checks = [answers(), answers("bare"), answers("no_sidecar", f"server.{world.namespace}")]
    (verified,) = world.play(world.verify(*checks))
    assert not verified["failed"], verified["msg"]


def test_leftovers_of_another_lab_are_named(world):
    definitions = [subsets("v1", "v2"), route("server", "v1")]
    results = world.play(
        world.task("apply", definitions=definitions[:1], lab="canary"),
        world.task("apply", definitions=definitions[1:], lab="yesterday"),
        world.verify({**answers(served_by={"v2": 100}), "deadline": 1}),
        world.task("apply", definitions=definitions, state="absent"),
    )
    assert [result["failed"] for result in results] == [False, False, True, False]
    (found,) = results[2]["checks"]
    for part in ("Rules of several labs", "of canary DestinationRule server", "of yesterday VirtualService server"):
        assert part in found["diagnosis"]
    assert "mesh.workshop.reset" in found["remedy"]


def test_a_policy_that_the_lab_before_left_is_named_with_its_lab(world):
    results = world.play(
        world.task("apply", definitions=[DENY], lab="rbac"),
        world.verify({**answers(), "deadline": 1}),
        world.task("apply", definitions=[DENY], state="absent"),
    )
    assert [result["failed"] for result in results] == [False, True, False]
    (found,) = results[1]["checks"]
    assert "AuthorizationPolicy modules/closed of lab rbac denies the request" in found["diagnosis"]
    assert "mesh.workshop.reset" in found["remedy"]


def test_the_destination_rule_that_was_missing_makes_it_right(world):
    definitions = [route("server", "v2"), subsets("v2")]
    results = world.play(
        world.task("apply", definitions=definitions[:1]),
        world.verify({**TO_V2, "deadline": 1}),
        world.task("apply", definitions=definitions[1:], verify=[TO_V2]),
        world.task("apply", definitions=definitions, state="absent"),
    )
    assert [result["failed"] for result in results] == [False, True, False, False]


def test_without_istioctl_a_diagnosis_is_our_own(world):
    check = {**world.verify({**TO_V2, "deadline": 1}), "environment": {"MESH_WORKSHOP_ISTIOCTL": ""}}
    applied, verified, removed = world.play(
        world.task("apply", definitions=[route("server", "v2")]),
        check,
        world.task("apply", definitions=[route("server", "v2")], state="absent"),
    )
    assert [applied["failed"], verified["failed"], removed["failed"]] == [False, True, False]
    (found,) = verified["checks"]
    assert "routes to subset v2 of server, which no DestinationRule defines" in found["diagnosis"]
    assert "istioctl" not in found["remedy"]


def test_a_namespace_without_injection_is_named(world):
    """Without the label no pod gets a sidecar, and a rule that is right in all else has no effect."""
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "modules-plain"}}
    definitions = [
        place,
        *world.copy(),
        subsets("v2"),
        document(NETWORKING, "VirtualService", "server", {**route("server", "v2")["spec"], "http": [ABORT]}),
    ]
    aborted = {**answers(), "namespace": "modules-plain", "expect": {"status": 418}, "deadline": 1}
    applied, verified, removed = world.play(
        world.task("apply", definitions=definitions, namespace="modules-plain"),
        world.verify(aborted),
        world.task("apply", definitions=[place], state="absent"),
    )
    assert not applied["failed"], applied["msg"]
    assert not removed["failed"], removed["msg"]
    assert verified["failed"]
    (found,) = verified["checks"]
    assert found["diagnosis"].startswith(
        "Namespace modules-plain is not labelled istio-injection=enabled, so its pods run without a sidecar and the "
        "mesh's rules do not hold for them: modules-plain/client-v1-"
    )
    assert "Label the namespace modules-plain with istio-injection=enabled and restart" in found["remedy"]


def test_a_rollout_that_fails_names_the_new_pod(world):
    broken = world.workload("server", "v1")
    missing = {"image": "mesh-workshop.local/none:1", "imagePullPolicy": "Never"}
    broken["spec"]["template"]["spec"]["containers"][0].update(missing)
    old = {one.metadata.name for one in world.kube.core.list_namespaced_pod(world.namespace).items}
    applied, mended, verified = world.play(
        world.task("apply", definitions=[broken], wait_timeout=60),
        world.task("apply", definitions=[world.workload("server", "v1")]),
        world.verify(answers()),
    )
    assert applied["failed"]
    assert "Deployment modules/server-v1 cannot become ready: pod server-v1-" in applied["msg"]
    assert "container server: ErrImageNeverPull, image mesh-workshop.local/none:1" in applied["msg"]
    assert not [name for name in old if name in applied["msg"]]
    assert not mended["failed"], mended["msg"]
    assert not verified["failed"], verified["msg"]


def test_what_only_envoy_can_refuse_is_refused(world):
    """Nobody but Envoy knows that a bucket may not be filled more often than every 50 ms."""
    limit = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "too_often",
        "token_bucket": {"max_tokens": 10, "tokens_per_fill": 10, "fill_interval": "0.01s"},
    }
    spec = {
        "workloadSelector": {"labels": {"app": "server", "version": "v2"}},
        "configPatches": [
            {
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "SIDECAR_INBOUND",
                    "listener": {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}},
                },
                "patch": {
                    "operation": "INSERT_BEFORE",
                    "value": {"name": "envoy.filters.http.local_ratelimit", "typed_config": limit},
                },
            }
        ],
    }
    definitions = [document("networking.istio.io/v1alpha3", "EnvoyFilter", "too-often", spec)]
    applied, again, removed, atomic, harmless = world.play(
        world.task("envoy_filter", name="too-often", spec=spec),
        world.task("envoy_filter", name="too-often", spec=spec),
        world.task("envoy_filter", name="too-often", state="absent"),
        world.task("apply", definitions=definitions, atomic=True),
        world.task("apply", definitions=[subsets("v1")]),
    )
    for result in (applied, again, atomic):
        assert result["failed"]
        for part in ("EnvoyFilter modules/too-often", "server-v2", "has rejected the listeners", "50ms"):
            assert part in result["msg"], result["msg"]
    assert not removed["failed"], removed["msg"]
    assert atomic["results"][0]["put_back"] == "removed again"
    assert not harmless["failed"], harmless["msg"]
    world.remove(subsets("v1"))


def test_a_gateway_that_waits_for_an_address_is_named(world):
    """A Service of its own for a port of its own: the shared gateway stays as it is."""
    pending = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "second-gateway", "labels": {"istio": "ingressgateway"}},
        "spec": {
            "type": "LoadBalancer",
            "allocateLoadBalancerNodePorts": False,
            "selector": {"istio": "ingressgateway"},
            "ports": [{"name": "http", "port": 8081}],
        },
    }
    check = {"name": "way in", "request": {"url": "http://modules.example:8081/"}, "expect": {"status": 200}}
    applied, verified, removed = world.play(
        world.task("apply", definitions=[pending]),
        world.verify({**check, "deadline": 1}),
        world.task("apply", definitions=[pending], state="absent"),
    )
    assert [applied["failed"], verified["failed"], removed["failed"]] == [False, True, False]
    assert "Service modules/second-gateway waits for an address" in verified["checks"][0]["diagnosis"]
    assert "load balancer" in verified["msg"]
