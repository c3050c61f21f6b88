# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variables the collection's playbooks take on the command line, and what is wrong with those that are given."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.mesh.workshop.plugins.plugin_utils._settings import (
    BOOKINFO,
    OTHERWISE,
    PLACE,
    SETTINGS,
    TASK_VARIABLES,
    WORKSHOP,
    is_given,
    unmet,
)

# What is said of attendees when they are added.
ADDED = ("attendees_host", "attendees_dir", "attendees_hours", "attendees_server")
# Per playbook its own options, and the option without which each has no effect (none: empty).
PLAYBOOKS: dict[str, dict[str, str]] = {
    "setup": {"setup_report": "", "attendees": "", **dict.fromkeys(ADDED, "attendees")},
    "lab": {"lab": "", "stage": "lab", "attendee": "lab"},
    "verify": {"lab": "", "stage": "lab", "attendee": "", "hint": "", "explain": ""},
    "break": {"fault": "", "seed": "", "attendee": ""},
    "status": {"attendee": "", "board": ""},
    "reset": {"lab": "", "reset_confirm": "", "attendee": ""},
    "attendees": {
        "attendees": "",
        **dict.fromkeys(("attendees_state", "attendees_confirm", *ADDED), "attendees"),
    },
    "tour": {"lab": "", "labs": "", "tour_report": "", "attendee": ""},
    "traffic": {"traffic_rate": "", "traffic_seconds": ""},
    "explain": {"url": "", "from": "url", "method": "url", "headers": "url", "attendee": "url"},
    "dashboard": {},
    "migrate": {
        **dict.fromkeys(("src", "dest"), ""),
        **dict.fromkeys(("default_namespace", "root_namespace", "quota", "facts"), "src"),
        **dict.fromkeys(("ask_cluster", "refusals", "force"), "src"),
        **dict.fromkeys(("cluster_kubeconfig", "cluster_context"), "ask_cluster"),
    },
    "teardown": {},
}
# Names that begin like this are the collection's.
PREFIXES = (
    *("bookinfo_", "cluster_", "dashboard_", "gateway_api_", "istio_", "lab_", "metrics_", "ratelimit_", "tracing_"),
    *("setup_", "reset_", "tour_", "traffic_", "attendees_"),
)
# Options of playbooks that a file for all of them may hold.
FILED = ("attendees", *ADDED)
# Whose namespace and host are said by a variable are not said by these.
EXCLUSIVE = ("attendee", "attendees")
NAMED = ("bookinfo_namespace", "bookinfo_host", "lab_namespace", "lab_host")
# Options of one playbook of which one alone has an effect.
PAIRS = (("lab", "labs"), ("fault", "seed"), ("hint", "lab"), ("explain", "lab"), ("hint", "explain"))
# What an option is given, in messages: the name of something where nothing else is said.
FORMS = {"ask_cluster": "true", "attendees": "NAME,NAME", "src": "PATH", "url": "http://HOST/PATH"}
# Options that are true or false.
SWITCHES = ("ask_cluster",)


def not_taken(playbook: str) -> frozenset[str]:
    """The names that other playbooks take and this one does not."""
    everything = frozenset().union(*SETTINGS.values(), *PLAYBOOKS.values())
    return everything - SETTINGS[playbook] - set(PLAYBOOKS[playbook])


def option_faults(
    playbook: str,
    given: t.Mapping[str, t.Any],
    internal: t.Collection[str] = (),
    filed: t.Collection[str] = (),
    others: t.Mapping[str, t.Any] | None = None,
) -> list[str]:
    """A sentence per variable of a command line that has no effect.

    ``internal`` are the names that the roles define for themselves. ``filed`` are those that a file gave: it may hold
    the settings of all playbooks. ``others`` are the variables from elsewhere, an inventory's for example. Names that
    are neither ours nor close to one of ours are people's own: inventories may use them.
    """
    faults = []
    values = {**(others or {}), **given}
    for name in sorted(given):
        if name in PLAYBOOKS[playbook]:
            faults.append(_own_fault(playbook, name, values, name in filed))
        elif name in SETTINGS[playbook]:
            faults.append(_setting_fault(playbook, name, values, name in filed))
        else:
            faults.append(_foreign_fault(playbook, name, internal, name in filed))
    faults += _named_twice(playbook, given)
    own = {name for name in PLAYBOOKS[playbook] if is_set(given.get(name))}
    faults += [
        f"{one} and {other} exclude each other: give one of them." for one, other in PAIRS if {one, other} <= own
    ]
    return [one for one in faults if one]


