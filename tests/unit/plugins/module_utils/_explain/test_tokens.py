# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.tokens import (
    AUDIENCES,
    BAD_FORM,
    EXPIRED,
    MISSING,
    NOT_YET,
    UNKNOWN_ISSUER,
    TokenResult,
    judge_token,
)

Json = dict[str, t.Any]

KEY = b"key"
NOW = 1000
A, B = "https://a.example", "https://b.example"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def token(key: bytes = KEY, head: Json | None = None, **claims: t.Any) -> str:
    parts = ({"alg": "HS256", **(head or {})}, {"iss": A, **claims})
    body = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{body}.{encoded(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


JWKS = {"inline_string": json.dumps({"keys": [{"kty": "oct", "kid": "1", "alg": "HS256", "k": encoded(KEY)}]})}


def provider(issuer: str = A, **parts: t.Any) -> Json:
    return {"issuer": issuer, "local_jwks": JWKS, "payload_in_metadata": "payload", **parts}


PROVIDERS = {"a": provider(audiences=["books"]), "b": provider(B), "header": provider(from_headers=[{"name": "x-jwt"}])}
BY_A, BY_B = {"provider_name": "a"}, {"provider_name": "b"}


def any_of(*parts: Json) -> Json:
    return {"requires_any": {"requirements": list(parts)}}


def all_of(*parts: Json) -> Json:
    return {"requires_all": {"requirements": list(parts)}}


def judged(requires: Json, *tokens: str, providers: Json | None = None, **headers: str) -> TokenResult:
    config = {"providers": providers or PROVIDERS, "rules": [{"match": {"prefix": "/"}, "requires": requires}]}
    named = [("authorization", f"Bearer {one}") for one in tokens]
    named += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return judge_token([config], request_of("http://reviews:9080/", headers=named), NOW)


FOR_BOOKS = token(aud="books")


@pytest.mark.parametrize(
    ("given", "refused", "why"),
    [
        (FOR_BOOKS, "", ""),
        (token(aud=["films", "https://books/"]), "", ""),
        (token(iss=B), UNKNOWN_ISSUER, f"the token's issuer is {B}, and only {A} is known"),
        (token(aud="books", exp=NOW - 61), EXPIRED, "its exp was 61 s ago"),
        (token(aud="books", exp=NOW - 60), "", ""),
        (token(aud="books", nbf=NOW + 61), NOT_YET, "its nbf is 61 s ahead"),
        (token(aud="films"), AUDIENCES, "the token is for the audience films, and not for books"),
        (token(), AUDIENCES, "the token is for the audience none, and not for books"),
        (token(b"other", aud="books"), "Jwt verification fails", f"no key of {A} has signed it"),
        (
            token(head={"kid": "2"}, aud="books"),
            "Jwks doesn't have key to match kid or alg from Jwt",
            f"the token names the key 2 for HS256, which {A} lacks",
        ),
        ("nonsense", BAD_FORM, ""),
        ("a.b.c", "Jwt header is an invalid Base64url encoded", ""),
        (f"{encoded(b'[]')}.b.c", "Jwt header is an invalid JSON", ""),
        (token(head={"alg": "none"}), "Jwt header [alg] is not supported", "it is none"),
        (token(head={"alg": 1}), "Jwt header [alg] field is required and must be a string", ""),
    ],
)
def test_a_token_is_refused_in_envoys_words(given: str, refused: str, why: str) -> None:
    found = judged(BY_A, given)
    assert (found.refused, found.why) == (refused, why)
    assert (found.token is not None) is not bool(refused)
    assert found.status == (403 if refused == AUDIENCES else 401)


@pytest.mark.parametrize(
    ("requires", "given", "refused"),
    [
        (BY_A, [], MISSING),
        (any_of(BY_A, {"allow_missing": {}}), [], ""),
        (any_of(BY_A, {"allow_missing": {}}), [token(iss=B)], UNKNOWN_ISSUER),
        (any_of(BY_A, {"allow_missing": {}}), ["nonsense"], BAD_FORM),
        (any_of(BY_A, {"allow_missing_or_failed": {}}), ["nonsense"], ""),
        ({"allow_missing_or_failed": {}}, [token(iss="c")], ""),
        ({"allow_missing": {}}, [token(iss="c")], UNKNOWN_ISSUER),
        ({"allow_missing": {}}, [token(iss=B)], ""),
        (any_of(BY_A, BY_B), [token(iss=B)], ""),
        # The failure that tells most, not the last one: B knows the issuer, and A comes first and last.
        (any_of(BY_A, BY_B), [token(b"other", iss=B)], "Jwt verification fails"),
        (any_of(BY_B, BY_A), [token(b"other", iss=B)], "Jwt verification fails"),
        (any_of({"provider_name": "header"}, BY_B), [token(iss="c")], UNKNOWN_ISSUER),
        (all_of(BY_A, BY_B), [FOR_BOOKS], MISSING),  # A takes the token out, so that B sees none
        (all_of(any_of(BY_A, {"allow_missing": {}}), any_of(BY_B, {"allow_missing": {}})), [], ""),
        ({"provider_and_audiences": {"provider_name": "a", "audiences": ["films"]}}, [token(aud="films")], ""),
        ({"provider_and_audiences": {"provider_name": "a", "audiences": ["films"]}}, [FOR_BOOKS], AUDIENCES),
        ({}, ["nonsense"], ""),
    ],
)
def test_requirements(requires: Json, given: list[str], refused: str) -> None:
    assert judged(requires, *given).refused == refused


def test_several_issuers_as_istiod_writes_them() -> None:
    each = [any_of(one, {"allow_missing": {}}) for one in (BY_A, BY_B)]
    requires = any_of(BY_A, BY_B, all_of(*each))
    assert judged(requires).refused == ""
    assert judged(requires, token(iss=B)).refused == ""
    assert judged(requires, token(iss="c")).refused == UNKNOWN_ISSUER


def test_a_token_counts_only_where_it_is_looked_for() -> None:
    given = token()
    assert judged({"provider_name": "header"}, given).refused == MISSING
    assert judged({"provider_name": "header"}, x_jwt=given).refused == ""
    assert judged(BY_B, authorization=f"bearer {token(iss=B)}").refused == MISSING, "the prefix is compared exactly"
    assert judged(BY_B, authorization=f"Bearer  {token(iss=B)}").refused == ""
    config = {"providers": PROVIDERS, "rules": [{"match": {"prefix": "/"}, "requires": BY_B}]}
    asked = request_of(f"http://reviews:9080/?access_token={token(iss=B)}&a=b")
    found = judge_token([config], asked, NOW)
    assert found.token is not None
    assert found.request is not None
    assert found.request.query == (("a", "b"),)
    cookie = {"c": provider(from_cookies=["session"])}
    assert judged({"provider_name": "c"}, providers=cookie, cookie=f"a=b; session={given}").token is not None


def test_every_token_has_to_be_valid() -> None:
    both = {"c": provider(from_headers=[{"name": "x-a"}, {"name": "x-b", "value_prefix": "JWT "}])}
    assert judged({"provider_name": "c"}, providers=both, x_a=token(), x_b=f"JWT {token()}").refused == ""
    assert judged({"provider_name": "c"}, providers=both, x_a="nonsense", x_b=f"JWT {token()}").refused == BAD_FORM


def test_policies_see_what_an_accepted_token_leaves() -> None:
    told = {
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
        "claim_to_headers": [{"header_name": "X-Group", "claim_name": "group"}],
    }
    given = token(scope="read write", group="readers")
    found = judged(BY_A, given, providers={"a": provider(**told)})
    assert found.token is not None
    assert found.token.claims["scope"] == ["read", "write"]
    assert found.request is not None
    assert found.request.headers == {"x-group": "readers"}
    forged = judged(BY_A, token(), providers={"a": provider(**told)}, x_group="admins")
    assert forged.request is not None
    assert forged.request.headers == {}, "only a token says what its claims are"
    none = {"from_headers": [{"name": "x-none"}]}
    both = {"a": provider(**told), "b": provider(**told, **none)}
    later = judged(all_of(BY_A, any_of(BY_B, {"allow_missing": {}})), given, providers=both)
    assert later.request is not None
    assert later.request.headers == {}, "each requirement takes out what an earlier one has made"
    kept = judged(BY_A, given, providers={"a": provider(forward=True)})
    assert kept.request is not None
    assert kept.request.header("authorization") == f"Bearer {given}"
    unseen = provider()
    del unseen["payload_in_metadata"]
    assert judged(BY_A, given, providers={"a": unseen}).token is None


def test_the_first_rule_that_matches_counts() -> None:
    rules = [
        {"match": {"path": "/open"}},
        {"match": {"prefix": "/named"}, "requirement_name": "by-b"},
        {"match": {"prefix": "/"}, "requires": BY_A},
    ]
    config = {"providers": PROVIDERS, "rules": rules, "requirement_map": {"by-b": BY_B}, "bypass_cors_preflight": True}

    def refused(path: str, method: str = "GET", **headers: str) -> str:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return judge_token([config], request_of(f"http://reviews:9080{path}", method, named), NOW).refused

    assert refused("/open") == ""
    assert refused("/") == MISSING
    assert refused("/named", authorization=f"Bearer {FOR_BOOKS}") == UNKNOWN_ISSUER
    assert refused("/", "OPTIONS", origin="x", access_control_request_method="GET") == ""
    assert refused("/", "OPTIONS") == MISSING


def test_what_is_not_known_is_said() -> None:
    fetched = {"a": {"issuer": A, "remote_jwks": {}, "payload_in_metadata": "payload"}}
    found = judged(BY_A, token(), providers=fetched)
    assert found.refused == ""
    assert found.token is not None
    assert found.unknown == "the keys that tokens are verified by"
    assert "subjects" in judged(BY_A, token(), providers={"a": provider(subjects={"exact": "x"})}).unknown
    twice = {"a": provider(), "b": provider(audiences=["books"])}
    assert judged({"allow_missing": {}}, token(), providers=twice).unknown == f"which of 2 providers of {A} is asked"
    strange = {"providers": PROVIDERS, "rules": [{"match": {"future": {}}, "requires": BY_A}]}
    assert judge_token([strange], request_of("http://reviews:9080/"), NOW).unknown
