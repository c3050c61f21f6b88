# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which options a playbook takes, and that its text and the table say the same."""

from __future__ import annotations

import pathlib
import re
import shlex
import typing as t

import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from ansible_collections.mesh.workshop.plugins.action.check_options import internal_names
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS, not_taken, option_faults

ROOT = pathlib.Path(__file__).parents[4]
INTERNAL = internal_names()


def faults(playbook: str, given: dict[str, t.Any], **more: t.Any) -> list[str]:
    return option_faults(playbook, given, INTERNAL, **more)


@pytest.mark.parametrize(
    ("playbook", "given"),
    [
        ("lab", {"lab": "faults", "stage": "delay", "cluster_name": "blue", "lab_wait_timeout": 60}),
        ("lab", {"lab": "quotas", "ratelimit_image": "a:1", "istio_istioctl": "/opt/istioctl"}),
        ("lab", {"bookinfo_namespace": "ada", "lab_kubeconfig": "/x"}),
        ("verify", {}),
        ("verify", {"lab": "", "stage": ""}),
        ("verify", {"lab": "faults"}),
        ("verify", {"hint": 2, "attendee": "ada"}),
        ("break", {"fault": "no_page", "attendee": "ada"}),
        ("break", {"seed": 7, "lab_wait_timeout": 60}),
        ("verify", {"lab_deadline": "20"}),
        ("reset", {"reset_confirm": "yes", "env": "prod", "ansible_become_pass": "x"}),
        ("reset", {"lab": "tls", "reset_confirm": "no"}),
        ("reset", {"bookinfo_image": "a:1"}),
        ("tour", {"lab": "tls", "attendee": "ada"}),
        ("tour", {"labs": "tls,rbac", "tour_report": "/tmp/tour.xml", "tracing_backend": "zipkin"}),
        ("setup", {"istio_version": "1.31.0", "bookinfo_injection": "no"}),
        ("setup", {"cluster_listen": "0.0.0.0", "cluster_listen_api": "yes", "cluster_listen_api_port": "7443"}),
        ("setup", {"cluster_listen_api": "no", "cluster_subnet": ""}),
        ("setup", {"cluster_provider": "{{ where }}", "cluster_context": "staging"}),
        ("migrate", {"src": "a", "dest": "b", "ask_cluster": "true", "cluster_kubeconfig": "/x"}),
        ("teardown", {"cluster_purge_cache": "yes", "cluster_data": "/data", "bookinfo_host": "x"}),
        ("lab", {"lab": "tls", "attendee": "all"}),
        ("status", {"attendee": "ada", "cluster_name": "blue", "board": "board.html"}),
        ("setup", {"attendees": 30, "attendees_host": "{name}.example"}),
        ("attendees", {}),
        ("attendees", {"attendees": ["ada"], "attendees_state": "absent", "attendees_confirm": True}),
        ("attendees", {"attendees": "room.csv", "bookinfo_image": "a:1", "lab_deadline": 20}),
        ("setup", {"attendees": 30, "attendees_hours": 4, "attendees_dir": "x", "attendees_server": "https://a"}),
        ("teardown", {"workshop": "mine", "migration": "mine"}),
    ],
)
def test_what_has_an_effect_is_taken(playbook: str, given: dict[str, t.Any]) -> None:
    assert faults(playbook, given) == []


