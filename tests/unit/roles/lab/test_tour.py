# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tour reports in a table and in JUnit's XML."""

from __future__ import annotations

import datetime
import pathlib
import typing as t
from xml.etree import ElementTree

import jinja2
import pytest
from ansible_collections.mesh.workshop.plugins.filter.tour_table import tour_table
from ansible_collections.mesh.workshop.tests.unit.role_vars import load, render

ROLE = pathlib.Path(__file__).parents[4] / "roles" / "lab"
CHECK = {"name": "<a> & b", "passed": True, "seconds": 1.5}
FAILED = {**CHECK, "passed": False, "expected": "200", "observed": "403", "diagnosis": "Why.", "remedy": "What."}
SAME = {**FAILED, "name": "the same"}
RESULTS: list[dict[str, t.Any]] = [
    {"lab": "rbac", "stage": "page", "passed": True, "message": "", "checks": [CHECK], "seconds": 2.25},
    {
        "lab": "rbac",
        "stage": "full",
        "passed": False,
        "message": "It < failed.",
        "checks": [FAILED, SAME],
        "seconds": 3,
    },
    {"lab": "tls", "stage": "reset", "passed": False, "message": "No way.", "checks": [], "seconds": 1},
    {"lab": "tls", "stage": "strict", "passed": False, "message": "No way.", "checks": [], "seconds": 1},
]


def rendered(name: str) -> str:
    loader = jinja2.FileSystemLoader(ROLE / "templates")
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["mesh.workshop.tour_table"] = tour_table
    now = datetime.datetime.fromtimestamp(12, datetime.UTC)
    facts: dict[str, t.Any] = {"lab_tour_results": RESULTS, "lab_tour_began": 0, "now": lambda: now}
    return environment.get_template(name).render(**facts)


def test_the_table_ends_with_what_went_wrong() -> None:
    lines = rendered("tour.txt.j2").splitlines()
    assert lines[2].split() == ["rbac", "page", "passed", "1/1", "2.2", "s"]
    assert lines[lines.index("4 steps in 12 s") :] == [
        "4 steps in 12 s",
        *("", "rbac, full:", "It < failed."),
        *("", "tls, reset:", "tls, strict:", "No way."),
    ]


def test_the_junit_file_names_every_check_and_step() -> None:
    root = ElementTree.fromstring(rendered("junit.xml.j2"))
    cases = [(case.get("classname"), case.get("name"), case.find("failure") is None) for case in root.iter("testcase")]
    assert cases == [
        ("rbac.page", "<a> & b", True),
        ("rbac", "page", True),
        ("rbac.full", "<a> & b", False),
        ("rbac.full", "the same", False),
        ("rbac", "full", False),
        ("tls", "reset", False),
        ("tls", "strict", False),
    ]
    texts = [failure.text for failure in root.iter("failure") if failure.text]
    assert texts == ["Why. What.", "It fails for the same reason as <a> & b."]
    messages = [failure.get("message") for failure in root.iter("failure") if not failure.text]
    assert messages == ["2 of 2 checks failed.", "No way.", "No way."]


@pytest.mark.parametrize(
    ("earlier", "installed"),
    [
        ([], ["metrics", "dashboard"]),
        ([("quotas", "reset", True)], ["metrics", "dashboard"]),
        ([("metrics", "signals", False)], ["metrics", "dashboard"]),
        ([("quotas", "reset", False), ("metrics", "signals", True)], []),
    ],
    ids=["first of all", "another lab before", "its first stage has failed", "a stage of it has passed"],
)
def test_what_a_lab_needs_is_installed_until_a_stage_of_it_has_passed(
    earlier: list[tuple[str, str, bool]], installed: list[str]
) -> None:
    step = load(ROLE / "tasks" / "tour_step.yml")[1]["block"][0]
    (install,) = (task for task in load(ROLE / "tasks" / "main.yml") if task["name"] == "Install what the lab needs")
    read = {"needs": ["metrics", "dashboard"]}
    facts = {
        "lab_tour_lab": "metrics",
        "lab_tour_read": read,
        "lab_tour_results": [{"lab": lab, "stage": stage, "passed": passed} for lab, stage, passed in earlier],
    }
    provided = render("lab", step["vars"]["lab_provided"], facts)
    given = {"lab_read": read, "lab_state": "applied", "lab_provided": provided}
    assert render("lab", install["loop"], given) == installed
    assert render("lab", install["loop"], {"lab_read": read, "lab_state": "applied"}) == ["metrics", "dashboard"]
    assert render("lab", install["loop"], {"lab_read": read, "lab_state": "verified"}) == []
