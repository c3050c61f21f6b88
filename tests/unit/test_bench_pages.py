# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` measures of Prometheus and the pages: in which order, and what it makes of the figures."""

from __future__ import annotations

import json
import sys
import typing as t
import urllib.parse
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import bench_pages

PLACE = bench_pages.Place("mesh", Path("/kubeconfig"), "192.0.2.1")
SIZE = bench_pages.Size(7, 2.0, 700.4, 1.26, 81.2, [float(one) for one in range(1, 41)], [1.0] * 39 + [21.0])
TOLD = """# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
prometheus_target_interval_length_seconds_count{interval="2s"} 40
prometheus_target_interval_length_seconds_count{interval="10s"} 3

process_resident_memory_bytes 5.8720256e+07
"""


def test_what_a_process_tells_of_itself_is_added_up_by_name() -> None:
    assert bench_pages.series_of(TOLD) == {
        "process_cpu_seconds_total": 12.5,
        "prometheus_target_interval_length_seconds_count": 43.0,
        "process_resident_memory_bytes": 56.0 * 2**20,
    }


@pytest.mark.parametrize(("result", "value"), [([{"metric": {}, "value": [1, "7"]}], 7.0), ([], 0.0)])
def test_a_query_goes_by_way_of_the_api_server(result: list[t.Any], value: float) -> None:
    asked = []

    def get(path: str) -> str:
        asked.append(path)
        return json.dumps({"data": {"result": result}})

    assert bench_pages.number(get, "count(up == 1)") == value
    (path,) = asked
    place, _mark, query = path.partition("?")
    assert place.endswith("/services/http:prometheus:9090/proxy/api/v1/query")
    assert urllib.parse.parse_qs(query) == {"query": ["count(up == 1)"]}


@pytest.mark.parametrize("breaks", [False, True])
def test_the_room_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch, breaks: bool) -> None:
    done: list[str] = []

    def run(arguments: list[str]) -> float:
        done.append(" ".join(one for one in arguments if one != "-e"))
        return 1.0

    def one_size(*_given: t.Any) -> bench_pages.Size:
        done.append("measured")
        if breaks and done.count("measured") == 2:
            raise KeyboardInterrupt
        return SIZE

    monkeypatch.setattr(bench_pages, "_one_size", one_size)
    if breaks:
        with pytest.raises(KeyboardInterrupt):
            bench_pages.measure(run, str, PLACE, 2, print)
    else:
        assert bench_pages.measure(run, str, PLACE, 2, print) == [SIZE, SIZE]
    room = "mesh.workshop.attendees attendees=bench-01,bench-02"
    assert done == [
        *("mesh.workshop.dashboard", "measured", room, "measured"),
        f"{room} attendees_state=absent attendees_confirm=yes",
    ]


def test_the_figures_as_a_table() -> None:
    def table(head: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> list[str]:
        return [" | ".join(one) for one in (head, *rows)]

    title, _empty, _head, row, *_text = bench_pages.report([SIZE], table)
    assert title.startswith("## ")
    assert row == "7 | 2 s | 700 per second | 1.3 s per minute | 81 MiB | 20 ms | 38 ms | 1.0 s"