@pytest.mark.parametrize(
    ("playbook", "given", "said"),
    [
        ("verify", {"stage": "delay"}, "stage has no effect without lab: add -e lab=NAME."),
        ("lab", {"lab": "", "stage": "delay"}, "stage has no effect without lab: add -e lab=NAME."),
        ("explain", {"from": "x"}, "from has no effect without url: add -e url=http://HOST/PATH."),
        ("break", {"fault": "a", "seed": 1}, "fault and seed exclude each other: give one of them."),
        ("verify", {"lab": "tls", "hint": 1}, "hint and lab exclude each other: give one of them."),
        ("verify", {"explain": True, "hint": 1}, "hint and explain exclude each other: give one of them."),
        ("migrate", {"force": True}, "force has no effect without src: add -e src=PATH."),
        (
            "status",
            {"lab": "faults"},
            "lab has no effect in mesh.workshop.status, which takes -e attendee, -e board: leave it",
        ),
        ("teardown", {"lab": "faults"}, "lab has no effect in mesh.workshop.teardown: leave it out."),
        (
            "reset",
            {"stage": "delay"},
            "stage has no effect in mesh.workshop.reset, which takes -e lab, ",
        ),
        ("lab", {"labs": "faults"}, "labs has no effect in mesh.workshop.lab"),
        ("lab", {"lab": "faults", "stagee": "delay"}, "stagee is not a variable of mesh.workshop: did you mean stage?"),
        (
            "setup",
            {"cluster_nmae": "x"},
            "cluster_nmae is not a variable of mesh.workshop: did you mean cluster_name?",
        ),
        ("setup", {"istio_zzz": "x"}, "istio_zzz is not a variable of mesh.workshop"),
        ("tour", {"lab": "tls", "labs": "rbac"}, "lab and labs exclude each other: give one of them."),
        (
            "status",
            {"lab_deadline": 3},
            "lab_deadline has no effect in mesh.workshop.status: leave it out here. It is for mesh.workshop.setup, "
            "mesh.workshop.lab, mesh.workshop.verify, mesh.workshop.break, mesh.workshop.reset, mesh.workshop.tour, "
            "mesh.workshop.attendees",
        ),
        ("teardown", {"istio_version": "1.31.0"}, "istio_version has no effect in mesh.workshop.teardown"),
        ("explain", {"url": "http://a/", "lab_deadline": 5}, "lab_deadline has no effect in mesh.workshop.explain"),
        ("setup", {"tracing_backend": "zipkin"}, "tracing_backend has no effect in mesh.workshop.setup"),
        (
            "setup",
            {"gateway_api_state": "present"},
            "gateway_api_state has no effect in mesh.workshop.setup: leave it out here. It is for mesh.workshop",
        ),
        (
            "lab",
            {"lab": "mirroring", "gateway_api_state": "present"},
            "gateway_api_state has no effect without lab_api=gateway",
        ),
        ("status", {"lab_api": "gateway"}, "lab_api has no effect in mesh.workshop.status: leave it out here."),
        ("verify", {"lab_wait_timeout": 5}, "lab_wait_timeout has no effect in mesh.workshop.verify"),
        ("migrate", {"src": "a", "cluster_name": "x"}, "cluster_name has no effect in mesh.workshop.migrate"),
        (
            "migrate",
            {"src": "a", "cluster_context": "x"},
            "cluster_context has no effect without ask_cluster: add -e ask_cluster=true.",
        ),
        ("lab", {"lab_deadline": 5}, "lab_deadline has no effect without lab: add -e lab=NAME."),
        ("reset", {"lab": "tls", "reset_confirm": "yes"}, "reset_confirm has no effect with lab"),
        ("reset", {"lab": "tls", "bookinfo_image": "a:1"}, "bookinfo_image has no effect with lab"),
        ("lab", {"attendee": "ada"}, "attendee has no effect without lab: add -e lab=NAME."),
        ("lab", {"lab": "tls", "attendees": 3}, "attendees has no effect in mesh.workshop.lab, which takes -e lab"),
        ("setup", {"attendees_host": "{name}.x"}, "attendees_host has no effect without attendees: add -e attendees="),
        ("attendees", {"attendees_hours": 4}, "attendees_hours has no effect without attendees: add -e attendees="),
        (
            "setup",
            {"lab_attendees_hours": 4},
            "lab_attendees_hours is set by the playbooks themselves: use -e attendees_",
        ),
        ("verify", {"attendee": "ada", "lab_host": "x"}, "lab_host and attendee exclude each other, since each "),
        (
            "attendees",
            {"attendees": "ada", "bookinfo_namespace": "x"},
            "bookinfo_namespace and attendees exclude each other",
        ),
        (
            "attendees",
            {"attendees": "ada", "bookinfo_state": "absent"},
            "bookinfo_state has no effect in mesh.workshop",
        ),
        (
            "setup",
            {"cluster_listen_api": "yes"},
            "cluster_listen_api has no effect without cluster_listen, the address",
        ),
        (
            "setup",
            {"cluster_listen": "0.0.0.0", "cluster_listen_api_port": 7443},
            "cluster_listen_api_port has no effect without cluster_listen_api=yes: leave it out, or add that.",
        ),
        ("setup", {"cluster_context": "x"}, "cluster_context has no effect without cluster_provider=existing"),
        (
            "setup",
            {"cluster_provider": "existing", "cluster_listen": "0.0.0.0"},
            "cluster_listen has no effect without cluster_provider=embedded",
        ),
        (
            "setup",
            {"istio_state": "existing", "istio_profile": "demo"},
            "istio_profile has no effect without istio_state=auto or present",
        ),
    ],
)
def test_what_has_none_is_named_with_what_to_do(playbook: str, given: dict[str, t.Any], said: str) -> None:
    (fault,) = faults(playbook, given)
    assert fault.startswith(said)


