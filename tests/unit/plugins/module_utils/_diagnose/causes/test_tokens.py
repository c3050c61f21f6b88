# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    Json,
    mesh,
    with_gateway,
)

ISSUER = "https://issuer.example"
PLACEHOLDER = "0xObjM0UvS_oaazjpEYlAbwctEJ4L8pH3OuTb7qth7gUwqet-EzQB4dgFdvSdMgr"
"""How the key begins that stands for those that could not be fetched."""


def encoded(value: t.Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(**claims: t.Any) -> str:
    return f"{encoded({'alg': 'RS256'})}.{encoded({'iss': ISSUER, 'sub': 'a', **claims})}.AA"


def jwt(**provider: t.Any) -> Json:
    """Tokens of the issuer, of which one may be missing."""
    requires = {"requires_any": {"requirements": [{"provider_name": "a"}, {"allow_missing": {}}]}}
    own = {"issuer": ISSUER, "payload_in_metadata": "payload", "remote_jwks": {}, **provider}
    config = {"providers": {"a": own}, "rules": [{"match": {"prefix": "/"}, "requires": requires}]}
    return {"name": "envoy.filters.http.jwt_authn", "typed_config": config}


def demands(*path: str, value: Json | None = None) -> Json:
    """A policy for those with this claim of a token."""
    metadata = {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": one} for one in ("payload", *path)],
        "value": value or {"string_match": {"prefix": ""}},
    }
    body = {"permissions": [{"any": True}], "principals": [{"metadata": metadata}]}
    rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[users]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


def request_authentication(namespace: str, labels: Json, **rule: t.Any) -> Json:
    spec = {"selector": {"matchLabels": labels}, "jwtRules": [{"issuer": ISSUER, **rule}]}
    return {"metadata": {"name": "tokens", "namespace": namespace}, "spec": spec}


def told(
    found: Mesh, status: int, headers: Json, url: str = "http://reviews:9080/", source: str = "productpage"
) -> t.Any:
    seen = ({"status": status, "body": "", "headers": []},)
    request = request_of(url, headers=headers.items())
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request}
    answer = diagnose(Findings(url, source, "bookinfo", expected_status=(200,), **given))
    assert answer is not None
    return answer


BEARER = {"authorization": f"Bearer {token()}"}
REVIEWS = {"app": "reviews"}


@pytest.mark.parametrize(("uri", "named"), [("http://keys.invalid/", True), ("", False)])
def test_keys_that_could_not_be_fetched(uri: str, named: bool) -> None:
    keys = {"local_jwks": {"inline_string": json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": PLACEHOLDER}]})}}
    written = request_authentication("bookinfo", REVIEWS, **({"jwksUri": uri} if uri else {"jwks": "{}"}))
    found = mesh(filters=[jwt(remote_jwks=None, **keys)], RequestAuthentication=[written])
    sentence = told(found, 401, BEARER).sentence
    assert (
        sentence
        == f"RequestAuthentication bookinfo/tokens takes the keys of {ISSUER} from {uri} (jwtRules[0].jwksUri), "
        "which istiod could not fetch, so no token of that issuer is valid."
    ) == named


@pytest.mark.parametrize(("forward", "named"), [(False, True), (True, False)])
def test_a_token_that_the_gateway_keeps(forward: bool, named: bool) -> None:
    provider = {"forward": True} if forward else {}
    entrance = request_authentication(
        "istio-system", {"istio": "ingressgateway"}, **({"forwardOriginalToken": True} if forward else {})
    )
    inner = request_authentication("bookinfo", REVIEWS)
    found = with_gateway(
        mesh(filters=[jwt(), demands("sub")], RequestAuthentication=[entrance, inner]), [jwt(**provider)]
    )
    answer = told(found, 403, BEARER, "http://shop.example/", "host")
    assert (
        answer.sentence
        == "RequestAuthentication istio-system/tokens takes the token out of the request once the gateway "
        "has checked it (it has no forwardOriginalToken), so reviews gets none, and AuthorizationPolicy bookinfo/users "
        "demands one."
    ) == named
    assert ('"path": "/spec/jwtRules/0/forwardOriginalToken", "value": true' in answer.change) == named


def test_a_token_behind_another_text() -> None:
    place: Json = {"from_headers": [{"name": "x-token", "value_prefix": "Token "}]}
    written = request_authentication("bookinfo", REVIEWS, fromHeaders=[{"name": "x-token", "prefix": "Token "}])
    found = mesh(filters=[jwt(**place), demands("sub")], RequestAuthentication=[written])
    answer = told(found, 403, {"x-token": f"Bearer {token()}"})
    assert answer.sentence == (
        "RequestAuthentication bookinfo/tokens looks in the header x-token behind 'Token ' (fromHeaders.prefix), and "
        "its value begins with 'Bearer ', so reviews does not read the token, and AuthorizationPolicy bookinfo/users "
        "demands one."
    )
    assert answer.remedy.startswith("Write prefix: 'Bearer ', with a blank at its end, or")
    assert '"path": "/spec/jwtRules/0/fromHeaders/0/prefix", "value": "Bearer "' in answer.change
    bare = told(found, 403, {"x-token": token()})
    assert "its value has nothing before the token" in bare.sentence
    assert bare.remedy == "Leave prefix out, or send the token behind the one that is there."
    assert '"path": "/spec/jwtRules/0/fromHeaders/0/prefix", "value": ""' in bare.change


@pytest.mark.parametrize(("claims", "named"), [({"realm": {"role": "reader"}}, True), ({"other": 1}, False)])
def test_a_claim_within_another_that_is_written_as_one(claims: Json, named: bool) -> None:
    written = request_authentication("bookinfo", REVIEWS)
    policy = demands("realm.role", value={"string_match": {"exact": "reader"}})
    when = [{"key": "request.auth.claims[realm.role]", "values": ["reader"]}]
    users = {"metadata": {"name": "users", "namespace": "bookinfo"}, "spec": {"rules": [{"when": when}]}}
    found = mesh(filters=[jwt(), policy], RequestAuthentication=[written], AuthorizationPolicy=[users])
    answer = told(found, 403, {"authorization": f"Bearer {token(**claims)}"})
    assert answer.sentence.endswith("of that name; it has one within another, which is [realm][role].") == named
    assert (answer.remedy == "Write key: request.auth.claims[realm][role].") == named
    change = '"path": "/spec/rules/0/when/0/key", "value": "request.auth.claims[realm][role]"'
    assert (change in answer.change) == named
