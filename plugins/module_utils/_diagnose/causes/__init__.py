# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a check has failed: the causes that the way of its request carries, from the most to the least specific."""

from __future__ import annotations

import typing as t

from ..._explain.outcome import outcome_of
from ..findings import Diagnosis
from .access import access_denied, denied_as_tcp, let_in
from .answers import (
    answered_by_rule,
    delay_before_timeout,
    header_of_request,
    held_back,
    origin_not_allowed,
    rewritten_amiss,
)
from .case import Case, case_of, concerned
from .conditions import refused_by_status
from .copies import no_copies
from .elsewhere import probe_refused, sampled_elsewhere
from .filters import filter_elsewhere, filter_on_another_way, switched_off
from .hidden import passed_by, unseen_rule, unseen_service
from .outside import other_protocol, plain_to_tls, refused_handshake
from .routes import (
    gateway_closes,
    gateway_has_no_route,
    hidden_routes,
    idle_rule,
    no_fault,
    no_route,
    no_target,
    passed_over,
    taken_by_older,
    too_slow,
    without_effect,
)
from .services import alias_of_nobody, entry_beside_pods, port_of_nobody, service_of_nobody, stream_of_nobody
from .settings import fault_beside_retries, lost_breaker, never_ejected, tried_after_others
from .tokens import token_refused
from .transport import (
    encrypted_twice,
    never_synced,
    passed_in_plain_text,
    refused_tls,
    taken_in_plain_text,
    wrong_protocol,
)

__all__ = ["Case", "case_of", "concerned", "explained", "alias_of_nobody", "how_far", "without_effect"]

CAUSES: tuple[t.Callable[[Case], Diagnosis | None], ...] = (
    never_synced,
    refused_by_status,
    gateway_has_no_route,
    gateway_closes,
    taken_by_older,
    answered_by_rule,
    token_refused,
    passed_by,
    unseen_service,
    access_denied,
    denied_as_tcp,
    let_in,
    taken_in_plain_text,
    probe_refused,
    unseen_rule,
    passed_in_plain_text,
    encrypted_twice,
    refused_handshake,
    other_protocol,
    plain_to_tls,
    refused_tls,
    wrong_protocol,
    no_route,
    too_slow,
    port_of_nobody,
    stream_of_nobody,
    service_of_nobody,
    entry_beside_pods,
    no_target,
    fault_beside_retries,
    tried_after_others,
    never_ejected,
    lost_breaker,
    hidden_routes,
    no_fault,
    passed_over,
    idle_rule,
    no_copies,
    rewritten_amiss,
    delay_before_timeout,
    held_back,
    header_of_request,
    origin_not_allowed,
    filter_elsewhere,
    filter_on_another_way,
    switched_off,
    sampled_elsewhere,
)


def explained(case: Case) -> Diagnosis | None:
    """The first cause that the request's way carries; None where it carries none."""
    return next((found for cause in CAUSES if (found := cause(case)) is not None), None)


def how_far(case: Case) -> str:
    """How far the request came by the configuration; empty where that is not known."""
    if case.first is None or case.first.sent is None or not case.first.sent.listener or not case.first.received:
        return ""
    outcome = outcome_of(case.first).removeprefix("Outcome: ").rstrip(".")
    return f"By the proxies' configuration the request is {outcome}; why the answer differs is unknown."
