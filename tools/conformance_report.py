# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report of the Gateway API's conformance suite says, as a page, and which failures nobody expects.

The report's form: the package apis/v1 of the Go module sigs.k8s.io/gateway-api/conformance.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Json = dict[str, t.Any]

KNOWN: dict[str, str] = {}
"""Each failure that is expected, and where it comes from."""


class ReportError(Exception):
    """One sentence: what is wrong with the report."""


@dataclass(frozen=True)
class Part:
    """One part of a profile (``core`` or ``extended``): how many tests passed, and which failed or were skipped."""

    profile: str
    name: str
    passed: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]


def parts_of(report: t.Any) -> list[Part]:
    """The parts of all profiles; ReportError where it is no report of the suite."""
    if not isinstance(report, dict) or report.get("kind") != "ConformanceReport" or not report.get("profiles"):
        raise ReportError("The suite wrote no ConformanceReport with a profile: its log says why it ended.")
    return [
        Part(
            profile["name"],
            name,
            int((profile[name].get("statistics") or {}).get("Passed", 0)),
            tuple(sorted(profile[name].get("failedTests") or ())),
            tuple(sorted(profile[name].get("skippedTests") or ())),
        )
        for profile in report["profiles"]
        for name in ("core", "extended")
        if profile.get(name)
    ]


def surprises(parts: t.Iterable[Part], known: t.Mapping[str, str]) -> list[str]:
    """What differs from what is expected, a sentence each: a failure that nobody knows, or a known one that passed."""
    failed = {test for part in parts for test in part.failed}
    new = [f"{test} failed, and no reason for it is known." for test in sorted(failed - set(known))]
    return new + [f"{test} passed, and is listed as a known failure." for test in sorted(set(known) - failed)]


def page(report: Json, known: t.Mapping[str, str], seconds: float) -> str:
    """docs/conformance.md."""
    rows, reasons = [], []
    for part in parts_of(report):
        rows.append(f"| {part.profile} | {part.name} | {part.passed} | {len(part.failed)} | {len(part.skipped)} |")
        reasons += [f"- `{test}`: {known.get(test, 'not explained yet')}" for test in part.failed]
    implementation = report["implementation"]
    return "\n".join(
        [
            "# Conformance of the Gateway API",
            "",
            "`make conformance` writes this page. It runs the Gateway API's own conformance suite, built from its Go",
            "module, on the embedded cluster.",
            "",
            f"- Gateway API {report['gatewayAPIVersion']}, channel {report['gatewayAPIChannel']}",
            f"- {implementation['project']} {implementation['version']}, with Envoy as its own project releases it",
            f"- {seconds:.0f} seconds from the first object to the report",
            "",
            "| profile | part | passed | failed | skipped |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "## Known failures",
            "",
            *(reasons or ["None."]),
            "",
            "## How it runs",
            "",
            "The embedded cluster has no load balancers. So a ConfigMap tells istiod to give each Gateway a Service of",
            "type `ClusterIP`, and the suite runs in the node's network, where the addresses and names of Services are",
            "known. The images that its manifests name are built from Go modules, and nothing is pulled.",
            "",
        ]
    )
