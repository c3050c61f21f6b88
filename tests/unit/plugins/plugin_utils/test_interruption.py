# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interrupted run says, also by real runs of ansible-playbook against an API server that waits."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import pytest
from ansible_collections.mesh.workshop.plugins.plugin_utils import _interruption
from ansible_collections.mesh.workshop.plugins.plugin_utils._interruption import Interruption, interruption, next_steps
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]

# Seconds that a run may take to end on a busy machine. Otherwise it takes 1.5, and the request that it sends takes 60.
LIMIT = 20.0


def change(action: str, name: str, namespace: str = "bookinfo", kind: str = "Service") -> Json:
    return {"api_version": "v1", "kind": kind, "namespace": namespace, "name": name, "action": action}


def interrupted(*results: Json) -> Json:
    said = {"failed": True, "interrupted": True, "msg": "It stands."}
    return {**said, "changed": bool(results), "results": list(results)}


def test_the_changes_come_first_then_how_things_stand_and_how_to_go_on() -> None:
    result = interrupted(
        change("created", "a"), change("changed", "bookinfo", "", "Namespace"), change("unchanged", "b")
    )
    assert interruption("Lab rbac", result, [("To go on", "ansible-playbook x")], 79).splitlines() == [
        "INTERRUPTED  Lab rbac",
        "",
        "  2 objects were changed before:",
        "    created Service bookinfo/a",
        "    changed Namespace bookinfo",
        "  It stands.",
        "",
        "  To go on:",
        "    ansible-playbook x",
    ]


def test_the_list_of_changes_has_a_bound() -> None:
    text = interruption("Lab", interrupted(*(change("created", f"s{number}") for number in range(300))), [], 79)
    assert "300 objects were changed before:" in text
    assert text.count("created Service") == _interruption.MOST_CHANGES
    assert "    and 290 more" in text.splitlines()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (interrupted(), "It stands."),
        ({}, "The task did not finish, and did not say what it had changed."),
        ({"failed": True, "msg": "MODULE FAILURE"}, "The task did not finish, and did not say what it had changed."),
        ({"changed": True, "results": [change("created", "a")]}, "The task finished."),
        ({"results": {"odd": 1}}, "The task finished."),
    ],
)
def test_every_end_of_a_module_is_told(result: Json, said: str) -> None:
    assert interruption("Lab", result, [], 79).splitlines()[-1] == f"  {said}"


def test_what_no_log_hides_is_hidden() -> None:
    text = interruption("Lab", interrupted(change("created", "a")), [], 79, hidden=True)
    assert "Service" not in text
    assert "hidden because of no_log" in text


@pytest.mark.parametrize(
    ("playbook", "changed", "steps"),
    [
        ("mesh.workshop.lab", True, ["To reach the stage: lab -e lab=rbac", "To go back to baseline: reset"]),
        ("mesh.workshop.lab", False, ["To reach the stage: lab -e lab=rbac"]),
        ("mesh.workshop.setup", True, ["To go on: setup -e lab=rbac"]),
        ("mesh.workshop.verify", False, ["To run it again: verify -e lab=rbac"]),
        ("site.yml", True, []),
        ("", True, []),
    ],
)
def test_the_next_command_is_that_of_the_playbook(
    monkeypatch: pytest.MonkeyPatch, playbook: str, changed: bool, steps: list[str]
) -> None:
    def command(name: str, without: t.Collection[str] = ()) -> str:
        return name.removeprefix("mesh.workshop.") + ("" if "lab" in without else " -e lab=rbac")

    monkeypatch.setattr(_interruption, "command", command)
    assert [f"{what}: {how}" for what, how in next_steps(playbook, changed)] == steps


# A worker: the leader of its process group, with a program that says its last word some time after the signal.
WORKER = """
import os, signal, subprocess, sys
os.setpgid(0, 0)
from ansible_collections.mesh.workshop.plugins.plugin_utils import _interruption
from ansible_collections.mesh.workshop.plugins.plugin_utils._interruption import Interruption
_interruption.PATIENCE = float(sys.argv[1])
said = []
def end(signum, frame):
    os.write(2, b"ended\\n")
    os._exit(128 + signum)
for signum in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signum, end)
program = "trap 'sleep %s; echo word; exit' INT TERM; echo ready >&2; exec 2>/dev/null; while :; do sleep 0.1; done"
with Interruption(lambda: f"told {said}"):
    process = subprocess.Popen(["/bin/sh", "-c", program], stdout=subprocess.PIPE, text=True)
    said.append(process.communicate()[0])
"""


def worker(seconds: float, patience: float = _interruption.PATIENCE) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", WORKER % seconds, str(patience)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    return process


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_waits_for_the_last_word_and_ends_as_before(signum: signal.Signals) -> None:
    process = worker(0.3)
    process.send_signal(signum)
    assert process.communicate(timeout=20)[1] == "\ntold ['word\\n']\n\nended\n"
    assert process.returncode == 128 + signum