def is_set(value: t.Any) -> bool:
    """Whether an option has a value."""
    return value not in (None, "")


def _named_twice(playbook: str, given: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong where both an attendee and a namespace are named: what a command line says holds for everybody."""
    asked = [name for name in EXCLUSIVE if name in PLAYBOOKS[playbook] and is_set(given.get(name))]
    return [
        f"{name} and {asked[0]} exclude each other, since each attendee has a namespace and a host of their own: "
        "leave out one of them."
        for name in NAMED
        if asked and is_set(given.get(name))
    ]


def _own_fault(playbook: str, name: str, values: t.Mapping[str, t.Any], filed: bool) -> str:
    """What is wrong with an option of the playbook's own; empty where nothing is."""
    if not is_set(values[name]) or filed and (name in FILED or any(name in names for names in SETTINGS.values())):
        return ""
    needs = PLAYBOOKS[playbook][name]
    there = is_given if needs in SWITCHES else is_set
    if needs and not there(values.get(needs)):
        return f"{name} has no effect without {needs}: add -e {needs}={FORMS.get(needs, 'NAME')}."
    if name == "reset_confirm" and is_given(values[name]) and is_set(values.get("lab")):
        return "reset_confirm has no effect with lab: a reset of one lab does not ask. Leave one of them out."
    return ""


def _setting_fault(playbook: str, name: str, values: t.Mapping[str, t.Any], filed: bool) -> str:
    """What is wrong with a variable of a role that the playbook reads; empty where nothing is."""
    if not is_given(values[name]):
        return ""
    if told := unmet(name, values):
        return f"{name} has no effect without {told}: leave it out, or add that."
    if filed or name in WORKSHOP | PLACE:
        return ""
    lab = is_set(values.get("lab"))
    if playbook == "lab" and not lab and name not in ("lab_catalogue", "lab_gateway_namespace"):
        return f"{name} has no effect without lab: add -e lab=NAME."
    if playbook == "reset" and lab and name in BOOKINFO:
        return f"{name} has no effect with lab: a reset of one lab leaves Bookinfo alone. Leave one of them out."
    return ""


def _foreign_fault(playbook: str, name: str, internal: t.Collection[str], filed: bool) -> str:
    """What is wrong with a variable that the playbook does not take; empty where it is nobody's or another's own."""
    takes = PLAYBOOKS[playbook]
    if name in OTHERWISE or name in internal or playbook in TASK_VARIABLES.get(name, ()):
        option = OTHERWISE.get(name, "")
        instead = f"use -e {option}=NAME" if option and option in takes else "leave it out"
        return f"{name} is set by the playbooks themselves: {instead}."
    readers = [one for one, names in SETTINGS.items() if name in names]
    if readers:
        where = ", ".join(f"mesh.workshop.{one}" for one in readers)
        if filed:
            return ""
        return (
            f"{name} has no effect in mesh.workshop.{playbook}: leave it out here. It is for {where}; "
            "a file of settings for all playbooks, as in -e @room.yml, may hold it."
        )
    if filed and name in FILED:
        return ""
    if any(name in options for options in PLAYBOOKS.values()):
        can = ", ".join(f"-e {one}" for one in takes)
        which = f", which takes {can}" if takes else ""
        return f"{name} has no effect in mesh.workshop.{playbook}{which}: leave it out."
    if name.startswith(PREFIXES) or difflib.get_close_matches(name, takes, n=1, cutoff=0.75):
        close = difflib.get_close_matches(name, sorted({*takes, *SETTINGS[playbook]}), n=1)
        meant = f"did you mean {close[0]}?" if close else "the roles' argument specifications list what there is."
        return f"{name} is not a variable of mesh.workshop: {meant}"
    return ""
