# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variables the collection's playbooks take on the command line, and what is wrong with those that are given."""

from __future__ import annotations

import difflib
import typing as t

# Per playbook its own options, and the option without which each has no effect (none: empty).
PLAYBOOKS: dict[str, dict[str, str]] = {
    "setup": {"setup_report": ""},
    "lab": {"lab": "", "stage": "lab"},
    "verify": {"lab": "", "stage": "lab"},
    "status": {},
    "reset": {"lab": "", "reset_confirm": ""},
    "tour": {"lab": "", "labs": "", "tour_report": ""},
    "explain": {"url": "", "from": "url", "method": "url", "headers": "url"},
    "migrate": {
        **dict.fromkeys(("src", "dest"), ""),
        **dict.fromkeys(("default_namespace", "root_namespace", "quota", "facts"), "src"),
        **dict.fromkeys(("ask_cluster", "refusals", "force"), "src"),
    },
    "teardown": {},
}
# Names that begin like this are the collection's.
PREFIXES = (
    *("bookinfo_", "cluster_", "gateway_api_", "istio_", "lab_", "ratelimit_", "tracing_"),
    *("setup_", "reset_", "tour_"),
)


def option_faults(playbook: str, given: t.Mapping[str, t.Any], variables: t.Collection[str]) -> list[str]:
    """A sentence per variable of a command line that has no effect; ``variables`` are those of the roles.

    Names that are neither ours nor close to one of ours are people's own: inventories may use them.
    """
    takes = PLAYBOOKS[playbook]
    others = {name for options in PLAYBOOKS.values() for name in options}
    known = sorted({*takes, *variables})
    set_here = {name for name, value in given.items() if value not in (None, "")}
    faults = []
    for name in sorted(given):
        if name in variables:
            continue
        if name in takes:
            needs = takes[name]
            if needs and name in set_here and needs not in set_here:
                faults.append(f"{name} has no effect without {needs}: add -e {needs}=NAME.")
        elif name in others:
            can = ", ".join(f"-e {one}" for one in takes)
            faults.append(
                f"{name} has no effect in mesh.workshop.{playbook}, which takes {can}: leave it out."
                if takes
                else f"{name} has no effect in mesh.workshop.{playbook}: leave it out."
            )
        elif name.startswith(PREFIXES) or difflib.get_close_matches(name, takes, n=1, cutoff=0.75):
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}?" if close else "the roles' argument specifications list what there is."
            faults.append(f"{name} is not a variable of mesh.workshop: {meant}")
    if {"lab", "labs"} <= set_here & set(takes):
        faults.append("lab and labs exclude each other: give one of them.")
    return faults
