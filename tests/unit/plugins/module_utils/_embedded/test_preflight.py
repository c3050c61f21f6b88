# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import STEPS
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.steps import closure
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.preflight import (
    DISK_DATA,
    DISK_GO,
    GIB,
    MEMORY,
    Facts,
    Wanted,
    disk_of_build,
    problems,
)

ALL = tuple(step.name for step in closure(None, STEPS))

GOOD = Facts(
    root=True,
    python=(3, 11),
    system="debian 12",
    missing_tools=(),
    go=(1, 26),
    pip=True,
    missing=ALL,
    go_caches=0,
    data=False,
    alive=False,
    disk_cache=40 * GIB,
    disk_data=40 * GIB,
    file_system="ext4",
    memory=20 * GIB,
    networks={ipaddress.IPv4Network("10.0.0.0/24"): "eth0"},
    addresses=("10.0.0.5",),
    ports=(),
)


PLAIN = Wanted("mesh-workshop", "/srv/data")


def seen(wanted: Wanted = PLAIN, **changes: t.Any) -> list[str]:
    return problems(dataclasses.replace(GOOD, **changes), wanted)


def test_a_good_machine_has_no_problem() -> None:
    assert seen() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"root": False}, "needs root: run as root or as a user who may use sudo"),
        ({"python": (3, 10)}, "Python 3.10 is too old: 3.11"),
        ({"missing_tools": ("runc",)}, "missing and debian 12 does not offer them: runc"),
        ({"go": (1, 25), "pip": False}, "Go 1.25 is too old"),
        ({"go": None, "pip": False}, "There is no Go, and pip, which could fetch one, is missing"),
        ({"disk_cache": 3 * GIB}, "3.0 GiB of disk are free for the build and 15.0 are needed"),
        ({"disk_data": 1 * GIB}, "1.0 GiB of disk are free for the cluster's data"),
        ({"file_system": "overlay"}, "cluster_data /srv/data is on a file system of type overlay"),
        ({"memory": 2 * GIB}, "2.0 GiB of memory are available and 3.0 are needed"),
    ],
)
def test_each_fault_is_one_sentence(changes: dict, sentence: str) -> None:
    found = seen(**changes)
    assert len(found) == 1
    assert sentence in found[0]


def test_an_old_go_is_no_fault_where_pip_can_get_one_or_nothing_is_built() -> None:
    assert seen(go=(1, 20), pip=True) == []
    assert seen(go=None, pip=False, missing=(), disk_cache=0) == []


def test_every_go_build_has_a_share_of_the_disk() -> None:
    assert list(DISK_GO) == [step.name for step in STEPS if step.kind == "go" and not step.on_demand]


@pytest.mark.parametrize(
    ("missing", "go_caches", "gib"),
    [
        pytest.param(ALL, 0, 15, id="a build from nothing"),
        pytest.param(ALL, 3, 12, id="interrupted in its first Go build"),
        pytest.param(tuple(name for name in ALL if name != "kubernetes"), 6.5, 8.2, id="interrupted in its second"),
        pytest.param(tuple(name for name in ALL if name not in DISK_GO), 9, 4.5, id="interrupted after all Go builds"),
        pytest.param(("istio", "image_pilot", "image_proxyv2", "archive_workloads"), 7.7, 2.8, id="another Istio"),
        pytest.param(("image_bookinfo", "archive_workloads"), 0, 0.6, id="another page"),
        pytest.param((), 0, 0, id="nothing"),
    ],
)
def test_disk_is_asked_for_by_what_is_still_to_be_built(missing: tuple[str, ...], go_caches: float, gib: float) -> None:
    assert disk_of_build(missing, int(go_caches * GIB)) / GIB == pytest.approx(gib, abs=0.05)


def test_the_readme_says_what_is_asked_for() -> None:
    text = (Path(__file__).parents[5] / "README.md").read_text()
    assert f"| memory | {MEMORY // GIB} GiB available |" in text
    assert f"| disk | {disk_of_build(ALL, 0) / GIB:.0f} GiB free for the build" in text
    assert f", {DISK_DATA // GIB} GiB for the cluster's data in" in text


def test_a_small_rebuild_finishes_on_a_disk_that_the_first_build_has_filled() -> None:
    assert seen(missing=("image_bookinfo", "archive_workloads"), disk_cache=1 * GIB) == []
    (found,) = seen(missing=("image_bookinfo", "archive_workloads"), disk_cache=GIB // 2)
    assert "0.5 GiB of disk are free for the build and 0.6 are needed" in found


def test_a_cluster_holds_its_own_memory_disk_and_subnet() -> None:
    wanted = Wanted("mesh-workshop", subnet="172.30.0.0/24")
    full = {"networks": {ipaddress.IPv4Network("172.30.0.0/24"): "mw"}, "memory": 0, "disk_data": 0}
    assert len(seen(wanted, **full)) == 3
    assert seen(wanted, data=True, alive=True, **full) == []


def test_after_a_reboot_only_memory_is_wanted_again() -> None:
    assert seen(data=True, disk_data=0) == []
    (found,) = seen(data=True, disk_data=0, memory=2 * GIB)
    assert "of memory are available" in found


@pytest.mark.parametrize("there", [False, True])
def test_where_a_cluster_is_published_is_looked_at_whether_it_is_there_or_not(there: bool) -> None:
    assert seen(Wanted("w", listen="10.0.0.5"), data=there, alive=there) == []
    (found,) = seen(Wanted("w", listen="10.0.0.6"), data=there, alive=there)
    assert "is not an address of this machine" in found
    (found,) = seen(Wanted("w", listen="0.0.0.0"), data=there, alive=there, ports=(80,))
    assert "Port 80 of 0.0.0.0 is taken" in found


def test_without_a_look_at_the_interfaces_no_address_is_refused() -> None:
    assert seen(Wanted("w", listen="10.0.0.6"), addresses=()) == []


@pytest.mark.parametrize(
    ("wanted", "changes", "sentence"),
    [
        (Wanted("Big_Name"), {}, "cannot be used"),
        (Wanted("w", subnet="10.0.0.0/16"), {}, "is taken by interface eth0"),
        (Wanted("w", subnet="10.0.0.300/24"), {}, "is not an IPv4 network"),
        (Wanted("w", subnet="172.30.9.0/31"), {}, "has no room"),
        (Wanted("w", listen="10.0.0.6"), {}, "is not an address of this machine, which has 10.0.0.5"),
        (Wanted("w", listen="10.0.0.5"), {"ports": (80,)}, "Port 80 of 10.0.0.5 is taken"),
    ],
)
def test_network_faults(wanted: Wanted, changes: dict, sentence: str) -> None:
    found = seen(wanted, **changes)
    assert len(found) == 1
    assert sentence in found[0]
