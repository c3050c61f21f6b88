# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the kinds that people report: each is caught, its diagnosis accuses what is wrong and nothing else.

Each case has the documents with the fault, what of them is other where it is mended, a check, and the sentence.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import typing as t

import pytest

Json = dict[str, t.Any]
NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"
KEY = b"workshop"
NAMED = re.compile(
    r"\b(Gateway|VirtualService|DestinationRule|AuthorizationPolicy|PeerAuthentication|RequestAuthentication|"
    r"EnvoyFilter|Sidecar|Service|WasmPlugin) ([a-z0-9-]+/[a-z0-9-]+)"
)


def document(api_version: str, kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


SERVER: Json = {"selector": {"matchLabels": {"app": "server"}}}
BY_X = {"from": [{"source": {"namespaces": ["x"]}}]}
GETS = {"to": [{"operation": {"methods": ["GET"]}}]}


def policy(name: str, *rules: Json) -> Json:
    return document(SECURITY, "AuthorizationPolicy", name, {**SERVER, "action": "ALLOW", "rules": list(rules)})


def service(name: str, port: int, port_name: str) -> Json:
    ports = [{"name": port_name, "port": port, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "server"}, "ports": ports},
    }


def route(name: str, host: str, *http: Json, **spec: t.Any) -> Json:
    return document(NETWORKING, "VirtualService", name, {"hosts": [host], "http": list(http), **spec})


def to(subset: str | None = None, host: str = "server", **rest: t.Any) -> Json:
    destination = {"host": host, **({"subset": subset} if subset else {})}
    return {"route": [{"destination": destination}], **rest}


def subsets(host: str = "server") -> Json:
    named = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    return document(NETWORKING, "DestinationRule", host, {"host": host, "subsets": named})


def asks(
    url: str = "http://server:8080/", source: str = "client", request: Json | None = None, **expect: t.Any
) -> Json:
    return {
        "name": "what the rules are for",
        "from": source,
        "request": {"url": url, **(request or {})},
        "expect": expect or {"status": 200},
    }


