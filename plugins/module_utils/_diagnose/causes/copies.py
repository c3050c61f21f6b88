# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of requests (mirrors) that are not made, or fewer than expected.

Source: istio.io, "Virtual Service" (``mirrorPercentage`` and ``mirrors[].percentage``, whose values are in percent).
"""

from __future__ import annotations

import typing as t

from ..._explain.effects.mend import setting
from ..._explain.journey import Sent
from ..._explain.origin import Origin
from ..._kube.objects import labels_of
from ..changes import commands
from ..findings import Diagnosis
from .case import Case, rule_of, told

CLOSE = 0.005
"""What is not worth a word, since Envoy counts in parts of 10,000 or a million."""


def no_copies(case: Case) -> Diagnosis | None:
    """Copies are expected, and go to a host that does not exist, or are fewer than expected."""
    if not case.findings.expects_copies:
        return None
    for journey in case.journeys:
        found = _few_copies(case, journey.sent) if journey.sent is not None else None
        if found is not None:
            return found
    return next((told(one) for one in case.about("mirror")), None)


def _few_copies(case: Case, sent: Sent) -> Diagnosis | None:
    """A mirror to a version whose share is smaller than the one that is expected."""
    rule = rule_of(case, sent)
    for number, (target, share) in enumerate(sent.mirrors):
        versions = {labels_of(one.pod).get("version") for one in target.endpoints if one.pod is not None}
        wanted = next((part for label, part in case.findings.copy_shares if label in {*versions, target.subset}), 0.0)
        if not rule or share + CLOSE >= wanted:
            continue
        path = ("mirrors", number, "percentage") if rule.get("mirrors") else ("mirrorPercentage",)
        field = f"mirrors[{number}].percentage" if rule.get("mirrors") else "mirrorPercentage"
        value = {"value": round(100 * wanted, 4)}
        return Diagnosis(
            f"Rule {(sent.rule or 0) + 1} of {sent.origin} copies {100 * share:g} % of the requests ({field}, whose "
            f"value is in percent); the check expects {100 * wanted:g} %.",
            f"Write {field}: {{value: {100 * wanted:g}}}.",
            commands(setting(t.cast(Origin, sent.origin), ("spec", "http", sent.rule or 0, *path), value)),
        )
    return None
