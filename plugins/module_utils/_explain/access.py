# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies at the callee's proxy: what each rule asks for, and what the request has instead.

The meaning is that of Envoy's ``config.rbac.v3`` (a policy holds where one permission and one principal do), and
Istio's order: CUSTOM aside, DENY before ALLOW, and where there is any ALLOW policy one of them has to hold (istio.io,
"Authorization Policy").
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from .forwarding import UNKNOWN
from .matching import Json, Unknown, header_fault, string_holds, string_text, template_holds, template_of
from .origin import Origin, policy_of
from .request import Peer, Request, Token

PREFIX = "spiffe://"
PAYLOAD = "payload"
NO_RULES = "a policy without rules holds for no request"
"""What istiod writes for it is the negation of anything (istio.io/istio, pilot/pkg/security/authz/builder)."""


@dataclass(frozen=True)
class Call:
    """A request as it reaches the callee's proxy."""

    request: Request
    peer: Peer
    port: int
    """The port of the pod."""
    token: Token | None = None
    """Where it is valid."""


@dataclass(frozen=True)
class RuleResult:
    """One rule of one policy and this request."""

    policy: Origin
    number: int
    fault: str
    """The first condition that does not hold; empty where the rule holds."""
    unknown: str = ""


@dataclass(frozen=True)
class Access:
    """What the policies of one action say."""

    action: str
    rules: tuple[RuleResult, ...]
    instead_of: Origin | None = None
    """The WasmPlugin that could not be loaded, in whose place all is denied."""

    @property
    def holding(self) -> RuleResult | None:
        return next((one for one in self.rules if not one.fault and not one.unknown), None)

    @property
    def denies(self) -> bool:
        return (self.holding is not None) == (self.action == "DENY")

    @property
    def uncertain(self) -> bool:
        return self.holding is None and any(one.unknown for one in self.rules)


def judge_access(rules: Json, call: Call) -> Access:
    """What one RBAC filter says of a call."""
    action = str(rules.get("action") or "ALLOW")
    found = []
    for name, policy in (rules.get("policies") or {}).items():
        known = policy_of(str(name))
        origin, number = known if known else (Origin("AuthorizationPolicy", "", str(name)), 1)
        try:
            fault = _fault_of_any(policy.get("principals") or (), call) or _fault_of_any(
                policy.get("permissions") or (), call
            )
            found.append(RuleResult(origin, number, fault))
        except Unknown as unknown:
            found.append(RuleResult(origin, number, "", str(unknown)))
    return Access(action, tuple(sorted(found, key=lambda one: (one.policy, one.number))))


def _fault_of_any(parts: t.Sequence[Json], call: Call) -> str:
    """Empty where one of several alternatives holds, else what the closest asks for."""
    faults = []
    for one in parts:
        fault = _fault(one, call)
        if not fault:
            return ""
        faults.append(fault)
    return _one_of(faults) or "nothing is allowed by it"


def _one_of(faults: t.Sequence[str]) -> str:
    """Alternatives about the same thing in one phrase: ``it has to be 'A' or 'B', and is 'C'``."""
    kept = list(dict.fromkeys(faults))
    heads = [one.partition(" has to be ") for one in kept]
    if len(kept) > 1 and all(middle and head == heads[0][0] for head, middle, _rest in heads):
        wanted = [rest.rpartition(", and ")[0] or rest for _head, _middle, rest in heads]
        tail = heads[0][2].rpartition(", and ")
        return f"{heads[0][0]} has to be {' or '.join(wanted)}" + (f", and {tail[2]}" if tail[0] else "")
    return "; or ".join(kept)


def _fault(part: Json, call: Call) -> str:
    """What one permission or principal asks for that the call does not have. Raises Unknown."""
    if part.get("any"):
        return ""
    for key in ("and_rules", "and_ids"):
        if key in part:
            for one in part[key].get("rules") or part[key].get("ids") or ():
                fault = _fault(one, call)
                if fault:
                    return _summed(part, fault, call)
            return ""
    for key in ("or_rules", "or_ids"):
        if key in part:
            return _fault_of_any(part[key].get("rules") or part[key].get("ids") or (), call)
    for key in ("not_rule", "not_id"):
        if key in part and part[key].get("any"):
            return NO_RULES
        if key in part:
            return "" if _fault(part[key], call) else f"it must not be so that {_positive(part[key])}"
    if "header" in part:
        return header_fault(part["header"], call.request)
    if "url_path" in part:
        return _path(part["url_path"], call)
    if "uri_template" in part:
        template = template_of(part["uri_template"])
        holds = template_holds(template, call.request.path)
        return "" if holds else f"the path has to fit {template!r}, and is {call.request.path!r}"
    if "destination_port" in part:
        port = int(part["destination_port"])
        return "" if port == call.port else f"the port has to be {port}, and is {call.port}"
    if "authenticated" in part:
        return _principal(part["authenticated"], call)
    if "remote_ip" in part:
        return _address(part["remote_ip"], "the client's address", call.peer.client or call.peer.address)
    for key in ("direct_remote_ip", "source_ip"):
        if key in part:
            return _address(part[key], "the caller's address", call.peer.address)
    if "metadata" in part:
        return _claim(part["metadata"], call)
    if "requested_server_name" in part:
        raise Unknown("the server name of the connection")
    raise Unknown(f"the condition {sorted(part)[0] if part else 'that is empty'}")


