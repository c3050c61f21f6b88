# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy's matchers: whether one holds for a value, and what the request had instead.

The meaning of each field is that of Envoy's API: ``envoy.type.matcher.v3.StringMatcher``,
``envoy.config.route.v3.HeaderMatcher``, ``QueryParameterMatcher`` and ``RouteMatch``.
"""

from __future__ import annotations

import re
import typing as t

from .._istio.patterns import PatternError, is_match, literal
from .request import Request

Json = t.Mapping[str, t.Any]


class Unknown(Exception):
    """A matcher that is not known here, so that nobody can say whether it holds; the text names it."""


def string_holds(matcher: Json, value: str) -> bool:
    """Whether a StringMatcher holds. Raises Unknown for a kind of matcher that is not known here."""
    fold = bool(matcher.get("ignore_case"))
    text = value.lower() if fold else value
    tests: dict[str, t.Callable[[str], bool]] = {
        "exact": text.__eq__,
        "prefix": text.startswith,
        "suffix": text.endswith,
        "contains": text.__contains__,
    }
    for kind, test in tests.items():
        if kind in matcher:
            wanted = str(matcher[kind])
            return test(wanted.lower() if fold else wanted)
    if "safe_regex" in matcher:
        return regex_holds(matcher["safe_regex"], value)
    if not set(matcher) - {"ignore_case"}:
        return value == ""  # an exact match of the empty text is its default
    raise Unknown(f"the matcher {sorted(matcher)[0]}")


def regex_holds(matcher: Json, value: str) -> bool:
    """Whether the whole value matches the pattern, which is RE2's (``envoy.type.matcher.v3.RegexMatcher``)."""
    pattern = str(matcher.get("regex", ""))
    try:
        return is_match(pattern, value)
    except PatternError as error:
        raise Unknown(f"the pattern {pattern!r}") from error


def string_text(matcher: Json) -> str:
    """A StringMatcher in words: ``exactly 'jason'``."""
    for kind, word in (
        ("exact", "exactly"),
        ("prefix", "a text that begins with"),
        ("suffix", "a text that ends with"),
        ("contains", "a text that contains"),
    ):
        if kind in matcher:
            return f"{word} {matcher[kind]!r}"
    if "safe_regex" in matcher:
        return f"a text that matches {matcher['safe_regex'].get('regex', '')!r}"
    return "the empty text"


def header_fault(matcher: Json, request: Request) -> str:
    """What a HeaderMatcher asks for and the request does not have; empty where it holds. Raises Unknown."""
    name = str(matcher.get("name", ""))
    value = request.header(name)
    inverted = bool(matcher.get("invert_match"))
    called = _called(name)
    if value is None and matcher.get("treat_missing_header_as_empty"):
        value = ""
    if "present_match" in matcher:
        holds = (value is not None) == bool(matcher["present_match"])
        absent = bool(matcher["present_match"]) == inverted
        return "" if holds != inverted else f"{called} must {'not ' if absent else ''}be present"
    test = _string_matcher(matcher)
    if test is None:
        if set(matcher) - {"name", "invert_match", "treat_missing_header_as_empty"}:
            raise Unknown(f"the matcher of header {name}")
        return "" if (value is not None) != inverted else f"{called} must {'not ' if inverted else ''}be present"
    # A header that is not there matches nothing, not even inverted, unless it counts as empty.
    if value is None:
        return f"{called} {'must not be' if inverted else 'has to be'} {string_text(test)}, and the request has none"
    if string_holds(test, value) != inverted:
        return ""
    return f"{called} {'must not be' if inverted else 'has to be'} {string_text(test)}, and is {value!r}"


def _called(name: str) -> str:
    special = {":method": "the method", ":authority": "the host", ":path": "the path", ":scheme": "the scheme"}
    return special.get(name, f"the header {name}")


