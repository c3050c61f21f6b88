# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are not there because the cluster refuses to make them: by its constraints, a quota, a webhook."""

from __future__ import annotations

import typing as t

from .._apply.ready import refusal_of, remedy_of
from .._kube.objects import home_of, labels_of, matches, spec_of
from .findings import Diagnosis, Findings, Json
from .objects import qualified
from .paths import Service, services_on_path


def refused_on_path(findings: Findings) -> Diagnosis | None:
    """Pods behind a service that the request meets, where its answers are those of pods that are missing."""
    missing = any((one.get("status") or 0) >= 500 for one in findings.seen) or findings.errors()
    return refused_behind(findings, services_on_path(findings)) if missing or findings.expected_versions else None


def refused_behind(findings: Findings, services: t.Collection[Service]) -> Diagnosis | None:
    """Pods that these services choose."""
    selectors = [
        (home_of(one), selector)
        for one in findings.of("Service")
        if (one["metadata"]["name"], home_of(one)) in services and (selector := spec_of(one).get("selector"))
    ]
    return _told(
        one
        for one in findings.of("Deployment")
        if any(
            home == home_of(one) and matches(selector, labels_of(spec_of(one).get("template") or {}))
            for home, selector in selectors
        )
    )


def refused_beside(findings: Findings) -> Diagnosis | None:
    """Pods anywhere in the namespace, which the service asked may need."""
    return _told(findings.of("Deployment", findings.namespace)) if findings.namespace else None


def _told(deployments: t.Iterable[Json]) -> Diagnosis | None:
    for one in deployments:
        why = refusal_of(dict(one))
        if why and not (one.get("status") or {}).get("readyReplicas"):
            remedy = remedy_of(why, dict(one))
            return Diagnosis(f"Deployment {qualified(one)} has no pod: {why}.", f"{remedy[0].upper()}{remedy[1:]}.")
    return None
