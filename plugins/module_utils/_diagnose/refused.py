# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are not there: the cluster refuses to make them (constraints, a quota, a webhook), or nobody wants any."""

from __future__ import annotations

import typing as t

from .._apply.ready import refusal_of, remedy_of
from .._explain.words import joined
from .._kube.objects import home_of, labels_of, matches, name_of, spec_of
from .changes import kubectl
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


def scaled_away(findings: Findings, service: Service, version: t.Mapping[str, str]) -> Diagnosis | None:
    """All Deployments of a service's pods, or of those of them with the labels of a version, are scaled to zero."""
    name, home = service
    found = next((one for one in findings.of("Service", home) if name_of(one) == name), {})
    selector = spec_of(found).get("selector")
    made = [
        one
        for one in findings.of("Deployment", home)
        if selector and matches({**selector, **version}, labels_of(spec_of(one).get("template") or {}))
    ]
    if not made or any(spec_of(one).get("replicas", 1) for one in made):
        return None
    names = joined([f"Deployment {qualified(one)}" for one in made])
    return Diagnosis(
        f"{names} {'is' if len(made) == 1 else 'are'} scaled to 0 replicas, so there is no pod behind Service "
        f"{home}/{name}{' with these labels' if version else ''}.",
        "Scale it to 1 replica or more, or send the requests elsewhere.",
        "\n".join(kubectl("scale", "Deployment", home, name_of(one), "--replicas=1") for one in made),
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