def test_further_signals_change_nothing() -> None:
    process = worker(1)
    process.send_signal(signal.SIGINT)
    for _time in range(5):
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[1] == "\ntold ['word\\n']\n\nended\n"


def test_the_wait_has_an_end() -> None:
    process = worker(30, patience=0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert [process.stderr.readline() for _line in range(4)] == ["\n", "told []\n", "\n", "ended\n"]
    assert process.wait(20) == 128 + signal.SIGINT
    assert 0.5 <= time.monotonic() - start < LIMIT
    process.stderr.close()


def test_without_a_signal_the_handlers_are_as_before() -> None:
    before = [signal.getsignal(signum) for signum in _interruption.SIGNALS]
    with Interruption(lambda: pytest.fail("it tells")):
        pass
    assert [signal.getsignal(signum) for signum in _interruption.SIGNALS] == before


# -- real runs ---------------------------------------------------------------


class Slow(FakeApi):
    """Does not answer as soon as an object called ``slow`` is applied, until the test ends."""

    def __init__(self) -> None:
        self.reached, self.over = threading.Event(), threading.Event()
        super().__init__()

    def apply(self, key: t.Any, *given: t.Any) -> tuple[int, Json]:
        if key[3] == "slow":
            self.reached.set()
            self.over.wait(60)
        return super().apply(key, *given)


@pytest.fixture
def api() -> t.Iterator[Slow]:
    server = Slow()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
    yield server
    server.over.set()
    server.stop()


def named(kind: str, name: str) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "bookinfo"}}


@pytest.fixture
def playbook(api: Slow, tmp_path: Path) -> Path:
    objects = {"one": "ConfigMap", "two": "ConfigMap", "slow": "Service", "never": "Pod"}
    definitions = [named(kind, name) for name, kind in objects.items()]
    arguments = {"host": api.url, "api_key": "the-token", "definitions": definitions}
    task = {"name": "Apply the set", "mesh.workshop.apply": arguments, "register": "applied"}
    after = {"name": "Say that it went on", "ansible.builtin.debug": {"msg": "it went on"}, "when": "true"}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task, after]}
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    file = tmp_path / "site.yml"
    file.write_text(json.dumps([play]))
    return file


def environment(callback: str, folder: Path) -> dict[str, str]:
    root = Path(next(iter(collection.__path__))).parents[2]
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(root),
        "ANSIBLE_STDOUT_CALLBACK": callback,
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))
TOLD = """INTERRUPTED  Apply the set

  2 objects were changed before:
    created ConfigMap bookinfo/{}
    created ConfigMap bookinfo/{}
  The task did not finish.
"""


def ended(process: subprocess.Popen[bytes]) -> float:
    start = time.monotonic()
    process.wait(30)
    return time.monotonic() - start


def as_told(output: str) -> bool:
    """Whether the one report of an interrupted run is on the screen."""
    assert "it went on" not in output
    assert output.count("INTERRUPTED") == 1, output
    return any(TOLD.format(*pair) in output.replace("\r\n", "\n") for pair in (("one", "two"), ("two", "one")))


@pytest.mark.parametrize("callback", ["ansible.builtin.default", "mesh.workshop.room"])
def test_ctrl_c_in_a_terminal(api: Slow, playbook: Path, callback: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, playbook.name],
        cwd=playbook.parent,
        env=environment(callback, tmp_path),
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(theirs), os.O_RDWR)),  # it becomes the controlling terminal
    )
    os.close(theirs)
    assert api.reached.wait(60)
    os.write(ours, b"\x03")
    said = b""
    while True:  # a terminal whose other side is closed ends with an error
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    process.wait(30)
    os.close(ours)
    assert as_told(said.decode()), said.decode()
    assert process.returncode not in (0, 2)


@pytest.mark.parametrize(
    ("callback", "signum"), [("ansible.builtin.default", signal.SIGINT), ("mesh.workshop.room", signal.SIGTERM)]
)
def test_a_signal_to_the_program_whose_output_is_a_file(
    api: Slow, playbook: Path, callback: str, signum: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [PROGRAM, playbook.name],
            cwd=playbook.parent,
            env=environment(callback, tmp_path),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    assert api.reached.wait(60)
    process.send_signal(signum)
    start = time.monotonic()
    assert ended(process) < LIMIT
    while "INTERRUPTED" not in log.read_text() and time.monotonic() - start < LIMIT:
        time.sleep(0.05)
    assert as_told(log.read_text()), log.read_text()
    assert re.search("User interrupted execution", log.read_text()) or signum == signal.SIGTERM
    if signum == signal.SIGINT:
        assert list((tmp_path / "tmp").glob("**/mesh-workshop-*")) == []
