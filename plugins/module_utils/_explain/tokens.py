# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy makes of a request's tokens, decided as Envoy's JWT filter does, and refused in its words.

Sources: Envoy's ``extensions.filters.http.jwt_authn.v3`` (``JwtProvider``, ``JwtRequirement``, ``RequirementRule``) and
"JWT Authentication"; for what its documentation leaves open, such as which of several failures is told, the filter's
``verifier.cc``, ``authenticator.cc`` and ``extractor.cc``; the words are those of ``jwt_verify_lib/status.cc``.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace

from .matching import Json, Unknown, route_fault
from .request import Request, Token
from .signatures import KEY_MISMATCH, decoded, is_unfetched, signature_fault

MISSING = "Jwt is missing"
EXPIRED = "Jwt is expired"
NOT_YET = "Jwt not yet valid"
BAD_FORM = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
UNKNOWN_ISSUER = "Jwt issuer is not configured"
AUDIENCES = "Audiences in Jwt are not allowed"
NO_KEYS = "istiod could not fetch the keys"
"""Why no token of an issuer is valid, where its keys are to come from a ``jwksUri``."""

SKEW = 60
"""Seconds that clocks may differ by, where ``clock_skew_seconds`` does not say it."""
BEARER, PARAMETER = "Bearer ", "access_token"
"""Where a token is looked for by default: behind this in the Authorization header, and in this query parameter."""
ALGORITHMS = frozenset(f"{kind}{size}" for kind in ("ES", "HS", "RS", "PS") for size in (256, 384, 512)) | {"EdDSA"}


@dataclass(frozen=True)
class TokenResult:
    """What a proxy makes of a request's tokens."""

    refused: str = ""
    """Why it refuses the request, in Envoy's words; empty where it does not."""
    why: str = ""
    """What the token has, and what it should have."""
    token: Token | None = None
    """The token that is accepted: policies see its claims."""
    request: Request | None = None
    """The request as the filters behind see it: an accepted token is taken out, unless it is to be forwarded."""
    unknown: str = ""
    """What is not known here, so that the rest is not certain."""

    @property
    def status(self) -> int:
        """The status that it is refused with."""
        return 403 if self.refused == AUDIENCES else 401

    def __str__(self) -> str:
        return f"{self.refused} ({self.why})" if self.why else self.refused


@dataclass(frozen=True)
class _Fault:
    """Why a token, or the lack of one, does not meet a requirement."""

    said: str
    why: str = ""


@dataclass(frozen=True)
class _Place:
    """A token where it was found."""

    text: str
    issuers: frozenset[str]
    """Those whose tokens are looked for there; an empty one stands for any."""
    header: str = ""
    parameter: str = ""


def judge_token(filters: t.Sequence[Json], request: Request, now: float) -> TokenResult:
    """What the JWT filters say of a request (`now` in seconds since 1970).

    A signature that cannot be verified here counts as valid, and the result says so.
    """
    token: Token | None = None
    unknown: list[str] = []
    for config in filters:
        verifier = _Verifier(config, _sanitized((config.get("providers") or {}).values(), request), now)
        try:
            requires = _requirement(config, request)
        except Unknown as strange:
            return TokenResult(token=token, request=request, unknown=str(strange))
        fault = verifier.verify(requires) if requires else None
        unknown += verifier.unknown
        if fault is not None:
            return TokenResult(fault.said, fault.why, unknown="; ".join(unknown))
        token, request = verifier.token or token, verifier.request
    return TokenResult(token=token, request=request, unknown="; ".join(unknown))


def _sanitized(providers: t.Iterable[Json], request: Request) -> Request:
    """Without the headers that are made of these providers' claims: nobody but a token may say what they are."""
    made = {_header_of(one) for provider in providers for one in provider.get("claim_to_headers") or ()}
    return replace(request, headers={name: value for name, value in request.headers.items() if name not in made})


def _requirement(config: Json, request: Request) -> Json:
    """What the first rule that matches asks for; empty where nothing is. Raises Unknown."""
    if config.get("bypass_cors_preflight") and _is_preflight(request):
        return {}
    for rule in config.get("rules") or ():
        if route_fault(rule.get("match") or {"prefix": "/"}, request):
            continue
        if "requirement_name" in rule:
            return t.cast(Json, (config.get("requirement_map") or {}).get(rule["requirement_name"]) or {})
        return rule.get("requires") or {}
    return {}


def _is_preflight(request: Request) -> bool:
    asked = request.header("origin"), request.header("access-control-request-method")
    return request.method == "OPTIONS" and all(asked)


