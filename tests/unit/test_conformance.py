# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools/conformance makes of the suite's report, and the versions that it builds."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from conformance_report import KNOWN, Part, ReportError, page, parts_of, surprises

ROOT = Path(__file__).resolve().parents[2]
REPORT: dict[str, t.Any] = {
    "kind": "ConformanceReport",
    "gatewayAPIVersion": "v1.6.0",
    "gatewayAPIChannel": "standard",
    "implementation": {"project": "istio", "version": "1.31"},
    "profiles": [
        {
            "name": "GATEWAY-HTTP",
            "core": {
                "result": "failure",
                "statistics": {"Passed": 31, "Failed": 2, "Skipped": 1},
                "failedTests": ["Second", "First"],
                "skippedTests": ["Third"],
            },
        }
    ],
}
PARTS = [Part("GATEWAY-HTTP", "core", 31, ("First", "Second"), ("Third",))]


def test_the_parts_of_a_report() -> None:
    assert parts_of(REPORT) == PARTS


@pytest.mark.parametrize("other", [None, [], {}, {"kind": "ConformanceReport"}, {**REPORT, "kind": "Pod"}])
def test_what_is_no_report_is_said_in_one_sentence(other: t.Any) -> None:
    with pytest.raises(ReportError, match="its log says why"):
        parts_of(other)


def test_only_what_is_not_expected_is_a_surprise() -> None:
    assert surprises(PARTS, {"First": "a", "Second": "b"}) == []
    assert surprises(PARTS, {"First": "a", "Fourth": "d"}) == [
        "Second failed, and no reason for it is known.",
        "Fourth passed, and is listed as a known failure.",
    ]


def test_the_page_names_profile_figures_and_where_failures_come_from() -> None:
    shown = page(REPORT, {"First": "The cluster has one node."}, 600)
    for line in (
        "- Gateway API v1.6.0, channel standard",
        "- 600 seconds from the first object to the report",
        "| GATEWAY-HTTP | core | 31 | 2 | 1 |",
        "- `First`: The cluster has one node.",
        "- `Second`: not explained yet",
    ):
        assert line in shown.splitlines()
    assert "None." in page({**REPORT, "profiles": [{"name": "G", "core": {}, "extended": {}}]}, {}, 1).splitlines()


def test_the_suite_is_of_the_version_whose_definitions_labs_install() -> None:
    def version(go_mod: Path, module: str) -> str:
        (found,) = re.findall(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod.read_text(), re.MULTILINE)
        return str(found)

    own = ROOT / "tests" / "conformance" / "go.mod"
    istio = ROOT / "roles" / "cluster" / "files" / "go" / "istio" / "go.mod"
    api = version(istio, "sigs.k8s.io/gateway-api")
    assert version(own, "sigs.k8s.io/gateway-api") == version(own, "sigs.k8s.io/gateway-api/conformance") == api


def test_the_page_has_the_known_failures_and_no_others() -> None:
    there = (ROOT / "docs" / "conformance.md").read_text()
    failures = there.partition("\n## Known failures\n")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^- `(\w+)`: (.+)$", failures, re.MULTILINE)) == KNOWN
    assert (failures.strip() == "None.") == (not KNOWN)
