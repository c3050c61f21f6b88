# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` measures of a room: in which order, with whom, and what it makes of the figures."""

from __future__ import annotations

import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import bench_room


def process(proc: Path, pid: int, name: str, kilobytes: int | None) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    if kilobytes is not None:
        (proc / str(pid) / "smaps_rollup").write_text(f"0-f ---p [rollup]\nRss:  9999 kB\nPss:  {kilobytes} kB\n")


def test_the_memory_in_use_is_told_by_part(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 10240 kB\nMemFree: 1 kB\nMemAvailable: 4096 kB\n")
    for pid, (name, kilobytes) in enumerate(
        [("envoy", 1024), ("envoy", 1024), ("etcd", 512), ("kube-apiserver", 512), ("bash", 4096)], 1
    ):
        process(tmp_path, pid, name, kilobytes)
    process(tmp_path, 9, "pilot-agent", None)
    found = {part: used for part, used in bench_room.in_use(tmp_path).items() if used}
    assert found == {"Envoy": 2.0, "API server and etcd": 1.0, bench_room.REST: 3.0}


@pytest.fixture(name="server")
def server_fixture() -> t.Iterator[t.Any]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.add(self.headers["Host"])
            if len(seen) == 2:
                both.set()
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: t.Any) -> None:
            pass

    seen: set[str] = set()
    both = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", seen, both
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_others_look_at_their_pages_meanwhile(server: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen, both = server
    monkeypatch.setattr(bench_room, "GLANCE", 0.01)
    with bench_room.visitors(address, ["ada", "bob"]):
        assert both.wait(30)
    assert seen == {"ada.mybookstore.com", "bob.mybookstore.com"}


def test_a_room_is_measured_from_nobody_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(arguments: list[str]) -> float:
        ran.append(" ".join(arguments).replace("mesh.workshop.", "").replace("-e ", ""))
        return float(len(ran))

    used = iter([{"Envoy": 10.0, bench_room.REST: 1.0}, {"Envoy": 30.0, bench_room.REST: 3.0}])
    monkeypatch.setattr(bench_room, "in_use", lambda: next(used))

    def ask(namespace: str, path: str) -> str:
        assert namespace == "bench-01"
        assert path.startswith("stats?filter=^(")
        return (
            "cluster_manager.active_clusters: 19\nlistener_manager.total_listeners_active: 12\n"
            "server.memory_allocated: 11534336\n\n"
        )

    (size,) = bench_room.measure(run, ask, "127.0.0.1:1", [2], 1, lambda _text: None)
    lab, both = "lab lab=request_routing", "bench-01,bench-02"
    assert ran == [
        f"attendees attendees={both}",
        f"{lab} stage=all_v1 attendee=bench-01",
        f"{lab} stage=jason_v2 attendee=bench-01",
        f"{lab} stage=all_v1 attendee={both}",
        "reset reset_confirm=yes attendee=bench-01",
        f"attendees attendees={both} attendees_state=absent attendees_confirm=yes",
    ]
    assert size == (2, 1.0, {"Envoy": 20.0, bench_room.REST: 2.0}, 4.0, 5.0, [2.0, 3.0], (12, 19, 11534336))
    text = "\n".join(bench_room.report([size], lambda head, rows: [str(one) for one in [head, *rows]]))
    assert "['2', '1 s', '0.5 s', '11 MiB', '4.0 s', '2.0 s', '5.0 s', '2.50 s']" in text
    assert "['Envoy', '10 MiB']" in text
    assert "['2', '12', '19', '11.0 MiB']" in text
    assert text.count('  x-axis "attendees" [2]') == 4
    assert "  line [5.0]\n  line [2.5]" in text, "a reset and a stage"


def test_nobody_stays_where_a_measurement_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str]) -> float:
        ran.append(arguments)
        if len(ran) == 2:
            raise RuntimeError("it failed")
        return 1.0

    monkeypatch.setattr(bench_room, "in_use", dict)
    with pytest.raises(RuntimeError):
        bench_room.measure(run, lambda _namespace, _path: "", "", [1], 1, lambda _text: None)
    assert "attendees_state=absent" in ran[-1]