@dataclass
class _Verifier:
    """Verifies one request by one filter; what is accepted changes the request."""

    config: Json
    request: Request
    now: float
    token: Token | None = None
    unknown: list[str] = field(default_factory=list)

    @property
    def _providers(self) -> t.Mapping[str, Json]:
        return self.config.get("providers") or {}

    def verify(self, requires: Json) -> _Fault | None:
        """The fault of a requirement (``JwtRequirement``); None where it is met."""
        if "provider_name" in requires:
            return self._by_provider(str(requires["provider_name"]), ())
        if "provider_and_audiences" in requires:
            both = requires["provider_and_audiences"]
            return self._by_provider(str(both.get("provider_name") or ""), both.get("audiences") or ())
        if "requires_all" in requires:
            parts = requires["requires_all"].get("requirements") or ()
            return next((fault for one in parts if (fault := self.verify(one)) is not None), None)
        if "requires_any" in requires:
            return self._any(requires["requires_any"].get("requirements") or ())
        if "allow_missing_or_failed" in requires or "allow_missing" in requires:
            return self._by_any_provider("allow_missing_or_failed" in requires)
        return None

    def _any(self, parts: t.Sequence[Json]) -> _Fault | None:
        """One that is met, else the fault that tells most: not that there is no token, or none of this issuer."""
        rest = [one for one in parts if not {"allow_missing", "allow_missing_or_failed"} & set(one)]
        may_fail = any("allow_missing_or_failed" in one for one in parts)
        may_miss = may_fail or any("allow_missing" in one for one in parts)
        if not rest:
            return self._by_any_provider(may_fail)
        told = _Fault(MISSING)
        for one in rest:
            fault = self.verify(one)
            if fault is None:
                return None
            if fault.said not in (MISSING, UNKNOWN_ISSUER) or told.said == MISSING:
                told = fault
        return None if may_fail or (may_miss and told.said == MISSING) else told

    def _by_provider(self, name: str, audiences: t.Sequence[str]) -> _Fault | None:
        """All tokens where this provider's are looked for have to be its own, and valid."""
        provider = self._providers.get(name) or {}
        self.request = _sanitized([provider], self.request)
        places = _places([provider], self.request)
        for place in reversed(places):
            fault = self._accept(place, provider, audiences)
            if fault is not None:
                return fault
        return None if places else _Fault(MISSING)

    def _by_any_provider(self, may_fail: bool) -> _Fault | None:
        """A token may be missing; one that is there has to be valid, by whatever provider its issuer has."""
        fault: _Fault | None = None
        providers = list(self._providers.values())
        self.request = _sanitized(providers, self.request)
        for place in reversed(_places(providers, self.request)):
            fault = self._accept(place, None, ())
        return None if may_fail else fault

    def _accept(self, place: _Place, provider: Json | None, audiences: t.Sequence[str]) -> _Fault | None:
        """Verifies the token at a place, by a provider or else by the one of its issuer."""
        parsed = _parsed(place.text)
        if isinstance(parsed, _Fault):
            return parsed
        head, token = parsed
        if not {"", token.issuer} & place.issuers:
            return self._of_unknown_issuer(token, place.issuers)
        provider = provider or self._provider_of(token.issuer)
        if provider is None:
            return self._of_unknown_issuer(token, place.issuers)
        fault = _out_of_time(token, self.now, int(provider.get("clock_skew_seconds") or SKEW)) or _for_others(
            token, audiences or provider.get("audiences") or ()
        )
        if fault is not None:
            return fault
        self.unknown += [f"the condition {name} of a token" for name in _UNKNOWN if provider.get(name)]
        try:
            said = signature_fault(place.text, head, provider)
        except Unknown as strange:
            self.unknown.append(str(strange))
        else:
            if said:
                return _Fault(said, _about_keys(said, head, token, provider))
        self._take(place, provider, token)
        return None

    def _provider_of(self, issuer: str) -> Json | None:
        """The provider of an issuer, else the one of any; of several Envoy takes one that cannot be foretold."""
        for wanted in (issuer, ""):
            found = [one for one in self._providers.values() if str(one.get("issuer") or "") == wanted]
            if len(found) > 1:
                self.unknown.append(f"which of {len(found)} providers of {issuer or 'no issuer'} is asked")
            if found:
                return found[0]
        return None

    def _of_unknown_issuer(self, token: Token, known: t.Iterable[str]) -> _Fault:
        only = " and ".join(sorted(filter(None, known)))
        return _Fault(UNKNOWN_ISSUER, f"the token's issuer is {token.issuer or 'none'}, and only {only} is known")

    def _take(self, place: _Place, provider: Json, token: Token) -> None:
        """Accepts a token: policies see its claims, and what is behind sees no token unless it is to."""
        split = (provider.get("normalize_payload_in_metadata") or {}).get("space_delimited_claims") or ()
        listed = {name: token.claims[name].split() for name in split if isinstance(token.claims.get(name), str)}
        if provider.get("payload_in_metadata"):
            self.token = Token({**token.claims, **listed})
        headers = dict(self.request.headers)
        for one in provider.get("claim_to_headers") or ():
            value = token.claims.get(str(one.get("claim_name")))
            if isinstance(value, (str, int)):
                said = str(value).lower() if isinstance(value, bool) else str(value)
                before = headers.get(_header_of(one))
                headers[_header_of(one)] = said if before is None else f"{before},{said}"
        query = self.request.query
        if not provider.get("forward"):
            headers.pop(place.header, None)
            query = tuple(one for one in query if not place.parameter or one[0] != place.parameter)
        self.request = replace(self.request, headers=headers, query=query)