def _summed(part: Json, fault: str, call: Call) -> str:
    """Istio writes a request principal as two conditions, on iss and on sub; people know it as one."""
    ids = part.get("and_ids", {}).get("ids") or ()
    claims = [
        tuple(one["metadata"]["path"]) and one["metadata"]["path"][-1].get("key") for one in ids if "metadata" in one
    ]
    if claims != ["iss", "sub"]:
        return fault
    if call.token is None:
        return "the request must have a principal (a valid token), and it has no valid token"
    if not call.token.subject:
        return "the request must have a principal, and the token has no sub claim, so it gives it none"
    return f"the request principal must be another than '{call.token.issuer}/{call.token.subject}': {fault}"


def _positive(part: Json) -> str:
    for key in ("or_rules", "or_ids", "and_rules", "and_ids"):
        if key in part:
            inner = part[key].get("rules") or part[key].get("ids") or ()
            return " or ".join(_positive(one) for one in inner)
    if "authenticated" in part:
        return f"the caller is {_named(part['authenticated'].get('principal_name') or {})}"
    if "header" in part:
        return f"the header {part['header'].get('name')} is {string_text(part['header'].get('string_match') or {})}"
    if "url_path" in part:
        return f"the path is {string_text(part['url_path'].get('path') or {})}"
    return "an excluded condition holds"


def _path(matcher: Json, call: Call) -> str:
    test = matcher.get("path") or {}
    if string_holds(test, call.request.path):
        return ""
    return f"the path has to be {string_text(test)}, and is {call.request.path!r}"


def _principal(matcher: Json, call: Call) -> str:
    test = matcher.get("principal_name")
    have = call.peer.principal
    if not have:
        wanted = f" ({_named(test)})" if test else ""
        return f"the caller has to have an identity{wanted}, and it has none, since it sends plain text"
    if test is None or string_holds(test, have):
        return ""
    return f"the caller has to be {_named(test)}, and is {have.removeprefix(PREFIX)}"


def _named(test: Json) -> str:
    """A principal as people write it: without ``spiffe://``, and a namespace by its name."""
    if "exact" in test:
        return str(test["exact"]).removeprefix(PREFIX)
    pattern = str((test.get("safe_regex") or {}).get("regex", ""))
    if pattern.startswith(".*/ns/") and pattern.endswith("/.*"):
        return f"of namespace {pattern[6:-3]}"
    if pattern == ".+":
        return "anyone with an identity"
    return string_text(test).replace(PREFIX, "")


def _address(block: Json, what: str, address: str) -> str:
    if address in ("", UNKNOWN):
        raise Unknown(what)
    network = f"{block.get('address_prefix')}/{block.get('prefix_len', 0)}"
    try:
        inside = ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        raise Unknown(f"the network {network}") from error
    return "" if inside else f"{what} has to be in {network}, and is {address}"


def _claim(matcher: Json, call: Call) -> str:
    path = [str(one.get("key", "")) for one in matcher.get("path") or ()]
    if matcher.get("filter") != "envoy.filters.http.jwt_authn" or path[:1] != [PAYLOAD]:
        raise Unknown(f"the metadata of {matcher.get('filter', '')}")
    name = ".".join(path[1:])
    if call.token is None:
        return f"the claim {name} of a valid token must be present, and the request has no valid token"
    value: t.Any = call.token.claims
    for key in path[1:]:
        value = value.get(key) if isinstance(value, t.Mapping) else None
    if value is None:
        return f"the claim {name} has to be {_value_text(matcher.get('value') or {})}, and the token has none"
    if _value_holds(matcher.get("value") or {}, value):
        return ""
    return f"the claim {name} has to be {_value_text(matcher.get('value') or {})}, and is {value!r}"


def _value_holds(matcher: Json, value: t.Any) -> bool:
    if "or_match" in matcher:
        return any(_value_holds(one, value) for one in matcher["or_match"].get("value_matchers") or ())
    if "list_match" in matcher:
        return isinstance(value, list) and any(
            _value_holds(matcher["list_match"].get("one_of") or {}, one) for one in value
        )
    if "string_match" in matcher:
        return isinstance(value, str) and string_holds(matcher["string_match"], value)
    if matcher.get("present_match"):
        return value is not None
    raise Unknown(f"the matcher {sorted(matcher)[0] if matcher else 'that is empty'}")


def _value_text(matcher: Json) -> str:
    if "or_match" in matcher:
        return " or ".join(dict.fromkeys(_value_text(one) for one in matcher["or_match"].get("value_matchers") or ()))
    if "list_match" in matcher:
        return _value_text(matcher["list_match"].get("one_of") or {})
    return string_text(matcher.get("string_match") or {})
