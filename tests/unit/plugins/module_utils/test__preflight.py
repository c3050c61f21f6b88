# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._preflight import GIB, Facts, Wanted, problems

GOOD = Facts(
    root=True,
    python=(3, 11),
    system="debian 12",
    missing_tools=(),
    go=(1, 26),
    pip=True,
    cached=False,
    running=False,
    disk_cache=40 * GIB,
    disk_data=40 * GIB,
    memory=20 * GIB,
    networks={ipaddress.IPv4Network("10.0.0.0/24"): "eth0"},
    addresses=("10.0.0.5",),
    ports=(),
)


PLAIN = Wanted("mesh-workshop")


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
        ({"go": None, "pip": False}, "There is no Go and pip is not there"),
        ({"disk_cache": 3 * GIB}, "3.0 GiB of disk are free for the build and 15.0 are needed"),
        ({"disk_data": 1 * GIB}, "1.0 GiB of disk are free for the cluster's data"),
        ({"memory": 2 * GIB}, "2.0 GiB of memory are available and 3.0 are needed"),
    ],
)
def test_each_fault_is_one_sentence(changes: dict, sentence: str) -> None:
    found = seen(**changes)
    assert len(found) == 1
    assert sentence in found[0]


def test_an_old_go_is_no_fault_where_pip_can_get_one_or_nothing_is_built() -> None:
    assert seen(go=(1, 20), pip=True) == []
    assert seen(go=None, pip=False, cached=True, disk_cache=0) == []


def test_a_running_cluster_holds_its_own_memory_disk_and_subnet() -> None:
    wanted = Wanted("mesh-workshop", subnet="172.30.0.0/24")
    taken = {"networks": {ipaddress.IPv4Network("172.30.0.0/24"): "mw"}, "memory": 0, "disk_data": 0}
    assert len(seen(wanted, **taken)) == 3
    assert seen(wanted, running=True, **taken) == []


@pytest.mark.parametrize(
    ("wanted", "changes", "sentence"),
    [
        (Wanted("Big_Name"), {}, "cannot be used"),
        (Wanted("w", subnet="10.0.0.0/16"), {}, "is taken by interface eth0"),
        (Wanted("w", subnet="10.0.0.300/24"), {}, "is not an IPv4 network"),
        (Wanted("w", subnet="172.30.9.0/31"), {}, "has no room"),
        (Wanted("w", listen="10.0.0.6"), {}, "is no address of this machine: it has 10.0.0.5"),
        (Wanted("w", listen="10.0.0.5"), {"ports": (80,)}, "Port 80 of 10.0.0.5 is taken"),
    ],
)
def test_network_faults(wanted: Wanted, changes: dict, sentence: str) -> None:
    found = seen(wanted, **changes)
    assert len(found) == 1
    assert sentence in found[0]
