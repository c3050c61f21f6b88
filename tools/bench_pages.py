# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to read the proxies, and how soon the pages show it: a measurement of tools/bench."""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import tempfile
import time
import typing as t
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "testinfra"))
if t.TYPE_CHECKING:
    from oracle.browser import Page

PROMETHEUS = "/api/v1/namespaces/mesh-workshop-metrics/services/http:prometheus:9090/proxy"
DASHBOARD = ("-n", "mesh-workshop-dashboard", "service/dashboard")
MINUTE = 60.0
PATIENCE = 120.0
LOADS = 40
SCREEN = (1280, 800)
# Milliseconds from the moment when the address was opened until there is something to see.
SHOWN = """new Promise(done => {
  const look = () => document.getElementById("shown").hidden ? setTimeout(look, 5) : done(performance.now());
  look();
})"""

Run = t.Callable[[list[str]], float]
"""Runs a playbook with these arguments to its end, and says how many seconds that took."""
Get = t.Callable[[str], str]
"""What the API server answers at a path."""


class Size(t.NamedTuple):
    """What was measured with so many proxies."""

    proxies: int
    interval: float
    """Seconds between two readings of one proxy,"""
    samples: float
    """samples that Prometheus keeps per second,"""
    cpu: float
    """seconds of a processor that it takes per minute,"""
    memory: float
    """MiB that it holds,"""
    loads: list[float]
    """milliseconds until the page showed the graph,"""
    ages: list[float]
    """and how many seconds ago the proxy had been read that was read longest ago."""


class Place(t.NamedTuple):
    """Where the workshop is."""

    cluster: str
    kubeconfig: Path
    address: str
    """Of the gateway."""


def measure(run: Run, get: Get, place: Place, attendees: int, say: t.Callable[[str], None]) -> list[Size]:
    """The workshop's Bookinfo alone, then beside so many attendees."""
    names = ",".join(f"bench-{number:02d}" for number in range(1, attendees + 1))
    room = ["mesh.workshop.attendees", "-e", f"attendees={names}"]
    run(["mesh.workshop.dashboard"])
    alone = _one_size(get, place, say)
    try:
        run(room)
        return [alone, _one_size(get, place, say)]
    finally:
        run([*room, "-e", "attendees_state=absent", "-e", "attendees_confirm=yes"])


def _one_size(get: Get, place: Place, say: t.Callable[[str], None]) -> Size:
    from oracle.browser import browser, forwarded  # it needs a package that the other measurements do without

    until = time.monotonic() + PATIENCE
    while not number(get, "count(up)") or number(get, "count(up == 1)") != number(get, "count(up)"):
        if time.monotonic() > until:
            raise SystemExit(f"Prometheus does not read all proxies within {PATIENCE:.0f} s: look at its targets.")
        time.sleep(1)
    before = series_of(get(f"{PROMETHEUS}/metrics"))
    time.sleep(MINUTE)
    after = series_of(get(f"{PROMETHEUS}/metrics"))
    grown = {name: (value - before.get(name, 0.0)) / MINUTE for name, value in after.items()}
    proxies = round(number(get, "count(envoy_server_live)"))
    loads, ages = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        forwarded(place.cluster, place.kubeconfig, *DASHBOARD) as url,
        browser(Path(folder)) as page,
    ):
        for _number in range(LOADS):
            visit(place.address)
            loads.append(load(page, url))
            ages.append(number(get, "time() - min(timestamp(envoy_server_live))"))
    found = Size(
        proxies,
        number(get, "count(up)") / grown["prometheus_target_interval_length_seconds_count"],
        grown["prometheus_tsdb_head_samples_appended_total"],
        grown["process_cpu_seconds_total"] * 60,
        after["process_resident_memory_bytes"] / 2**20,
        loads,
        ages,
    )
    say(f"  {proxies} proxies: {found.cpu:.1f} s per minute, {found.memory:.0f} MiB, page {high(loads):.0f} ms")
    return found


def load(page: Page, url: str) -> float:
    """Milliseconds until the page with the graph shows it."""
    page.show(f"{url}/?namespace=bookinfo&minutes=15", *SCREEN)
    return float(page.evaluate(SHOWN))


def visit(address: str) -> None:
    """Somebody opens the shop."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/productpage", headers={"Host": "mybookstore.com"})
    connection.getresponse().read()
    connection.close()


def number(get: Get, query: str) -> float:
    """What a query gives; 0 for nothing."""
    answer = json.loads(get(f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
    found = answer["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def series_of(text: str) -> dict[str, float]:
    """What a process tells of itself, by name; series of one name are added up.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _space, value = line.rpartition(" ")
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def high(values: t.Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def report(sizes: t.Sequence[Size], table: t.Callable[..., list[str]]) -> list[str]:
    """The section of the benchmark's page."""
    head = ["proxies", "read every", "samples kept", "processor", "memory", "page shown, median", "p95", "age, p95"]
    rows = [
        [
            str(one.proxies),
            f"{one.interval:.0f} s",
            f"{one.samples:.0f} per second",
            f"{one.cpu:.1f} s per minute",
            f"{one.memory:.0f} MiB",
            f"{statistics.median(one.loads):.0f} ms",
            f"{high(one.loads):.0f} ms",
            f"{high(one.ages):.1f} s",
        ]
        for one in sizes
    ]
    return [
        "## Reading the proxies, and the pages",
        "",
        *table(head, rows),
        "",
        "The first row is the workshop's Bookinfo with its gateway; in the other there are attendees beside it."
        " Processor and memory are what Prometheus says of its own process, over a minute in which nobody looks at a"
        f" page. The page is the graph of the last 15 minutes, loaded {LOADS} times in Chromium, until the graph is"
        " there. The age is that of the proxy that was read longest ago; an open page asks every five seconds, so it"
        " may show a request that much later.",
    ]
