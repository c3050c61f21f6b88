# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases of ansible-core `make cores` tries, and with which Python."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import TRIED

TOOL = Path(__file__).resolve().parents[2] / "tools" / "cores"
SPEC = importlib.util.spec_from_loader("cores", SourceFileLoader("cores", str(TOOL)))
assert SPEC is not None
cores = importlib.util.module_from_spec(SPEC)
assert SPEC.loader is not None
SPEC.loader.exec_module(cores)

OFFERS = {
    "3.11": ["2.19.14", "2.19.2", "2.18.9"],
    "3.12": ["2.20.2rc1", "2.20.1", "2.19.14"],
    "3.13": ["2.21.0rc1", "2.21.0b2", "2.20.1"],
}


def test_the_newest_final_release_is_tried_with_the_first_python_that_it_takes() -> None:
    assert cores.choose("2.19", OFFERS) == ("2.19.14", "3.11")
    assert cores.choose("2.20", OFFERS) == ("2.20.1", "3.12")


def test_where_there_is_no_final_release_yet_the_last_one_before_it_is_tried() -> None:
    assert cores.choose("2.21", OFFERS) == ("2.21.0rc1", "3.13")


def test_what_the_index_does_not_have_is_not_tried() -> None:
    assert cores.choose("2.22", OFFERS) is None


def test_all_versions_whose_private_parts_are_used_are_tried() -> None:
    assert cores.tried()[0] == ".".join(map(str, TRIED[0]))
    assert cores.tried()[-1] == ".".join(map(str, TRIED[1]))


def test_the_documentation_has_the_table_that_is_printed() -> None:
    text = (TOOL.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = text.partition(cores.HEAD + "\n")[2].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [".".join(row[0].split(".")[:2]) for row in cells] == cores.tried()
    assert {len(row) for row in cells} == {len(cores.HEAD.splitlines()[0].strip("|").split("|"))}


def test_the_tests_of_all_that_uses_private_parts_are_run() -> None:
    tests = TOOL.parents[1] / "tests" / "unit"
    assert [one for one in cores.TESTS if not (tests / one).is_dir()] == []
    assert "plugins/module_utils/_ansible" in cores.TESTS
