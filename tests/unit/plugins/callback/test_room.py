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

Json = dict[str, t.Any]

REASON = {"diagnosis": "Subset v1 selects no pod.", "remedy": "Correct its labels."}


def check(name: str, passed: bool | None = True, **more: t.Any) -> Json:
    return {"name": name, "passed": passed, "expected": "status 200", "observed": "status 503", **more}


def told(failure: room.Failure, *earlier: room.Failure, width: int = 79) -> str:
    return room.explain(failure, earlier, width)


def test_checks_that_fail_for_one_reason_share_one_explanation() -> None:
    checks = [
        check("a", False, **REASON),
        check("b", False, diagnosis="Another reason."),
        check("c", False, **REASON),
        check("d"),
    ]
    text = told(room.Failure("Lab x", {"checks": checks, "msg": "all of it in one paragraph"}))
    assert text.splitlines() == [
        "FAILED  Lab x",
        "",
        "  2 checks failed for one reason:",
        "  check     a",
        "  check     c",
        "  expected  status 200",
        "  observed  status 503",
        "  cause     Subset v1 selects no pod.",
        "  remedy    Correct its labels.",
        "",
        "  check     b",
        "  expected  status 200",
        "  observed  status 503",
        "  cause     Another reason.",
    ]


def test_a_change_is_shown_as_it_is_pasted_and_the_way_of_the_request_with_v_only() -> None:
    change = "kubectl apply -f - <<'END'\nkind: VirtualService\nspec:\n  hosts: [reviews]\nEND"
    way = ["GET http://reviews:9080/ from productpage", "1. the caller's proxy", "   route      Taken."]
    failure = room.Failure("x", {"checks": [check("a", False, **REASON, change=change, path=way)]})
    shown = [f"    {line}" for line in change.splitlines()]
    assert told(failure).splitlines()[-6:] == ["  change", *shown]
    verbose = room.explain(failure, (), 79, verbose=True).splitlines()
    assert verbose[-10:] == ["  change", *shown, "  path", *(f"    {line}" for line in way)]


def test_a_long_change_is_shown_with_v_only() -> None:
    failure = room.Failure("x", {"checks": [check("a", False, change="line\n" * 13)]})
    assert "  change" not in told(failure)
    assert "  change" in room.explain(failure, (), 79, verbose=True)


def test_checks_with_one_reason_tell_apart_what_each_saw() -> None:
    checks = [check("a", False, **REASON), check("b", False, **{**REASON, "observed": "status 404"})]
    lines = told(room.Failure("x", {"checks": checks})).splitlines()
    assert lines[3:9] == [
        "  check     a",
        "  expected  status 200",
        "  observed  status 503",
        "  check     b",
        "  expected  status 200",
        "  observed  status 404",
    ]


@pytest.mark.parametrize("checks", [None, 5, ["x", None], [{"passed": True}], [check("a", None)], [{"name": "a"}]])
def test_other_modules_may_have_checks_of_another_kind(checks: t.Any) -> None:
    assert room.checks_of({"checks": checks}) == []
    assert told(room.Failure("x", {"checks": checks, "msg": "Why."})) == "FAILED  x\n\n  Why."


@pytest.mark.parametrize("width", [40, 79, 120])
def test_explanations_keep_to_the_width(width: int) -> None:
    text = "one two three four five six seven " * 9
    checks = [check(text, False, expected=text, diagnosis=text, remedy=text)]
    for failure in (room.Failure("x", {"checks": checks}), room.Failure("x", {"msg": text})):
        lines = told(failure, width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert max(map(len, lines)) > width - 10


def test_what_was_rescued_is_told_once_and_in_full() -> None:
    """A rescue that fails with the message of what it rescued has nothing new to say of it."""
    first = room.Failure("Lab x", {"checks": [check("a", False, **REASON)], "msg": "a: expected …"})
    text = told(room.Failure("Setup", {"msg": "a: expected … An archive is in /x.tar.gz."}), first)
    assert text.splitlines()[0] == "FAILED  Lab x"
    assert "  cause     Subset v1 selects no pod." in text
    assert text.splitlines()[-1] == "  An archive is in /x.tar.gz."
    assert "a: expected" not in text


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "There is no lab 'x'."}, "There is no lab 'x'."),
        ({"msg": ["one", "two"]}, "one\n  two"),
        ({"msg": 5}, "5"),
        ({"msg": "non-zero return code", "stderr": "no such file", "stdout": ""}, "stderr\n    no such file"),
        ({"msg": "no such file", "stderr": "no such file"}, "no such file"),
        ({"censored": "hidden", "msg": "secret", "stderr": "secret"}, room.HIDDEN),
        ({}, "There is no message."),
    ],
)
def test_without_checks_the_message_is_the_reason(result: Json, said: str) -> None:
    text = told(room.Failure("Task", result))
    assert text.startswith("FAILED  Task\n\n  ")
    assert text.endswith(said)
    assert text.count("no such file") <= 1
    assert "secret" not in text


def test_each_failed_item_of_a_loop_has_its_reason() -> None:
    items = ({"item": "a", "msg": "No a."}, {"_ansible_item_label": "b", "msg": "No b."}, {"censored": "hidden"})
    text = told(room.Failure("Task", {"msg": "One or more items failed", "results": [{}]}, items=items))
    assert [line for line in text.splitlines() if line] == [
        "FAILED  Task",
        "  item      a",
        "  No a.",
        "  item      b",
        "  No b.",
        f"  item      {room.HIDDEN}",
        f"  {room.HIDDEN}",
    ]


def test_of_long_outputs_the_end_is_shown() -> None:
    text = told(room.Failure("x", {"msg": "", "stdout": "\n".join(f"line {number}" for number in range(500))}))
    assert "line 499" in text
    assert len(text.splitlines()) < 20


# -- whole runs --------------------------------------------------------------


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
        assert f"FAILED  Hide\n\n  {room.HIDDEN}" in said
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