def token(**claims: t.Any) -> str:
    """A JSON web token, signed with the key of the tests."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    head = {"alg": "HS256", "kid": "1", "typ": "JWT"}
    body = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{body}.{encoded(hmac.new(KEY, body.encode(), hashlib.sha256).digest())}"


def bearer(**claims: t.Any) -> Json:
    return {"headers": {"Authorization": f"Bearer {token(**claims)}"}}


KEYS = json.dumps({"keys": [{"kty": "oct", "kid": "1", "alg": "HS256", "k": base64.urlsafe_b64encode(KEY).decode()}]})
JWT_RULE: Json = {"issuer": "https://issuer.example", "jwks": KEYS}
TOKENS = document(SECURITY, "RequestAuthentication", "tokens", {**SERVER, "jwtRules": [JWT_RULE]})
USERS = policy("users", {"from": [{"source": {"requestPrincipals": ["*"]}}]})
PRINCIPAL = "cluster.local/ns/modules/sa/default"
V2: Json = {"host": "server", "subset": "v2"}
STRICT = document(SECURITY, "PeerAuthentication", "closed", {"mtls": {"mode": "STRICT"}})


def marking(beside: str, context: str = "SIDECAR_INBOUND") -> Json:
    """A filter that marks the answers of the server, put before another."""
    script = "function envoy_on_response(handle) handle:headers():add('x-mark', 'workshop') end"
    lua = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": script},
    }
    outer = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": beside}}
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": {"filterChain": {"filter": outer}}},
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": "mark", "typed_config": lua}},
    }
    selector = {"workloadSelector": {"labels": {"app": "server"}}}
    return document("networking.istio.io/v1alpha3", "EnvoyFilter", "mark", {**selector, "configPatches": [patch]})


def failing(version: str) -> Json:
    """A filter by which the pods of one version of the server answer 500."""
    fault = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "abort": {"http_status": 500, "percentage": {"numerator": 100}},
    }
    found = marking("envoy.filters.http.router")
    (patch,) = found["spec"]["configPatches"]
    patch["patch"]["value"] = {"name": "envoy.filters.http.fault", "typed_config": fault}
    found["spec"]["workloadSelector"]["labels"]["version"] = version
    return found


def plugin(**spec: str) -> Json:
    """A plugin whose program is nowhere."""
    where = {**SERVER, "url": "http://plugins.invalid/auth.wasm", **spec}
    return document("extensions.istio.io/v1alpha1", "WasmPlugin", "auth", where)


class Case(t.NamedTuple):
    """One fault."""

    faulty: list[Json]
    mended: list[Json]
    """Applied after it, in its place."""
    check: Json
    sentence: str
    choice: bool = False
    """Whether it can be mended in several ways, among which only people can choose."""


CASES: dict[str, Case] = {
    "a star in the middle of a policy's path": Case(
        [policy("paths", {"to": [{"operation": {"paths": ["/a/*/c"]}}]})],
        [policy("paths", {"to": [{"operation": {"paths": ["/a/{*}/c"]}}]})],
        asks("http://server:8080/a/b/c"),
        "AuthorizationPolicy modules/paths allows the path /a/*/c literally: a star counts at its beginning or end "
        "only.",
    ),
    "from and to as two rules": Case(
        [
            policy(
                "readers", {"from": [{"source": {"namespaces": ["x"]}}]}, {"to": [{"operation": {"methods": ["GET"]}}]}
            )
        ],
        [policy("readers", {**BY_X, **GETS})],
        asks(status=403),
        "Rule 2 of AuthorizationPolicy modules/readers has no from, so it lets any caller GET; its rules are "
        "alternatives.",
    ),
    "a port whose name hides the routes": Case(
        [service("raw", 8081, "tcp-web"), subsets("raw"), route("raw", "raw", to("v1", "raw"))],
        [service("raw", 8081, "http-web")],
        asks("http://raw:8081/", served_by={"v1": 100}),
        "Port 8081 of Service modules/raw is named tcp-web, so it is raw TCP to the proxies, and the http routes of "
        "VirtualService modules/raw do not hold.",
    ),
    "mTLS for a Service's port": Case(
        [
            service("web", 80, "http"),
            document(
                SECURITY,
                "PeerAuthentication",
                "web",
                {**SERVER, "portLevelMtls": {"80": {"mode": "STRICT"}}},
            ),
        ],
        [
            document(
                SECURITY,
                "PeerAuthentication",
                "web",
                {**SERVER, "portLevelMtls": {"8080": {"mode": "STRICT"}}},
            )
        ],
        asks("http://web.modules/", "no_sidecar", refused=True),
        "PeerAuthentication modules/web demands mTLS on port 80, and the pods of server listen on 8080; port 80 is "
        "Service web's.",
    ),
    "a caller without an identity": Case(
        [policy("callers", {"from": [{"source": {"principals": [PRINCIPAL]}}]})],
        [policy("callers", {"from": [{"source": {"ipBlocks": ["0.0.0.0/0"]}}]})],
        asks("http://server.modules:8080/", "no_sidecar"),
        "The caller sends plain text and so has no identity; no principal in AuthorizationPolicy modules/callers can "
        "match it.",
        choice=True,
    ),
    "a pod's address under strict mTLS": Case(
        [STRICT],
        [{**STRICT, "spec": {"mtls": {"mode": "PERMISSIVE"}}}],
        asks("http://pod.example:8080/", request={"connect_to": "server"}),
        "client's proxy sends to the pod's address in plain text (PassthroughCluster), and PeerAuthentication "
        "modules/closed demands mTLS.",
        choice=True,
    ),
    "a token without a subject": Case(
        [TOKENS, policy("users", {"from": [{"source": {"requestPrincipals": ["*"]}}]})],
        [policy("users", {"when": [{"key": "request.auth.claims[iss]", "values": ["https://issuer.example"]}]})],
        asks(request=bearer(iss="https://issuer.example")),
        "The token is valid but has no sub claim, so it makes no request principal, and AuthorizationPolicy "
        "modules/users "
        "demands one (requestPrincipals *).",
        choice=True,
    ),
    "a token of another issuer": Case(
        [TOKENS],
        [{**TOKENS, "spec": {**TOKENS["spec"], "selector": {"matchLabels": {"app": "client"}}}}],
        asks(request=bearer(iss="https://partner.example", sub="a")),
        "RequestAuthentication modules/tokens holds for server and refuses the token, whose issuer "
        "https://partner.example it does not know; policies are asked only afterwards.",
        choice=True,
    ),
    "an abort without a percentage": Case(
        [route("server", "server", to(fault={"abort": {"httpStatus": 418}}))],
        [route("server", "server", to(fault={"abort": {"httpStatus": 418, "percentage": {"value": 100}}}))],
        asks(status=418),
        "VirtualService modules/server has a fault.abort without a percentage, which is 0 %: no request is aborted.",
    ),
    "a mirror to no Service": Case(
        [
            subsets(),
            route(
                "server",
                "server",
                to("v1", mirrors=[{"destination": {"host": "server.svc.cluster.local", "subset": "v2"}}]),
            ),
        ],
        [route("server", "server", to("v1", mirrors=[{"destination": {"host": "server", "subset": "v2"}}]))],
        asks(mirrored={"v2": 100}),
        "VirtualService modules/server sends copies to server.svc.cluster.local, which is not a Service; "
        "server.modules.svc.cluster.local is.",
    ),
    "a Sidecar's entry for one port": Case(
        [
            document(
                NETWORKING,
                "Sidecar",
                "client",
                {
                    "workloadSelector": {"labels": {"app": "client"}},
                    "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
                    "egress": [
                        {
                            "port": {"number": 8080, "protocol": "HTTP", "name": "http"},
                            "hosts": ["./v1.modules.svc.cluster.local"],
                        },
                        {"hosts": ["./*"]},
                    ],
                },
            )
        ],
        [
            document(
                NETWORKING,
                "Sidecar",
                "client",
                {
                    "workloadSelector": {"labels": {"app": "client"}},
                    "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
                    "egress": [{"hosts": ["./*"]}],
                },
            )
        ],
        asks(),
        "Sidecar modules/client has an egress entry for port 8080 that lists v1 only, so server is not known on "
        "8080 (and "
        "REGISTRY_ONLY refuses it); the entry without a port does not count there.",
    ),
    "a token where nobody looks for it": Case(
        [
            {**TOKENS, "spec": {**SERVER, "jwtRules": [{**JWT_RULE, "fromHeaders": [{"name": "x-jwt"}]}]}},
            USERS,
        ],
        [TOKENS],
        asks(request=bearer(iss="https://issuer.example", sub="a")),
        "RequestAuthentication modules/tokens holds for server and looks for tokens in the header x-jwt only, so "
        "the token in the Authorization header is not read, and AuthorizationPolicy modules/users demands one.",
        choice=True,
    ),
    "tokens that nobody demands": Case(
        [TOKENS, {**USERS, "spec": {**USERS["spec"], "selector": {"matchLabels": {"app": "client"}}}}],
        [USERS],
        asks(status=403),
        "RequestAuthentication modules/tokens makes server reject invalid tokens but accept requests without a "
        "token; no AuthorizationPolicy there demands one.",
        choice=True,
    ),
    "mTLS that is switched off before a principal": Case(
        [
            document(
                NETWORKING,
                "DestinationRule",
                "server",
                {"host": "server", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
            ),
            policy("callers", {"from": [{"source": {"principals": [PRINCIPAL]}}]}),
        ],
        [subsets()],
        asks(),
        "DestinationRule modules/server switches mTLS off on the way to server (mode DISABLE), so the caller has no "
        "identity there, and no principal in AuthorizationPolicy modules/callers can match it.",
        choice=True,
    ),
    "sources that were meant together": Case(
        [policy("callers", {"from": [{"source": {"namespaces": ["modules"]}}, {"source": {"principals": ["a/b"]}}]})],
        [policy("callers", {"from": [{"source": {"namespaces": ["modules"], "principals": ["a/b"]}}]})],
        asks(status=403),
        "Rule 1 of AuthorizationPolicy modules/callers allows this request: its 2 sources are alternatives, and the "
        "caller is one of them.",
        choice=True,
    ),
    "a policy's path with a query": Case(
        [policy("paths", {"to": [{"operation": {"paths": ["/a?b=c"]}}]})],
        [policy("paths", {"to": [{"operation": {"paths": ["/a"]}}]})],
        asks("http://server:8080/a?b=c"),
        "AuthorizationPolicy modules/paths is for the path /a?b=c, which no path is: a path is compared without its "
        "query.",
    ),
    "a filter beside one that no proxy has": Case(
        [marking("envoy.router")],
        [marking("envoy.filters.http.router")],
        asks(status=200, headers={"x-mark": "workshop"}),
        "EnvoyFilter modules/mark is put beside the filter envoy.router, but no proxy it applies to has it; "
        "they have envoy.filters.http.router.",
    ),
    "a filter for what is sent": Case(
        [marking("envoy.filters.http.router", "SIDECAR_OUTBOUND")],
        [marking("envoy.filters.http.router")],
        asks(status=200, headers={"x-mark": "workshop"}),
        "EnvoyFilter modules/mark patches what server sends (context SIDECAR_OUTBOUND), and this request comes in at "
        "server.",
    ),
    "copies of half a percent": Case(
        [subsets(), route("server", "server", to("v1", mirror=V2, mirrorPercentage={"value": 0.5}))],
        [route("server", "server", to("v1", mirror=V2))],
        asks(mirrored={"v2": 100}),
        "Rule 1 of VirtualService modules/server copies 0.5 % of the requests (mirrorPercentage, whose value is in "
        "percent); the check expects 100 %.",
    ),
    "a claim within another": Case(
        [TOKENS, policy("readers", {"when": [{"key": "request.auth.claims[realm.role]", "values": ["reader"]}]})],
        [policy("readers", {"when": [{"key": "request.auth.claims[realm][role]", "values": ["reader"]}]})],
        asks(request=bearer(iss="https://issuer.example", sub="a", realm={"role": "reader"})),
        "No rule of AuthorizationPolicy modules/readers allows the request at pod {server}: in rule 1 the claim "
        "realm.role has to be exactly 'reader', and the token has none of that name; it has one within another, which "
        "is [realm][role].",
    ),
    "retries after other failures": Case(
        [failing("v2"), route("server", "server", to(retries={"attempts": 6, "retryOn": "gateway-error"}))],
        [route("server", "server", to(retries={"attempts": 6, "retryOn": "5xx"}))],
        asks(),
        "Rule 1 of VirtualService modules/server tries again only after gateway-error (retries.retryOn), and server "
        "answers 500.",
    ),
    "a plugin that cannot be loaded": Case(
        [plugin()],
        [plugin(failStrategy="FAIL_OPEN")],
        asks(),
        "WasmPlugin modules/auth cannot be loaded by the proxy of server and fails closed, so every request is denied "
        "(RBAC: access denied).",
        choice=True,
    ),
    "a Gateway by its short name": Case(
        [
            {
                **document(
                    NETWORKING,
                    "Gateway",
                    "shop",
                    {
                        "selector": {"istio": "ingressgateway"},
                        "servers": [
                            {
                                "port": {"number": 80, "name": "http-shop", "protocol": "HTTP"},
                                "hosts": ["shop.modules.example"],
                            }
                        ],
                    },
                ),
                "metadata": {"name": "shop", "namespace": "istio-system"},
            },
            route("shop", "shop.modules.example", to(), gateways=["shop"]),
        ],
        [route("shop", "shop.modules.example", to(), gateways=["istio-system/shop"])],
        asks("http://shop.modules.example/", "host"),
        "VirtualService modules/shop is bound to Gateway modules/shop, which does not exist; the Gateway for "
        "shop.modules.example is istio-system/shop.",
    ),
}


def name_of(one: Json) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


@pytest.mark.parametrize("case", CASES)
def test_a_reported_fault_is_caught_and_the_culprit_named(world, case):
    """The change that the diagnosis gives is pasted into a shell, and the check passes; so it does as it is mended."""
    faulty, mended, check, sentence, choice = CASES[case]
    whole = list({name_of(one): one for one in (*faulty, *mended)}.values())
    results = world.play(
        world.task("apply", definitions=faulty),
        world.verify({**check, "deadline": 2}),
        world.paste(1),
        {**world.verify(check), "when": "step_1.checks[0].change != ''"},
        world.task("apply", definitions=whole, state="absent"),
        world.task("apply", definitions=whole),
        world.verify(check),
        world.task("apply", definitions=whole, state="absent"),
    )
    applied, failing, pasted, again, cleared, changed, passing, removed = results
    for result in (applied, pasted, again, cleared, changed, passing, removed):
        assert not result.get("failed"), result.get("stderr") or result["msg"]
    assert failing["failed"]
    (found,) = failing["checks"]
    assert re.sub(r"\bserver-v\d-\w+-\w+", "{server}", found["diagnosis"]) == sentence
    assert found["remedy"]
    assert set(NAMED.findall(found["remedy"])) <= set(NAMED.findall(sentence)), "another object is accused"
    assert bool(found["change"]) != choice
    if choice:
        assert re.search(r"\bor\b", found["remedy"]), "the choices are told"
