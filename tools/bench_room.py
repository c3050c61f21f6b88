# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a room of attendees costs, and how that grows with them: a measurement of tools/bench."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import threading
import typing as t
from pathlib import Path

LAB = ["-e", "lab=request_routing", "-e"]
# So often somebody who works looks at their page.
GLANCE = 5.0
# Programs by the part of the workshop that they are; all others are the rest.
PARTS = {
    "envoy": "Envoy",
    "pilot-agent": "Envoy's agents",
    "python3": "Bookinfo's workloads",
    "pilot-discovery": "istiod",
    "kube-apiserver": "API server and etcd",
    "etcd": "API server and etcd",
    "containerd": "containerd, its shims and the kubelet",
    "containerd-shim": "containerd, its shims and the kubelet",
    "kubelet": "containerd, its shims and the kubelet",
}
REST = "all else, the kernel's memory included"

Run = t.Callable[[list[str]], float]
"""Runs a playbook with these arguments to its end, and says how many seconds that took."""

Ask = t.Callable[[str, str], str]
"""What the product page's proxy of a namespace answers to a path of its administration."""

STATS = {
    "listener_manager.total_listeners_active": "listeners",
    "cluster_manager.active_clusters": "clusters",
    "server.memory_allocated": "bytes",
}


class Proxy(t.NamedTuple):
    """What the proxy of a product page knows, and the memory in bytes that Envoy has allocated for it."""

    listeners: int
    clusters: int
    bytes: int


class Size(t.NamedTuple):
    """What was measured with so many attendees: seconds, and MiB in use, by part."""

    count: int
    added: float
    memory: dict[str, float]
    everybody: float
    reset: float
    stages: list[float]
    proxy: Proxy


def measure(
    run: Run, ask: Ask, address: str, sizes: t.Sequence[int], rounds: int, say: t.Callable[[str], None]
) -> list[Size]:
    """Each size anew, from a workshop without attendees to one without them."""
    return [_one_size(run, ask, address, count, rounds, say) for count in sizes]


def proxy_of(ask: Ask, namespace: str) -> Proxy:
    """What the proxy of the product page in this namespace knows, from Envoy's own statistics."""
    lines = (line.partition(": ") for line in ask(namespace, f"stats?filter=^({'|'.join(STATS)})$").splitlines())
    return Proxy(**{STATS[name]: int(value) for name, _colon, value in lines if name in STATS})


def _one_size(run: Run, ask: Ask, address: str, count: int, rounds: int, say: t.Callable[[str], None]) -> Size:
    names = [f"bench-{number:02d}" for number in range(1, count + 1)]
    everybody = ["-e", f"attendee={','.join(names)}"]
    first = ["-e", f"attendee={names[0]}"]
    room = ["mesh.workshop.attendees", "-e", f"attendees={','.join(names)}"]
    before = in_use()
    try:
        added = run(room)
        memory = {part: used - before[part] for part, used in in_use().items()}
        say(f"  {count} attendees: added in {added:.0f} s, {sum(memory.values()) / count:.0f} MiB each")
        stages = [
            run(["mesh.workshop.lab", *LAB, f"stage={stage}", *first])
            for _round in range(rounds)
            for stage in ("all_v1", "jason_v2")
        ]
        all_of_them = run(["mesh.workshop.lab", *LAB, "stage=all_v1", *everybody])
        with visitors(address, names[1:]):
            reset = run(["mesh.workshop.reset", "-e", "reset_confirm=yes", *first])
        proxy = proxy_of(ask, names[0])
        say(f"  one's stage {statistics.median(stages):.1f} s, everybody's {all_of_them:.1f} s, a reset {reset:.1f} s")
    finally:
        run([*room, "-e", "attendees_state=absent", "-e", "attendees_confirm=yes"])
    return Size(count, added, memory, all_of_them, reset, stages, proxy)


