# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no configuration of a proxy tells: pure functions, asked from the most to the least specific.

The first that knows answers. The way of the request (``causes``) is asked before them.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..analysis import with_analysis
from ..causes import Case, alias_of_nobody, case_of, explained, how_far, without_effect
from ..desired import as_desired, behind
from ..findings import Diagnosis, Findings
from ..missing import no_copies, no_counting, no_delay, no_logging, no_quota, no_traces
from ..proxies import rejected, unacknowledged
from ..refused import refused_on_path
from ..shares import shares_by_other_means, wrong_weights
from .entrance import no_listener, not_routed
from .pods import no_istiod, no_sidecar, not_ready, refused_inside
from .policies import denied, let_in, not_refused, plain_text_refused
from .records import by_records, faulty, timed_out
from .sending import at_login, blocked_outside, could_not_ask, login, unknown_name
from .versions import other_service_meant, several_labs, wrong_version

Rule = t.Callable[[Case], "Diagnosis | None"]


def plain(rule: t.Callable[[Findings], Diagnosis | None]) -> Rule:
    """A rule that asks nothing of the request's way."""
    return lambda case: rule(case.findings)


FIRST: tuple[Rule, ...] = (alias_of_nobody, *map(plain, (could_not_ask, unknown_name, refused_on_path, no_counting)))
"""Asked before the request's way is looked at: no request was sent, there is no pod that it could lead to, or nobody
counts what comes of it.
"""

HINDERED: tuple[Rule, ...] = tuple(map(plain, (refused_inside, not_ready, no_sidecar, rejected, no_istiod)))
"""Where one of these knows something, no rule of the mesh would help, whatever of the desired is missing."""

RULES: tuple[Rule, ...] = (
    no_listener,
    *map(plain, (not_routed, blocked_outside, by_records, denied, faulty)),
    *HINDERED[:4],
    *map(plain, (timed_out, plain_text_refused)),
    not_refused,
    *HINDERED[4:],
    let_in,
    without_effect,
    *map(
        plain,
        (
            other_service_meant,
            wrong_weights,
            no_delay,
            no_quota,
            no_copies,
            no_traces,
            no_logging,
            unacknowledged,
            several_labs,
            wrong_version,
            shares_by_other_means,
            login,
            behind,
        ),
    ),
)

# A configuration of a version that is not known may have any form. Then the rules still know what they know.
_OF_ANOTHER_FORM = (AttributeError, KeyError, TypeError, ValueError)


def _case(findings: Findings) -> Case:
    """The request's way through the proxies; nothing of it where their configuration has a form not known here."""
    try:
        return case_of(findings)
    except _OF_ANOTHER_FORM:
        return case_of(replace(findings, configs={}))


def _by_its_way(case: Case) -> Diagnosis | None:
    try:
        return explained(case)
    except _OF_ANOTHER_FORM:
        return None


def _first(rules: t.Iterable[Rule], case: Case) -> Diagnosis | None:
    return next((found for rule in rules if (found := rule(case)) is not None), None)


def diagnose(findings: Findings) -> Diagnosis | None:
    """The most specific explanation, or None where nothing is known beyond expected and observed."""
    inner = at_login(findings)
    if inner is not findings:
        return _diagnosed(inner) or login(findings)
    return _diagnosed(findings)


def _diagnosed(findings: Findings) -> Diagnosis | None:
    case = _case(findings)
    found = _first(FIRST, case)
    if found is None:
        own = _by_its_way(case)
        hindered = _first(HINDERED, case) is not None
        found = (None if hindered else as_desired(findings, case, own)) or own or _first(RULES, case)
    told = with_analysis(findings, found)
    # Where nothing tells the cause: how far the request came, else what would have to be read to say so.
    instead = how_far(case) or " ".join(findings.unseen)
    if (told is None or not told.sentence) and instead:
        told = Diagnosis(instead, told.remedy if told is not None else "")
    return replace(told, path=_path(case)) if told is not None else None


def _path(case: Case) -> tuple[str, ...]:
    try:
        return case.path()
    except _OF_ANOTHER_FORM:
        return ()