@pytest.mark.parametrize(
    ("playbook", "name", "instead"),
    [
        ("lab", "lab_name", "use -e lab=NAME"),
        ("lab", "lab_stage", "use -e stage=NAME"),
        ("status", "lab_stage", "leave it out"),
        ("verify", "lab_verify", "use -e lab=NAME"),
        ("reset", "lab_reset", "use -e lab=NAME"),
        ("tour", "lab_tour_labs", "use -e labs=NAME"),
        ("lab", "lab_state", "leave it out"),
        ("status", "lab_facts", "leave it out"),
        ("setup", "cluster_rights", "leave it out"),
        ("reset", "bookinfo_definitions", "leave it out"),
        ("lab", "workshop", "leave it out"),
        ("migrate", "migration", "leave it out"),
    ],
)
def test_what_the_playbooks_set_is_not_given_from_outside(playbook: str, name: str, instead: str) -> None:
    """A variable of the command line beats all others: it would take the place of what was asked for."""
    given = {"lab": "tls", name: "faults"} if "lab" in PLAYBOOKS[playbook] else {name: "faults"}
    assert faults(playbook, given) == [f"{name} is set by the playbooks themselves: {instead}."]
    assert faults(playbook, given, filed={name}) == [f"{name} is set by the playbooks themselves: {instead}."]


def test_a_file_may_hold_the_settings_of_all_playbooks() -> None:
    room = {
        "attendees": 30,
        "attendees_host": "{name}.example",
        "attendees_hours": 4,
        "cluster_listen": "0.0.0.0",
        "lab_deadline": 20,
        "tracing_image": "a:1",
        "cluster_kubeconfig": "/x",
    }
    for playbook in PLAYBOOKS:
        assert faults(playbook, room, filed=set(room)) == []
    assert faults("verify", {"stage": "delay"}, filed={"stage"})
    assert faults("status", {"attendee": "ada", "bookinfo_host": "x"}, filed={"bookinfo_host"})
    assert faults("setup", {"cluster_nmae": "x"}, filed={"cluster_nmae"})
    assert faults("setup", {"cluster_listen_api": True}, filed={"cluster_listen_api"})


def test_what_an_inventory_says_counts() -> None:
    assert faults("setup", {"cluster_context": "x"}, others={"cluster_provider": "existing"}) == []
    assert faults("setup", {"cluster_subnet": "x"}, others={"cluster_provider": "existing"})


def test_every_fault_is_told_at_once() -> None:
    assert len(faults("lab", {"labs": "a", "cluster_nmae": "b", "stage": "c"})) == 3


def test_each_playbook_checks_first_and_uses_what_it_takes() -> None:
    paths = {path.stem: path for path in (ROOT / "playbooks").glob("*.yml")}
    assert set(paths) == set(PLAYBOOKS)
    for name, path in paths.items():
        play, *_more = yaml.safe_load(path.read_text())
        assert play["tasks"][0]["mesh.workshop.check_options"] == {"playbook": name}
        own = [ROOT / "playbooks" / one for one in re.findall(r"tasks/\w+\.yml", path.read_text())]
        text = path.read_text() + "".join(
            one.read_text() for one in (*own, *(ROOT / "roles" / "lab" / "tasks").glob(f"{name}*.yml"))
        )
        for option in PLAYBOOKS[name]:
            assert re.search(rf"\b{option}\s*\|", text), f"{name}: {option}"


def test_what_another_playbook_takes_is_known() -> None:
    assert {"lab", "istio_version", "lab_deadline"} <= not_taken("status")
    assert not {"cluster_name", "bookinfo_image"} & not_taken("status")


COMMANDS = [
    *(ROOT / "docs").glob("*.md"),
    ROOT / "README.md",
    *(ROOT / "roles").glob("*/README.md"),
    *(ROOT / "roles" / "lab" / "catalogue").glob("*/guide.md"),
    ROOT / "roles" / "lab" / "files" / "attendee-rights.yml",
]


def documented() -> list[tuple[str, dict[str, t.Any]]]:
    """Each command with options that the documentation shows, as its playbook and its variables."""
    found = []
    for path in COMMANDS:
        text = re.sub(r"\\\n[ >]*", " ", path.read_text(encoding="utf-8"))
        for match in re.finditer(r"mesh\.workshop\.(\w+)((?: +\[?-e (?:'[^']*'|[^\s`\]|,]+)\]?)+)", text):
            playbook, options = match[1], match[2].replace("[", "").replace("]", "")
            given: dict[str, t.Any] = {}
            for word in shlex.split(options):
                if word != "-e" and not word.startswith("@"):
                    given |= yaml.safe_load(word.replace("{…}", "{a: b}")) if word[0] == "{" else parse_kv(word)
            found.append((playbook, given))
        found += [("setup", parse_kv(one)) for one in re.findall(r"ARGS='-e (\w+=[^']*)'", text)]
    return found


def test_what_the_documentation_shows_is_taken() -> None:
    commands = documented()
    assert {playbook for playbook, _given in commands} >= {"setup", "lab", "verify", "explain", "migrate", "teardown"}
    for playbook, given in commands:
        # `make` and molecule name the cluster in each; a conversion is about none.
        named = {} if playbook == "migrate" else {"cluster_name": "blue", "cluster_data": "/data"}
        assert faults(playbook, {**given, **named}) == [], (playbook, given)
