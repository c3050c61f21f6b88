# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed checks from a list of mappings, and what in such a list no output may show."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qsl, urlsplit

from ..._observe.errors import CheckError
from .expect import EXPECT_KEYS, expect_of, refuse_contradictions
from .plain import refuse_unusual
from .reader import Reader, default_to, names, percent, shown
from .request import request_of
from .types import DEADLINE, HOST, NO_SIDECAR, TIMEOUT, WORKLOAD, Check

LONGEST_DEADLINE = 3600.0

CHECK_KEYS = (
    "name",
    "from",
    "namespace",
    "request",
    "expect",
    "tolerance",
    "deadline",
    "consecutive",
    "control",
    "fails_in",
    "no_log",
)


def parse_checks(value: object, default_namespace: str | None = None, deadline: float | None = None) -> list[Check]:
    """Typed checks from a list of mappings; CheckError names what is wrong.

    ``default_namespace`` and ``deadline`` (in seconds) are those of checks that name none of their own.
    """
    given = Reader({"deadline": deadline}, "", ("deadline",), "The option")
    seconds = default_to(given.number("deadline", 0, LONGEST_DEADLINE), DEADLINE)
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        refuse_unusual(value, "The checks")
        raise CheckError(f"The checks must be a list of mappings, not {shown(value)}.")
    for number, item in enumerate(value, 1):
        refuse_unusual(item, f"Check {number}")
    checks = [_check(item, number, default_namespace, seconds) for number, item in enumerate(value, 1)]
    seen: dict[str, int] = {}
    for number, check in enumerate(checks, 1):
        if check.name in seen:
            raise CheckError(
                f"Check {number} has the name {check.name!r} of check {seen[check.name]}: give each check its own name."
            )
        seen[check.name] = number
    return checks


def secrets_of(value: object) -> set[str]:
    """Texts that no output may show: private keys, and for checks marked ``no_log`` all that their requests carry.

    Takes the checks as they were given, right or wrong: a mistake in a check must not show its secrets either.
    """
    found: set[str] = set()
    for item in value if isinstance(value, (list, tuple)) else ():
        request = item.get("request") if isinstance(item, t.Mapping) else None
        if not isinstance(request, t.Mapping):
            continue
        tls = request.get("tls")
        pems = [tls.get("key"), tls.get("cert")] if isinstance(tls, t.Mapping) else []
        found.update(text for text in _texts(pems) if "PRIVATE KEY" in text)
        if item.get("no_log") not in (None, False, "false", "no", "False"):
            session = request.get("session")
            query = str(request.get("url", "")).partition("#")[0].partition("?")[2]
            sent = [request.get("headers"), request.get("body"), request.get("form"), query]
            sent += [value for _name, value in parse_qsl(query)]
            found.update(_texts([*sent, session.get("form") if isinstance(session, t.Mapping) else session]))
            found.update(_texts(session.get("password") if isinstance(session, t.Mapping) else None))
    return found


def _texts(value: object, within: tuple[int, ...] = ()) -> set[str]:
    """All texts inside a value that are long enough to be hidden without hiding everything."""
    if isinstance(value, (t.Mapping, list, tuple)):
        if id(value) in within:
            return set()
        inside = (*within, id(value))
        parts = value.values() if isinstance(value, t.Mapping) else value
        return {text for inner in parts for text in _texts(inner, inside)}
    # As text in any case: Ansible hides a number by its digits.
    text = "" if value is None or isinstance(value, bool) else str(value)
    return {text} if len(text) > 2 else set()


def _check(item: object, number: int, default_namespace: str | None, deadline: float) -> Check:
    given = item.get("name") if isinstance(item, t.Mapping) else None
    title = f"Check {given!r}" if isinstance(given, str) and given else f"Check {number}"
    reader = Reader(item, "", CHECK_KEYS, title)
    if not reader.has("request"):
        raise reader.error("request", "is missing: it says what to send, at least its url")
    if not reader.has("expect"):
        raise reader.error("expect", f"is missing: it says what must come back, any of {names(EXPECT_KEYS)}")
    source = reader.text("from", HOST) or HOST
    if source != NO_SIDECAR and not WORKLOAD.fullmatch(source):
        raise reader.error("from", f"must be host, no_sidecar or the name of a workload, not {shown(source)}")
    expect = expect_of(reader.value["expect"], title)
    request = request_of(reader.value["request"], title, max(TIMEOUT, (expect.latency_max or 0.0) + TIMEOUT / 3))
    refuse_contradictions(reader, request, expect)
    if expect.refused and source not in (HOST, NO_SIDECAR) and urlsplit(request.url).scheme not in ("http", "grpc"):
        raise reader.error(
            "expect.refused",
            "cannot be told from a workload for what is not plain HTTP: its own sidecar takes the connection, and "
            "closes it where nobody is there, too; ask from no_sidecar",
        )
    for key, given in (("attempts", expect.attempts is not None), ("mirrored", bool(expect.mirrored))):
        if given and source == HOST and expect.callee is None:
            raise reader.error(
                "expect.callee", f"is missing: from the host, {key} needs the name of the service that is meant"
            )
    for key, given in (
        ("request.connect_to", request.connect_to is not None),
        ("expect.upstream_cluster", expect.upstream_cluster is not None),
    ):
        if given and source == HOST:
            raise reader.error(key, "needs a check from a workload: the host reaches nothing but the gateway")
    if expect.logged and source in (HOST, NO_SIDECAR):
        raise reader.error("expect.logged", "needs a check from a workload: it is about the log of the caller's proxy")
    return Check(
        name=reader.text("name") or f"{request.method} {request.url} from {source}",
        source=source,
        namespace=reader.text("namespace", default_namespace),
        request=request,
        expect=expect,
        tolerance=percent(reader.number("tolerance", 0.1, 50)),
        deadline=default_to(reader.number("deadline", 0, LONGEST_DEADLINE), deadline),
        consecutive=default_to(reader.whole("consecutive", 1, 100), 3),
        control=reader.flag("control"),
        fails_in=reader.value.get("fails_in"),
        no_log=reader.flag("no_log"),
    )
