# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is predicted of tokens is what a real Envoy does: generated requirements, tokens and policies on claims.

A refusal has to have Envoy's status and its very words.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.access import Call, judge_access
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import Peer, Request, request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.routing import choose_route
from ansible_collections.mesh.workshop.plugins.module_utils._explain.tokens import judge_token
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from modules.envoys import (
    CASES,
    JWT,
    RBAC,
    RBAC_FILTER,
    SEED,
    TYPES,
    free_port,
    http_chain,
    listener_of,
    running,
    with_rules,
)

Json = dict[str, t.Any]

PORT = free_port()
RULES = 40
ISSUERS = ("https://a.example", "https://b.example", "c")
AUDIENCES = ("books", "https://films.example/", "films.example", "x")
GROUPS = ("readers", "writers")
SHARED = {"1": b"first", "2": b"second"}
"""Keys of HS256 by their name."""
CURVE = ec.generate_private_key(ec.SECP256R1())


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def signed(head: Json, claims: Json, secret: bytes) -> str:
    body = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    if head["alg"] == "ES256":
        r, s = decode_dss_signature(CURVE.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{body}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"{body}.{encoded(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


def public() -> Json:
    numbers = CURVE.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", **{name: encoded(getattr(numbers, name).to_bytes(32, "big")) for name in "xy"}}


class Maker:
    """Makes providers, requirements, policies and requests from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def maybe(self, share: float) -> bool:
        return self.random.random() < share

    def keys(self) -> Json:
        found = []
        for name, secret in SHARED.items():
            if self.maybe(0.7):
                found.append({"kty": "oct", "k": encoded(secret)})
                found[-1].update({"kid": name} if self.maybe(0.7) else {})
                found[-1].update({"alg": "HS256"} if self.maybe(0.7) else {})
        if self.maybe(0.7) or not found:
            found.append({**public(), "kid": "curve", "alg": "ES256"})
        return {"inline_string": json.dumps({"keys": found})}

    def provider(self) -> Json:
        found: Json = {"local_jwks": self.keys()}
        if self.maybe(0.8):
            found["issuer"] = self.random.choice(ISSUERS)
        if self.maybe(0.3):
            found["audiences"] = self.random.sample(AUDIENCES, self.random.randint(1, 2))
        if self.maybe(0.3):
            found["from_headers"] = [{"name": "X-Jwt", **({"value_prefix": "JWT "} if self.maybe(0.5) else {})}]
        if self.maybe(0.2):
            found["from_params"] = ["jwt"]
        if self.maybe(0.2):
            found["from_cookies"] = ["session"]
        if self.maybe(0.8):
            found["payload_in_metadata"] = "payload"
        if self.maybe(0.5):
            found["forward"] = True
        if self.maybe(0.5):
            found["normalize_payload_in_metadata"] = {"space_delimited_claims": ["scope"]}
        if self.maybe(0.3):
            found["claim_to_headers"] = [{"header_name": "X-Group", "claim_name": "group"}]
        if self.maybe(0.3):
            found["clock_skew_seconds"] = 10
        return found

    def requirement(self, names: t.Sequence[str], depth: int = 2) -> Json:
        kind = self.random.choice(("name", "name", "audiences", "any", "any", "all", "missing", "failed"))
        if depth and kind in ("any", "all"):
            parts = [self.requirement(names, depth - 1) for _time in range(self.random.randint(2, 3))]
            return {f"requires_{kind}": {"requirements": parts}}
        if kind == "audiences":
            some = self.random.sample(AUDIENCES, self.random.randint(0, 2))
            return {"provider_and_audiences": {"provider_name": self.random.choice(names), "audiences": some}}
        if kind == "missing":
            return {"allow_missing": {}}
        if kind == "failed":
            return {"allow_missing_or_failed": {}}
        return {"provider_name": self.random.choice(names)}

    def config(self) -> Json:
        """The filter, whose rules are told apart by the path's first segment."""
        providers = {f"provider-{number}": self.provider() for number in range(8)}
        rules: list[Json] = []
        for number in range(RULES):
            rules.append({"match": {"prefix": f"/{number}/"}})
            if self.maybe(0.95):
                rules[-1]["requires"] = self.requirement(list(providers))
        return {"providers": providers, "rules": rules, "bypass_cors_preflight": True}

    def claim(self) -> Json:
        name = self.random.choice(("iss", "group", "scope", "sub"))
        values = {"iss": ISSUERS, "group": GROUPS, "scope": ("read", "write"), "sub": ("a",)}[name]
        exact = {"string_match": {"exact": self.random.choice(values)}}
        value = {"or_match": {"value_matchers": [exact, {"list_match": {"one_of": exact}}]}}
        return {"metadata": {"filter": JWT, "path": [{"key": "payload"}, {"key": name}], "value": value}}

    def policies(self) -> Json:
        kind = self.random.choice(("claim", "claim", "authorization", "x-group"))
        principal = self.claim() if kind == "claim" else {"header": {"name": kind, "present_match": True}}
        body = {"permissions": [{"any": True}], "principals": [principal]}
        return {"action": self.random.choice(("ALLOW", "DENY")), "policies": {"ns[a]-policy[p]-rule[0]": body}}

    def routes(self) -> Json:
        routes = []
        for number in range(RULES):
            route: Json = {"name": str(number), "match": {"prefix": f"/{number}/"}}
            route["direct_response"] = {"status": 200, "body": {"inline_string": str(number)}}
            if self.maybe(0.6):
                route["typed_per_filter_config"] = with_rules(self.policies())
            routes.append(route)
        return {"name": "generated", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}

    def token(self) -> str:
        if self.maybe(0.05):
            return self.random.choice(("nonsense", "a.b.c", "a..c", f"{encoded(b'{}')}.{encoded(b'{}')}.AA"))
        now = int(time.time())
        claims: Json = {}
        if self.maybe(0.95):
            claims["iss"] = self.random.choice((*ISSUERS, *ISSUERS, "d"))
        if self.maybe(0.7):
            claims["sub"] = "a"
        if self.maybe(0.7):
            some = self.random.sample(AUDIENCES, self.random.randint(1, 2))
            claims["aud"] = some if self.maybe(0.5) else some[0]
        if self.maybe(0.5):
            claims["exp"] = now + self.random.choice((-1000, -35, 1000, 1000))
        if self.maybe(0.2):
            claims["nbf"] = now + self.random.choice((1000, 35, -1000))
        if self.maybe(0.5):
            claims["group"] = self.random.choice(GROUPS)
        if self.maybe(0.5):
            claims["scope"] = self.random.choice(("read", "write", "read write", ["read"]))
        name = self.random.choice((*SHARED, *SHARED, "curve", "strange"))
        algorithm = "ES256" if name == "curve" else self.random.choice(("HS256", "HS256", "HS256", "HS256", "none"))
        head: Json = {"alg": algorithm, **({"kid": name} if self.maybe(0.8) else {})}
        return signed(head, claims, SHARED.get(name, b"of nobody"))

    def request(self) -> Request:
        headers, query = [("host", "a.example")], ""
        places = self.random.sample(("bearer", "x-jwt", "access_token", "jwt", "cookie"), self.random.randint(1, 2))
        if self.maybe(0.6):
            places = ["bearer"]
        for place in places if self.maybe(0.9) else ():
            text = self.token()
            if place == "bearer":
                headers.append(
                    ("authorization", self.random.choice(("Bearer ", "Bearer ", "Bearer  ", "bearer ")) + text)
                )
            elif place == "x-jwt":
                headers.append(("x-jwt", self.random.choice(("", "JWT ")) + text))
            elif place == "cookie":
                headers.append(("cookie", f"a=b; session={text}"))
            else:
                query += f"{place}={text}&"
        if self.maybe(0.1):
            headers.append(("x-group", "of the client"))
        method = "GET"
        if self.maybe(0.05):
            method = "OPTIONS"
            headers += [("origin", "a"), ("access-control-request-method", "GET")]
        url = f"http://127.0.0.1:{PORT}/{self.random.randrange(RULES)}/" + (f"?{query[:-1]}" if query else "")
        return request_of(url, method, headers)


def predicted(config: Json, routes: Json, request: Request) -> tuple[int, str] | None:
    """Status and body; None where nobody can tell, since Envoy takes any of several providers."""
    found = judge_token([config], request, time.time())
    if found.unknown:
        assert "providers of" in found.unknown
        return None
    if found.refused:
        return found.status, found.refused
    route = choose_route(routes, request).route
    assert route is not None
    rules = (route.get("typed_per_filter_config") or {}).get(RBAC)
    if rules:
        call = Call(found.request or request, Peer("", "127.0.0.1"), PORT, found.token)
        if judge_access(rules["rbac"]["rules"], call).denies:
            return 403, "RBAC: access denied"
    return 200, str(route["name"])


@pytest.fixture(scope="module", name="world")
def world_fixture(tmp_path_factory, eventually):
    """Envoy with generated requirements and routes."""
    maker = Maker(SEED)
    config, routes = maker.config(), maker.routes()
    tokens = {"name": JWT, "typed_config": {"@type": f"{TYPES}.http.jwt_authn.v3.JwtAuthentication", **config}}
    listener = listener_of(PORT, [http_chain(routes, tokens, RBAC_FILTER)])
    with running(tmp_path_factory.mktemp("envoy"), [listener], eventually):
        yield config, routes


def test_envoy_refuses_the_tokens_that_are_predicted_in_the_same_words(world):
    maker = Maker(SEED + 1)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    wrong, outcomes = [], {}
    for number in range(CASES):
        request = maker.request()
        wanted = predicted(*world, request)
        connection.request(request.method, request.header(":path") or "/", headers=dict(request.headers))
        answer = connection.getresponse()
        got = answer.status, answer.read().decode()
        kind = "unknown" if wanted is None else "answered" if wanted[0] == 200 else wanted[1]
        outcomes[kind] = outcomes.get(kind, 0) + 1
        if wanted is not None and got != wanted:
            wrong.append((number, request, wanted, got))
    connection.close()
    assert not wrong, f"{len(wrong)} of {CASES}, seed {SEED}; the first: {wrong[0]}"
    # The generated worlds are not trivial.
    assert len(outcomes) >= 12, outcomes
    assert outcomes["unknown"] < CASES / 4, outcomes
    assert min(outcomes.get(kind, 0) for kind in ("answered", "RBAC: access denied", "Jwt is missing")) > CASES / 50, (
        outcomes
    )
