# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reads the report of an interruption and waits for a run's processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import processes

REPORT = """PLAY [Go]
INTERRUPTED  Lab rbac

  2 objects were changed before:
    created Service bookinfo/a
    deleted Namespace b
  It is not there.

  To go on:
    ansible-playbook x -e a=b
"""


def test_a_report_is_read() -> None:
    told = processes.read_told(REPORT)
    assert told.changes == ["created Service bookinfo/a", "deleted Namespace b"]
    assert "It is not there." in told.text
    assert told.steps == {"To go on": "ansible-playbook x -e a=b"}
    assert told.output == "PLAY [Go]\n"


@pytest.mark.parametrize("output", ["", REPORT + REPORT, f"Traceback (most recent call last)\n{REPORT}"])
def test_none_and_two_reports_and_a_traceback_are_wrong(output: str) -> None:
    with pytest.raises(AssertionError):
        processes.read_told(output)


def test_a_process_that_stays_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "limit", lambda: 0.5)
    log = tmp_path / "log"
    log.write_text(REPORT)
    program = "import signal, subprocess; p = subprocess.Popen(['sleep', '30']); print(p.pid, flush=True); p.wait()"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.stdout.close()
    assert pid in processes.descendants(process.pid)
    with pytest.raises(AssertionError):
        processes.interrupt(process, log, signal.SIGTERM)
    assert processes.is_running(pid)
    os.kill(pid, signal.SIGKILL)