def _header_of(claim: Json) -> str:
    return str(claim.get("header_name")).lower()


_UNKNOWN = ("subjects", "require_expiration", "max_lifetime")


def _places(providers: t.Sequence[Json], request: Request) -> list[_Place]:
    """The tokens of a request where these providers look for theirs: in headers, then parameters, then cookies."""
    headers: dict[tuple[str, str], set[str]] = {}
    parameters: dict[str, set[str]] = {}
    cookies: dict[str, set[str]] = {}
    for provider in providers:
        issuer = str(provider.get("issuer") or "")
        named = [
            (str(one.get("name")).lower(), one.get("value_prefix", "")) for one in provider.get("from_headers") or ()
        ]
        own = [str(one) for one in provider.get("from_params") or ()]
        kept = [str(one) for one in provider.get("from_cookies") or ()]
        if not named and not own and not kept:
            named, own = [("authorization", BEARER)], [PARAMETER]
        for key in named:
            headers.setdefault(key, set()).add(issuer)
        for name in own:
            parameters.setdefault(name, set()).add(issuer)
        for name in kept:
            cookies.setdefault(name, set()).add(issuer)
    found = []
    for (name, prefix), issuers in sorted(headers.items(), key=lambda one: "".join(one[0])):
        value = request.header(name)
        if value and prefix in value:
            # What cannot be part of a token is passed over behind a prefix, such as more blanks.
            behind = re.search(r"[\w.-].*", value.partition(prefix)[2] if prefix else "", re.ASCII)
            found.append(_Place(behind[0] if behind else value, frozenset(issuers), header=name))
    asked = request.parameters
    found += [
        _Place(asked[name], frozenset(issuers), parameter=name)
        for name, issuers in sorted(parameters.items())
        if name in asked
    ]
    kept_there = dict(_cookies(request))
    found += [
        _Place(kept_there[name], frozenset(issuers)) for name, issuers in sorted(cookies.items()) if name in kept_there
    ]
    return found


def _cookies(request: Request) -> t.Iterator[tuple[str, str]]:
    for part in reversed((request.header("cookie") or "").split(";")):
        name, equals, value = part.strip().partition("=")
        if equals:
            yield name, value.strip('"')


def _parsed(text: str) -> tuple[Json, Token] | _Fault:
    """A token's header, and its claims (RFC 7519)."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        return _Fault(BAD_FORM)
    found: list[Json] = []
    for name, part in (("header", parts[0]), ("payload", parts[1])):
        try:
            raw = decoded(part)
        except ValueError:
            return _Fault(f"Jwt {name} is an invalid Base64url encoded")
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return _Fault(f"Jwt {name} is an invalid JSON")
        if name == "header":
            algorithm = value.get("alg")
            if not isinstance(algorithm, str):
                return _Fault("Jwt header [alg] field is required and must be a string")
            if algorithm not in ALGORITHMS:
                return _Fault("Jwt header [alg] is not supported", f"it is {algorithm}")
        found.append(value)
    try:
        decoded(parts[2])
    except ValueError:
        return _Fault("Jwt signature is an invalid Base64url encoded")
    return found[0], Token(found[1])


def _out_of_time(token: Token, now: float, skew: int) -> _Fault | None:
    starts, expiry = token.claims.get("nbf"), token.claims.get("exp")
    if isinstance(starts, (int, float)) and now + skew < starts:
        return _Fault(NOT_YET, f"its nbf is {starts - now:.0f} s ahead")
    if isinstance(expiry, (int, float)) and expiry and now > expiry + skew:
        return _Fault(EXPIRED, f"its exp was {now - expiry:.0f} s ago")
    return None


def _for_others(token: Token, audiences: t.Sequence[str]) -> _Fault | None:
    have = token.claims.get("aud")
    mine = [str(one) for one in (have if isinstance(have, list) else [have] if have is not None else [])]
    if not audiences or {_bare(one) for one in mine} & {_bare(str(one)) for one in audiences}:
        return None
    wanted = " or ".join(sorted(map(str, audiences)))
    return _Fault(AUDIENCES, f"the token is for the audience {' and '.join(mine) or 'none'}, and not for {wanted}")


def _bare(audience: str) -> str:
    """An audience as it is compared: without http(s) and the slash at its end."""
    for scheme in ("http://", "https://"):
        if audience.startswith(scheme):
            audience = audience.removeprefix(scheme)
            break
    return audience.removesuffix("/")


def _about_keys(said: str, head: Json, token: Token, provider: Json) -> str:
    if is_unfetched(provider):
        return f"{NO_KEYS} of {token.issuer}"
    if said == KEY_MISMATCH:
        return f"the token names the key {head.get('kid') or 'none'} for {head.get('alg')}, which {token.issuer} lacks"
    return f"no key of {token.issuer} has signed it"