@contextlib.contextmanager
def visitors(address: str, names: t.Sequence[str]) -> t.Iterator[None]:
    """Meanwhile each of these attendees looks at their page now and then."""
    over = threading.Event()

    def look(name: str, wait: float) -> None:
        while not over.wait(wait):
            wait = GLANCE
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(address, timeout=GLANCE)
                with contextlib.closing(connection):
                    connection.request("GET", "/productpage", headers={"Host": f"{name}.mybookstore.com"})
                    connection.getresponse().read()

    # Not all at the same moment.
    waits = [GLANCE * number / len(names) for number in range(len(names))]
    threads = [threading.Thread(target=look, args=one) for one in zip(names, waits, strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def in_use(proc: Path = Path("/proc")) -> dict[str, float]:
    """The memory in use on this machine in MiB, by part. Pages that processes share count once, in equal shares."""
    found = dict.fromkeys([*PARTS.values(), REST], 0.0)
    for status in proc.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            part = PARTS.get(status.read_text().strip())
            rollup = (status.parent / "smaps_rollup").read_text() if part else ""
            if part and rollup:
                found[part] += int(rollup.partition("\nPss:")[2].split()[0]) / 1024
    numbers = dict(line.split(":") for line in (proc / "meminfo").read_text().splitlines())
    kilobytes = {name: int(text.split()[0]) for name, text in numbers.items()}
    found[REST] = (kilobytes["MemTotal"] - kilobytes["MemAvailable"]) / 1024 - sum(found.values())
    return found


def report(sizes: t.Sequence[Size], table: t.Callable[..., list[str]]) -> list[str]:
    """The section of the benchmark's page."""
    most = sizes[-1]
    rows = [
        [
            str(one.count),
            f"{one.added:.0f} s",
            f"{one.added / one.count:.1f} s",
            f"{sum(one.memory.values()) / one.count:.0f} MiB",
            f"{one.everybody:.1f} s",
            f"{one.everybody / one.count:.1f} s",
            f"{one.reset:.1f} s",
            f"{statistics.median(one.stages):.2f} s",
        ]
        for one in sizes
    ]
    head = [
        "attendees",
        "added, verified",
        "each",
        "memory each",
        "`lab` for all",
        "each",
        "reset of one",
        "one's stage",
    ]
    goal = ["goal with 30", "300 s", "", "410 MiB", "60 s", "", "5 s", "4 s, alone 3 s"]
    parts = [
        [part, f"{used / most.count:.0f} MiB"] for part, used in sorted(most.memory.items(), key=lambda one: -one[1])
    ]
    return [
        "## A room of attendees",
        "",
        *table(head, [*rows, goal]),
        "",
        "Each row begins with a workshop without attendees. Memory is what the machine has in use more than before."
        f" While one is reset, the others look at their page every {GLANCE:.0f} seconds; one's stage is the median of"
        f" {len(most.stages)} runs while the others do nothing. What grows no faster than the room has"
        " the same or less in the columns each.",
        "",
        *plot("Until all are added and verified", "s", sizes, [one.added for one in sizes]),
        "",
        *plot("A lab for all", "s", sizes, [one.everybody for one in sizes]),
        "",
        *plot(
            "A reset of one, and below it one's stage",
            "s",
            sizes,
            [one.reset for one in sizes],
            [statistics.median(one.stages) for one in sizes],
        ),
        "",
        *plot("Memory", "GiB", sizes, [sum(one.memory.values()) / 1024 for one in sizes]),
        "",
        f"Where the memory of an attendee goes, with {most.count} of them:",
        "",
        *table(["part", "memory each"], parts),
        "",
        "What the proxy of one attendee's product page knows, which is its own namespace and what all share:",
        "",
        *table(
            ["attendees", "listeners", "clusters", "memory allocated"],
            [
                [
                    str(one.count),
                    str(one.proxy.listeners),
                    str(one.proxy.clusters),
                    f"{one.proxy.bytes / 2**20:.1f} MiB",
                ]
                for one in sizes
            ],
        ),
    ]


def plot(title: str, unit: str, sizes: t.Sequence[Size], *lines: t.Sequence[float]) -> list[str]:
    """A plot in Mermaid's words: https://mermaid.js.org/syntax/xyChart.html."""
    return [
        "```mermaid",
        "xychart-beta",
        f'  title "{title}"',
        f'  x-axis "attendees" [{", ".join(str(one.count) for one in sizes)}]',
        f'  y-axis "{unit}" 0 --> {max(max(values) for values in lines):.0f}',
        *(f"  line [{', '.join(f'{value:.1f}' for value in values)}]" for values in lines),
        "```",
    ]