def _string_matcher(matcher: Json) -> Json | None:
    if "string_match" in matcher:
        return t.cast(Json, matcher["string_match"])
    # The older forms, which Envoy still reads.
    for old, new in (("exact_match", "exact"), ("prefix_match", "prefix"), ("suffix_match", "suffix")):
        if old in matcher:
            return {new: matcher[old]}
    if "contains_match" in matcher:
        return {"contains": matcher["contains_match"]}
    if "safe_regex_match" in matcher:
        return {"safe_regex": matcher["safe_regex_match"]}
    return None


def query_fault(matcher: Json, request: Request) -> str:
    """As header_fault(), for a QueryParameterMatcher; the first of several values of one name counts."""
    name = str(matcher.get("name", ""))
    value = next((one for key, one in request.query if key == name), None)
    called = f"the query parameter {name}"
    if "string_match" in matcher:
        test = matcher["string_match"]
        if value is None:
            return f"{called} has to be {string_text(test)}, and the request has none"
        return "" if string_holds(test, value) else f"{called} has to be {string_text(test)}, and is {value!r}"
    wanted = bool(matcher.get("present_match", True))
    return "" if (value is not None) == wanted else f"{called} must {'' if wanted else 'not '}be present"


def path_fault(match: Json, path: str) -> str:
    """What a RouteMatch asks of the path that it is not; empty where it holds. Raises Unknown."""
    fold = match.get("case_sensitive") is False
    have = path.lower() if fold else path
    for kind, word in (("path", "exactly"), ("prefix", "begin with"), ("path_separated_prefix", "begin with")):
        if kind not in match:
            continue
        raw = str(match[kind])
        wanted = raw.lower() if fold else raw
        if kind == "path":
            holds = have == wanted
        elif kind == "prefix":
            holds = have.startswith(wanted)
        else:
            holds = have == wanted or have.startswith(f"{wanted}/")
        return "" if holds else f"the path has to {'be ' if kind == 'path' else ''}{word} {raw!r}, and is {path!r}"
    if "safe_regex" in match:
        pattern = match["safe_regex"]
        return (
            "" if regex_holds(pattern, path) else f"the path has to match {pattern.get('regex', '')!r}, and is {path!r}"
        )
    if "connect_matcher" in match:
        return "only CONNECT is matched"
    if "path_match_policy" in match:
        template = template_of(match["path_match_policy"])
        return "" if template_holds(template, path) else f"the path has to fit {template!r}, and is {path!r}"
    raise Unknown("a match without a path that is known here")


def template_of(policy: Json) -> str:
    """The path template of a UriTemplateMatchConfig. Raises Unknown for any other policy."""
    config = policy.get("typed_config") or {}
    if "path_template" not in config:
        raise Unknown(f"the path policy {policy.get('name', '')}")
    return str(config["path_template"])


def template_holds(template: str, path: str) -> bool:
    """Whether a path fits a template, in which ``*`` is one segment and ``**`` the rest. Raises Unknown.

    The form is that of ``envoy.extensions.path.match.uri_template.v3``; variables (``{a=*}``) are as their patterns.
    """
    pattern = ""
    for segment in re.sub(r"\{\w+(?:=([^}]*))?\}", lambda one: one[1] or "*", template).split("/"):
        if segment == "**":
            pattern += ".*/"
        elif segment == "*":
            pattern += "[^/]+/"
        else:
            pattern += "[^/]*".join(literal(part) for part in segment.split("*")) + "/"
    return regex_holds({"regex": pattern[:-1]}, path)


def route_fault(match: Json, request: Request) -> str:
    """The first condition of a RouteMatch that does not hold; empty where all do. Raises Unknown."""
    fault = path_fault(match, request.path)
    if fault:
        return fault
    for header in match.get("headers") or ():
        fault = header_fault(header, request)
        if fault:
            return fault
    for parameter in match.get("query_parameters") or ():
        fault = query_fault(parameter, request)
        if fault:
            return fault
    if "grpc" in match and not (request.header("content-type") or "").startswith("application/grpc"):
        return "only gRPC is matched"
    for other in ("dynamic_metadata", "tls_context", "runtime_fraction", "cookies", "filter_state"):
        if match.get(other):
            raise Unknown(f"the condition {other}")
    return ""
