# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import types
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh import workshop as collection
from ansible_collections.mesh.workshop.plugins.callback import room
from ansible_collections.mesh.workshop.plugins.plugin_utils._failures import HIDDEN

Json = dict[str, t.Any]


def play(folder: Path, *plays: Json, arguments: t.Sequence[str] = (), **environ: str) -> tuple[int, str]:
    """Run plays with the callback; how Ansible ended, and what it printed."""
    (folder / "play.yml").write_text(yaml.safe_dump([{"gather_facts": False, **one} for one in plays]))
    (folder / "hosts").write_text("localhost ansible_connection=local\none ansible_connection=local\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "COLUMNS"))}
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "hosts", "play.yml", *arguments],
        cwd=folder,
        env={
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2]),
            "ANSIBLE_STDOUT_CALLBACK": "mesh.workshop.room",
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            **environ,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    # Ansible survives a callback that breaks, and says so.
    assert "Callback" not in said, said
    assert "Traceback" not in said, said
    return done.returncode, re.sub(r"\d+\.\d s", "0.0 s", said)


DEBUG: Json = {"name": "Tell", "ansible.builtin.debug": {"msg": "{{ item }} is told"}, "loop": ["this", "that"]}
QUIET: list[Json] = [
    {"name": "Note", "ansible.builtin.set_fact": {"a": 1}},
    {"name": "Skip", "ansible.builtin.command": "false", "when": False},
    {"name": "Include", "ansible.builtin.include_tasks": "more.yml"},
    {"name": "Wait", "ansible.builtin.command": "true", "changed_when": False, "async": 10, "poll": 1},
]
CHANGES: Json = {"name": "Change", "ansible.builtin.command": "true"}
LOOKS: Json = {
    "name": "Look",
    "ansible.builtin.copy": {"content": "x", "dest": "{{ playbook_dir }}/none", "mode": "0600"},
    "check_mode": True,
}


