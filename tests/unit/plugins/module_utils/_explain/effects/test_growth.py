# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the warnings of a large set cost: the work is counted, since a clock would say how busy the machine is."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects import effects_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import API_VERSIONS, Mesh

Json = dict[str, t.Any]


def mesh_of(count: int) -> Mesh:
    """Services, each with two subsets, a route to either, and a pod for both."""
    objects: dict[str, tuple[Json, ...]] = dict.fromkeys(API_VERSIONS, ())
    hosts = [f"service-{number}" for number in range(count)]
    labels = [("v1", {"version": "v1"}), ("v2", {"version": "v2"})]
    specs: dict[str, t.Callable[[str], Json]] = {
        "Service": lambda host: {"selector": {"app": host}, "ports": [{"name": "http", "port": 80}]},
        "DestinationRule": lambda host: {
            "host": host,
            "subsets": [{"name": name, "labels": own} for name, own in labels],
        },
        "VirtualService": lambda host: {
            "hosts": [host],
            "http": [{"route": [{"destination": {"host": host, "subset": name}} for name, _own in labels]}],
        },
        "ServiceEntry": lambda host: {"hosts": [f"{host}.example.com"]},
    }
    for kind, spec in specs.items():
        objects[kind] = tuple({"metadata": {"name": host, "namespace": "shop"}, "spec": spec(host)} for host in hosts)
    return Mesh(objects)


def work_for(count: int) -> int:
    """How many functions are called to find that nothing is wrong with so many Services."""
    mesh, calls = mesh_of(count), 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        found = effects_of(mesh)
    finally:
        sys.setprofile(before)
    assert found == []
    return calls


def test_the_work_grows_with_the_set_and_not_with_its_square() -> None:
    assert work_for(200) < 5 * work_for(50)
