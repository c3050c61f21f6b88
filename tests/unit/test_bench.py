# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench` refuses what it cannot measure at once, and leaves no process behind when it is interrupted."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "bench"
sys.path.insert(0, str(TOOL.parent))
SPEC = importlib.util.spec_from_loader("bench", SourceFileLoader("bench", str(TOOL)))
assert SPEC is not None
bench = importlib.util.module_from_spec(SPEC)
sys.modules["bench"] = bench  # its dataclasses look themselves up there
assert SPEC.loader is not None
SPEC.loader.exec_module(bench)

PATIENCE = 60.0
BARE = [sys.executable, "-S", str(TOOL)]
"""The tool without any package but Python's own."""
# What a worker of Ansible does: it leads a session of its own, and so hears no signal of the group that it comes from.
WORKER = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
# Whoever runs the tests in the background may have told all of them to ignore interrupts.
MEASURE = """
import importlib.util, os, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
from importlib.machinery import SourceFileLoader
spec = importlib.util.spec_from_loader("bench", SourceFileLoader("bench", sys.argv[1]))
bench = sys.modules["bench"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
bench.run_whole(sys.argv[2:], pathlib.Path.cwd(), os.environ)
"""


def awaited(condition: t.Callable[[], t.Any]) -> t.Any:
    """What a condition says once it is true."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never became true")


def pid_in(path: Path) -> int:
    return int(awaited(lambda: path.exists() and path.read_text().strip()))


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_playbook_that_is_measured_ends_with_its_worker_and_module(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 600"
    task = {"name": "Wait", "ansible.builtin.command": {"argv": ["sh", "-c", script]}}
    play = {"name": "Long", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    (tmp_path / "long.yml").write_text(json.dumps([play]))
    playbook = [sys.executable, "-m", "ansible", "playbook", "long.yml"]
    measuring = subprocess.Popen([sys.executable, "-c", MEASURE, str(TOOL), *playbook], cwd=tmp_path)
    try:
        asleep = pid_in(note)
        started = bench.family(measuring.pid)
        assert asleep in started
        measuring.send_signal(signal.SIGINT)
        assert measuring.wait(PATIENCE) != 0
        awaited(lambda: all(map(is_gone, started)))
    finally:
        for pid in bench.family(measuring.pid):
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)


def test_what_does_not_heed_an_interrupt_is_killed_with_its_descendants(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path / "pid")],
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    worker = pid_in(tmp_path / "pid")
    bench.end(process, patience=0.2)
    assert process.returncode == -signal.SIGKILL
    awaited(lambda: is_gone(worker))


def test_an_unknown_measurement_is_refused_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "prepare", lambda: pytest.fail("it installs the peers"))
    monkeypatch.setattr(sys, "argv", ["bench", "--kubeconfig", "none", "--only", "apply", "paeges"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "paeges" in said
    assert all(name in said for name in bench.MEASUREMENTS)


def test_help_needs_no_package() -> None:
    done = subprocess.run([*BARE, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--only" in done.stdout


def test_a_command_that_ends_by_itself_gives_what_it_says(tmp_path: Path) -> None:
    done = bench.run_whole(["sh", "-c", "cat; echo no >&2; exit 3"], tmp_path, os.environ, "yes")
    assert (done.returncode, done.stdout, done.stderr) == (3, "yes", "no\n")