def test_any_playbook_is_told_in_few_lines(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text(yaml.safe_dump([{**CHANGES, "name": "Change more", "notify": "Handle"}]))
    status, said = play(
        tmp_path,
        {
            "name": "Other people's",
            "hosts": "localhost",
            "tasks": [
                *QUIET,
                DEBUG,
                {**CHANGES, "loop": [1, 2]},
                LOOKS,
                {"name": "Secret", "ansible.builtin.command": "echo a-secret", "no_log": True},
                {
                    "name": "Try",
                    "ansible.builtin.command": "true",
                    "register": "tried",
                    "until": "tried.attempts > 1",
                    "retries": 2,
                    "delay": 0,
                    "changed_when": False,
                },
                {"name": "Look away", "ansible.builtin.fail": {"msg": "Not there."}, "ignore_errors": True},
                {
                    "name": "Rescue",
                    "block": [{"name": "Break", "ansible.builtin.fail": {"msg": "Broken."}}],
                    "rescue": [{"ansible.builtin.debug": {"msg": ["mended", "at once"]}}],
                },
            ],
            "handlers": [{**CHANGES, "name": "Handle"}],
        },
    )
    assert status == 0
    # Since 2.21 Ansible takes the attempt that follows for one that was made.
    assert said.replace("retries left: 1", "retries left: 2").splitlines() == [
        "Other people's",
        "Change more: changed, 0.0 s",
        "this is told",
        "that is told",
        "Change: changed, 0.0 s",
        "Look: would change, 0.0 s",
        "Secret: changed, 0.0 s",
        "Try: trying again, retries left: 2",
        "Look away: failed, which is ignored: Not there., 0.0 s",
        "Break: FAILED",
        "mended",
        "at once",
        "Handle: changed, 0.0 s",
        "",
        "Done in 0.0 s: 4 changes.",
    ]


def test_a_failure_is_told_once_at_the_end(tmp_path: Path) -> None:
    loop = {
        "name": "List",
        "ansible.builtin.command": "ls {{ item }}",
        "loop": ["/", "/nonexistent"],
        "changed_when": False,
    }
    status, said = play(tmp_path, {"name": "Breaks", "hosts": "localhost", "tasks": [loop]})
    assert status == 2
    assert said.count("FAILED") == 1
    assert said.count("non-zero return code") == 1
    assert re.search(r"^  item      /nonexistent$", said, flags=re.MULTILINE)
    assert re.search(r"^    ls: cannot access '/nonexistent'", said, flags=re.MULTILINE)
    assert re.search(r"^  task      .*play\.yml:\d+$", said, flags=re.MULTILINE)
    assert "{" not in said, "no JSON"
    assert said.splitlines()[-1] == "Failed after 0.0 s."


def test_secrets_of_a_failing_task_stay_hidden(tmp_path: Path) -> None:
    """With -v, too."""
    command = "ls {{ lookup('ansible.builtin.env', 'PLACE') }}"
    fails: Json = {"name": "Hide", "ansible.builtin.command": command, "no_log": True}
    plays = [{"hosts": "localhost", "tasks": [{**fails, "ignore_errors": True}, {**fails, "loop": [1]}]}]
    for arguments in ((), ("-v",)):
        status, said = play(tmp_path, *plays, arguments=arguments, PLACE="/a-secret-place")
        assert status == 2
        assert f"FAILED  Hide\n\n  {HIDDEN}" in said
        assert "a-secret-place" not in said


def test_several_hosts_are_told_apart(tmp_path: Path) -> None:
    fails = {"name": "Fail", "ansible.builtin.fail": {"msg": "Not here."}, "when": "inventory_hostname == 'one'"}
    tasks = [fails, CHANGES, {"name": "Late", "ansible.builtin.fail": {"msg": "Late."}, "ignore_errors": True}]
    status, said = play(tmp_path, {"hosts": "all", "strategy": "free", "tasks": tasks})
    assert status == 2
    assert "Change: changed" in said
    assert "one: 0 ok, 1 failures" in said
    assert "localhost: 2 ok, 1 changed, 1 skipped, 1 ignored" in said
    assert "FAILED  Fail [one]\n\n  Not here." in said


def test_a_host_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    reach = {"hosts": "one", "vars": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}
    status, said = play(tmp_path, {**reach, "tasks": [CHANGES]})
    assert status == 4
    assert "Change [one]: UNREACHABLE" in said
    assert "FAILED  Change [one]\n\n" in said


def test_check_mode_is_said_and_diffs_are_shown(tmp_path: Path) -> None:
    copy = {
        "name": "Write",
        "ansible.builtin.copy": {"content": "new line\n", "dest": str(tmp_path / "file"), "mode": "0600"},
    }
    status, said = play(tmp_path, {"hosts": "localhost", "tasks": [copy]}, arguments=("--check", "--diff"))
    assert status == 0
    assert said.splitlines()[0] == "Check mode: nothing is changed."
    assert "+new line" in said
    assert "Write: would change, 0.0 s" in said
    assert said.splitlines()[-1] == "Done in 0.0 s: 1 change would be made."
    assert not (tmp_path / "file").exists()


def test_with_v_it_is_the_default_callback_and_the_reason_last(tmp_path: Path) -> None:
    tasks = [*QUIET[:2], {"name": "Fail", "ansible.builtin.fail": {"msg": "Not here."}}]
    status, said = play(tmp_path, {"hosts": "localhost", "tasks": tasks}, arguments=("-v",))
    assert status == 2
    assert "TASK [Note]" in said
    assert 'ok: [localhost] => {"ansible_facts": {"a": 1}, "changed": false}' in said
    assert "PLAY RECAP" in said
    assert "FAILED  Fail\n\n  Not here.\n\nFailed after 0.0 s.\n" in said.partition("PLAY RECAP")[2]


def test_colours_are_those_of_ansible(tmp_path: Path) -> None:
    _status, said = play(tmp_path, {"hosts": "localhost", "tasks": [CHANGES]}, ANSIBLE_FORCE_COLOR="1")
    assert "\x1b[0;33mChange: changed" in said


def test_what_takes_long_is_named_when_it_begins_and_proofs_are_counted(tmp_path: Path) -> None:
    verify: Json = {"checks": [{"name": "a", "request": {"url": "http://a.example/"}, "expect": {"status": 200}}]}
    tasks = [{"name": "Prove", "mesh.workshop.verify": verify, "when": False}]
    status, said = play(tmp_path, {"hosts": "localhost", "tasks": tasks})
    assert status == 0
    assert "Prove … not needed, 0.0 s\n" in said


def test_of_several_hosts_each_is_named_and_so_is_every_failure(tmp_path: Path) -> None:
    prove: Json = {"checks": [{"name": "a", "request": {"url": "http://a.example/"}, "expect": {"status": 200}}]}
    fail: Json = {"name": "Work", "ansible.builtin.fail": {"msg": "Not for {{ inventory_hostname }}."}}
    # One after another, so that the order of what is said is that of the hosts.
    tasks = [{**one, "throttle": 1} for one in ({"name": "Prove", "mesh.workshop.verify": prove, "when": False}, fail)]
    hosts = {"name": "All", "hosts": "localhost", "tasks": []}
    for name in ("ada", "bob"):
        hosts["tasks"].append(
            {"ansible.builtin.add_host": {"name": name, "groups": ["several"]}, "changed_when": False}
        )
    several = {"name": "All", "hosts": "several", "connection": "local", "tasks": tasks}
    status, said = play(tmp_path, hosts, several)
    assert status == 2
    assert said.splitlines()[:6] == [
        "All",
        "Prove … ",
        "Prove [ada]: not needed, 0.0 s",
        "Work [ada]: FAILED",
        "Work [bob]: FAILED",
        "",
    ]
    assert "FAILED  Work [ada]\n\n  Not for ada." in said
    assert "FAILED  Work [bob]\n\n  Not for bob." in said


def test_of_several_hosts_each_stage_is_named_by_its_own_variables(tmp_path: Path) -> None:
    given: Json = {"lab": "{{ mine }}", "catalogue": "/nowhere", "baseline": {}, "namespace": "x"}
    work = {"name": "Lab {{ mine }}", "mesh.workshop.lab_stage": {**given, "kubeconfig": "/nowhere"}}
    add = {"ansible.builtin.add_host": {"name": "{{ item }}", "groups": ["several"], "mine": "of-{{ item }}"}}
    hosts = {"name": "All", "hosts": "localhost", "tasks": [{**add, "loop": ["ada", "bob"], "changed_when": False}]}
    status, said = play(tmp_path, hosts, {"name": "All", "hosts": "several", "connection": "local", "tasks": [work]})
    assert status == 2
    assert sorted(one for one in said.splitlines() if one.startswith("FAILED")) == [
        "FAILED  Lab of-ada [ada]",
        "FAILED  Lab of-bob [bob]",
    ]


@pytest.mark.parametrize(
    ("host", "told"), [("localhost", []), ("ada", ["Lab tls [ada]: changed, 1 check passed, 0.0 s"])]
)
def test_a_lab_that_has_told_nothing_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, host: str, told: list[str]
) -> None:
    said: list[str] = []
    callback = room.CallbackModule()
    monkeypatch.setattr(callback, "_say", lambda text, color: said.append(text))
    monkeypatch.setattr(callback, "_starts", {"1": time.monotonic()})
    monkeypatch.setattr(callback, "_warn", lambda _result: None)
    monkeypatch.setattr(callback, "host_label", lambda _result: host)
    task = {
        "resolved_action": "mesh.workshop.lab_stage",
        "name": "Lab tls",
        "check_mode": False,
        "_uuid": "1",
        "loop": None,
    }
    result = {"checks": [{"name": "a", "passed": True}]}
    callback.v2_runner_on_ok(
        types.SimpleNamespace(task=types.SimpleNamespace(**task), result=result, is_changed=lambda: True)
    )
    assert [re.sub(r"\d+\.\d s", "0.0 s", line) for line in said] == told
