# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of what `make bench` measures replaces that part of the page, and the rest says from when it is."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import bench_report

FIRST = bench_report.page(
    ["# Benchmark", "", "Written on 2026-11-27."], ["", "## Apply", "", "1 s", "", "## Tour", "", "2 s"], "2026-11-27"
)


def measured_again(day: str, earlier: str = FIRST) -> str:
    head = ["# Benchmark", "", f"Written on {day}."]
    return bench_report.page(head, ["", "## Tour", "", "3 s"], day, earlier)


def test_a_whole_page() -> None:
    assert FIRST == "# Benchmark\n\nWritten on 2026-11-27.\n\n## Apply\n\n1 s\n\n## Tour\n\n2 s\n"


def test_a_section_is_replaced_and_the_others_stay() -> None:
    assert measured_again("2026-11-27") == FIRST.replace("2 s", "3 s")


def test_a_section_of_another_day_says_so() -> None:
    again = measured_again("2026-11-28")
    assert again == (
        "# Benchmark\n\nWritten on 2026-11-28.\n\n## Apply\n\nMeasured on 2026-11-27.\n\n1 s\n\n## Tour\n\n3 s\n"
    )
    assert measured_again("2026-11-29", again) == again.replace("11-28", "11-29"), "it is not dated anew"
    assert measured_again("2026-11-27", again) == measured_again("2026-11-27"), "it is of the same day again"


def test_a_new_section_comes_last() -> None:
    found = bench_report.page(["# Benchmark"], ["", "## Room", "", "4 s"], "2026-11-27", FIRST)
    assert found.endswith("## Tour\n\n2 s\n\n## Room\n\n4 s\n")
