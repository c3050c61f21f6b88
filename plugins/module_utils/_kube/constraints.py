# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals by OpenShift's SecurityContextConstraints, in fewer words than the API server's."""

from __future__ import annotations

import re

CONSTRAINTS = "SecurityContextConstraints"

_REFUSED = re.compile(r"unable to validate against any security context constraint: (?P<faults>.*)", re.S)
# Of each constraint that the account may use one fault per field: its provider, the field, the value and the rule.
# Older releases name no provider and write the field from spec on.
_FAULT = re.compile(
    r"(?:provider \"?(?P<name>[\w.-]+)\"?: )?"
    r"\.?(?P<field>(?:spec\.|containers\[|initContainers\[|ephemeralContainers\[)[\w.\[\]-]*): "
    r"(?:Invalid value|Forbidden): (?P<rule>.*?)"
    r"(?=,? (?:provider |\.?spec\.|\.?(?:c|initC|ephemeralC)ontainers\[|pod\.)|$)"
)
_SHOWN = 3


def constraint_remedy(account: str = "NAME", namespace: str = "") -> str:
    """What to do about a refusal; ``account`` is the pod's ServiceAccount, where it is known."""
    place = f" -n {namespace}" if namespace else ""
    return (
        "leave out what is forbidden, so that OpenShift chooses it, or have an administrator allow it to the pod's "
        f"ServiceAccount (oc adm policy add-scc-to-user nonroot-v2 -z {account}{place})"
    )


def constraint_refusal(message: str) -> str:
    """What the constraints forbid of a pod, as a clause; empty where a message is about something else."""
    found = _REFUSED.search(message)
    if not found:
        return ""
    faults = []
    said = " ".join(found["faults"].split())
    if said.startswith("["):  # several are in brackets
        said = said[1:].removesuffix("]")
    for fault in _FAULT.finditer(said):
        name = f"{fault['name']}: " if fault["name"] else ""
        faults.append(f"{name}{fault['field'].removeprefix('spec.')} {fault['rule'].strip()}")
    faults = list(dict.fromkeys(faults))
    more = f", and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    listed = f" ({'; '.join(faults[:_SHOWN])}{more})" if faults else ""
    return f"OpenShift admits the pod under none of the {CONSTRAINTS} that its ServiceAccount may use{listed}"
