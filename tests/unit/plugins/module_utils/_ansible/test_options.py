# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle, idle_fault, value_fault

SPEC: dict[str, dict[str, t.Any]] = {
    "wait_timeout": {"type": "int"},
    "deadline": {"type": "float"},
    "ports": {"type": "list", "elements": "int"},
    "src": {"type": "path"},
    "name": {"type": "str"},
}


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({}, ""),
        ({"wait_timeout": 0, "deadline": 0.5, "ports": [1], "src": "/a", "name": "a\0b"}, ""),
        ({"wait_timeout": math.inf}, "wait_timeout is inf; give it a finite number."),
        ({"wait_timeout": -1}, "wait_timeout is -1; give it whole seconds from 0 to 86400."),
        ({"wait_timeout": 86401}, "wait_timeout is 86401; give it whole seconds from 0 to 86400."),
        ({"deadline": math.nan}, "deadline is nan; give it a finite number."),
        ({"ports": [1, -math.inf]}, "ports holds -inf; give it a finite number."),
        ({"src": "/a\0b"}, "src is '/a\\x00b', which has a character that no path can have; correct the path."),
    ],
)
def test_values_that_no_option_of_the_type_can_have(params: dict[str, t.Any], fault: str) -> None:
    assert value_fault(params, SPEC) == fault


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"a": ["x"], "prune": True}, ""),
        ({"a": [], "prune": False}, ""),
        ({"prune": False}, ""),
        ({"a": ["x"], "prune": False}, "a has no effect unless prune is true; leave it out, or give prune that value."),
        ({"b": 1.0, "once": False}, ""),
        ({"b": 1.0, "once": True}, "b has no effect unless once is false; leave it out, or give once that value."),
        ({"c": {"x": 1}, "lab": ""}, ""),
        ({"c": {"x": 1}}, ""),
        ({"c": {"x": 1}, "lab": "l"}, "c has no effect unless lab is empty; leave it out, or give lab that value."),
        (
            {"d": "x", "state": "absent"},
            "d has no effect unless state is present;",
        ),
    ],
)
def test_options_without_effect(params: dict[str, t.Any], fault: str) -> None:
    rules = [Idle("a", "prune", True), Idle("b", "once", False), Idle("c", "lab", ""), Idle("d", "state", "present")]
    found = idle_fault(params, rules)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)


def test_an_option_may_need_another_one_whatever_that_says() -> None:
    rules = [Idle("port", "listen", GIVEN)]
    spec = {"port": {"type": "int", "default": 80}}
    assert idle_fault({"port": 8080, "listen": "0.0.0.0"}, rules, spec) == ""
    assert idle_fault({"port": 80, "listen": ""}, rules, spec) == "", "its default counts as not given"
    said = "port has no effect without listen; leave it out, or give listen too."
    assert idle_fault({"port": 8080, "listen": ""}, rules, spec) == said
