# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in what is set for failures: tries that are not made again, pods that are not ejected, lost circuit breakers.

Sources: Envoy's router filter, ``x-envoy-retry-on`` (which failures each word is about); istio.io, "Virtual Service"
(``HTTPRetry``; with a fault on the client's side neither timeouts nor retries count).
"""

from __future__ import annotations

import typing as t

from ..._explain.effects.mend import setting
from ..._explain.journey import Sent, Target
from ..._explain.origin import Origin
from ..._explain.words import joined
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, rule_of, told

GATEWAY_ERRORS = range(502, 505)
COVERED = {"5xx": range(500, 600), "gateway-error": GATEWAY_ERRORS, "retriable-4xx": range(409, 410)}
"""The answers of a callee after which it is tried again, by the word in retryOn."""


def _senders(case: Case) -> t.Iterator[tuple[Sent, Origin, Json]]:
    """The proxies on the way that follow a rule of a VirtualService, with it."""
    for journey in case.journeys:
        sent = journey.sent
        rule = rule_of(case, sent) if sent is not None and journey not in case.guessed else {}
        if rule and sent is not None and sent.origin is not None:
            yield sent, sent.origin, rule


def _failures(case: Case) -> set[int]:
    """The statuses of failures, where none is expected."""
    expected = set(case.findings.expected_status) | {status for status, _share in case.findings.status_shares}
    return set() if any(one >= 500 for one in expected) else {one for one in case.statuses if one >= 500}


def fault_beside_retries(case: Case) -> Diagnosis | None:
    """A rule has retries, and answers itself by a fault, which comes before any try."""
    failures = _failures(case)
    for sent, origin, rule in _senders(case):
        if not _tries(rule) or not sent.abort.isdigit() or int(sent.abort) not in failures:
            continue
        return Diagnosis(
            f"Rule {(sent.rule or 0) + 1} of {origin} answers {100 * sent.abort_share:g} % of the requests with "
            f"{sent.abort} itself (fault.abort), and its retries do not count for these: nothing has been sent on that "
            "could be tried again.",
            "Take the fault out, or let the callee fail, such as by the fault filter at its own proxy.",
        )
    return None


def tried_after_others(case: Case) -> Diagnosis | None:
    """A rule tries again after other failures than the one that the callee answers."""
    failures = _failures(case)
    for sent, origin, rule in _senders(case):
        answered = {one.status for one in case.findings.records if one.pod == sent.proxy and one.upstream}
        lost = sorted(failures & answered)
        if not _tries(rule) or not lost or any(_is_covered(sent, one) for one in lost):
            continue
        name = next((one.service[0] for one in sent.met if one.service), "the callee")
        word = "gateway-error" if lost[0] in GATEWAY_ERRORS else "5xx"
        written = str((rule.get("retries") or {}).get("retryOn") or "")
        path = ("spec", "http", sent.rule or 0, "retries", "retryOn")
        return Diagnosis(
            f"Rule {(sent.rule or 0) + 1} of {origin} tries again only after {_words(sent)} "
            f"(retries.retryOn{'' if written else ', by default'}), and {name} answers {lost[0]}.",
            f"Add {word} to its retries.retryOn.",
            commands(setting(origin, path, f"{written or sent.retry_on},{word}")),
        )
    return None


def _tries(rule: Json) -> bool:
    return int((rule.get("retries") or {}).get("attempts") or 0) > 0


def _is_covered(sent: Sent, status: int) -> bool:
    """Whether the callee is tried again after this answer."""
    policy = ((sent.route or {}).get("route") or {}).get("retry_policy") or {}
    words = [one.strip() for one in sent.retry_on.split(",")]
    if "retriable-status-codes" in words and status in map(int, policy.get("retriable_status_codes") or ()):
        return True
    return any(status in COVERED.get(word, ()) for word in words)


def _words(sent: Sent) -> str:
    """The conditions for another try, with the statuses that one of them stands for."""
    policy = ((sent.route or {}).get("route") or {}).get("retry_policy") or {}
    codes = [str(one) for one in policy.get("retriable_status_codes") or ()]
    words = [one.strip() for one in sent.retry_on.split(",") if one.strip()]
    if "retriable-status-codes" in words:
        words.remove("retriable-status-codes")
        words += codes
    return joined(words, "or")


def never_ejected(case: Case) -> Diagnosis | None:
    """A pod that fails stays among those that are asked, since no pod can be ejected."""
    if not _failures(case):
        return None
    return _of_target(case, "outliers", lambda target: not any(one.state == "ejected" for one in target.endpoints))


def lost_breaker(case: Case) -> Diagnosis | None:
    """Requests are to be refused by a circuit breaker (503), and the one that is there does not hold for the port."""
    if 503 not in {*case.findings.expected_status, *dict(case.findings.status_shares)} or 503 in case.statuses:
        return None
    return _of_target(case, "breaker", lambda target: not target.breaker)


def _of_target(case: Case, topic: str, holds: t.Callable[[Target], bool]) -> Diagnosis | None:
    """What has no effect in the DestinationRule of a target of the request."""
    targets = [
        one for journey in case.journeys if journey not in case.guessed and journey.sent for one in journey.sent.met
    ]
    for effect in case.about(topic):
        if any(one.origin == effect.origin and holds(one) for one in targets):
            return told(effect)
    return None
