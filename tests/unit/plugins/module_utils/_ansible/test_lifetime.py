# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module ends when ansible-playbook is killed, although shells and a worker stand between them."""

from __future__ import annotations

import os
import pathlib
import select
import signal
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._ansible import lifetime
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.lifetime import (
    end_with_parent,
    is_ansible,
    read_process,
    worker_of,
)

PLAYBOOK = ("/usr/bin/python3", "/usr/bin/ansible-playbook", "site.yml")
MODULE = ("/usr/bin/python3", "module.py")
SHELL = ("/bin/sh", "-c", "python3")

# The worker runs a shell that runs the module; of its output the test reads when it is ready, and its end.
PARENT = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    os.close(0)
    os._exit(subprocess.run(["/bin/sh", "-c", f"{sys.executable} {sys.argv[1]}; true"]).returncode)
time.sleep(60)
"""
CHILD = """
import time
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.lifetime import end_with_parent
end_with_parent()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("command", "is_it"),
    [
        (PLAYBOOK, True),
        (("/opt/bin/python3.11", "-m", "ansible", "playbook"), True),
        (("python3", "run.py", "-x", "ansible-playbook"), False),
        (("sudo", "python3", "/tmp/ansible-tmp-1/x.py"), False),
        (SHELL, False),
        (("",), False),
    ],
)
def test_the_programs_of_ansible(command: tuple[str, ...], is_it: bool) -> None:
    assert is_ansible(command) is is_it


def table(*commands: tuple[str, ...]) -> t.Callable[[int], lifetime.Process | None]:
    """Processes 10, 11, … of which each is the parent of the one before; the last one's is 1."""
    found = {10 + n: (11 + n if n + 1 < len(commands) else 1, command) for n, command in enumerate(commands)}
    return found.get


@pytest.mark.parametrize(
    ("chain", "worker"),
    [
        ((MODULE, SHELL, SHELL, PLAYBOOK, PLAYBOOK, ("bash",)), (13, 14)),
        ((MODULE, SHELL, ("sudo",), ("sudo",), PLAYBOOK, PLAYBOOK), (14, 15)),
        ((MODULE, SHELL, PLAYBOOK, ("bash",)), None),
        ((MODULE, ("bash", "ansible.sh"), ("bash", "ansible.sh")), None),
        ((MODULE,), None),
        ((MODULE, *[SHELL] * 20, PLAYBOOK, PLAYBOOK), None),
    ],
)
def test_the_worker_is_the_fork_of_ansible(chain: t.Any, worker: tuple[int, int] | None) -> None:
    assert worker_of(10, table(*chain)) == worker


def test_processes_are_read() -> None:
    mine = read_process(os.getpid())
    assert mine is not None
    assert mine[0] == os.getppid()
    assert read_process(2**30) is None


def test_what_ansible_has_not_started_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "worker_of", lambda pid: None)
    monkeypatch.setattr(lifetime, "_watch", lambda *_found: pytest.fail("it is watched"))
    assert not end_with_parent()


def test_a_module_ends_when_ansible_is_killed(tmp_path: pathlib.Path) -> None:
    playbook, module = tmp_path / "ansible-playbook", tmp_path / "module.py"
    playbook.write_text(PARENT)
    module.write_text(CHILD)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen([sys.executable, playbook, module], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The end of the pipe: nobody is there any more who could write to it, the module, the shell, the worker.
    assert select.select([process.stdout], [], [], 20)[0]
    assert process.stdout.read() == b""
    process.stdout.close()


# A pool whose thread waits for something that does not come; threads of a pool are joined at the end of a process.
BUSY = """
import concurrent.futures, signal, threading
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.lifetime import end_on_signals, last_words
{before}
end_on_signals(lambda: "reported")
with last_words(lambda: print("said", flush=True)):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(threading.Event().wait, 60)
        print("ready", flush=True)
        pool.submit(threading.Event().wait, 60).result()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "before", ["", pytest.param("signal.signal(signal.SIGINT, signal.SIG_IGN)", id="begun in the background")]
)
def test_a_signal_ends_a_process_whose_threads_wait(signum: signal.Signals, before: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", BUSY.format(before=before)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signum)
    assert process.stdout.read() == b"said\nreported"
    assert process.wait(lifetime.GRACE + 10) == 128 + signum
    process.stdout.close()


# Nothing keeps the main thread: it ends before the report is made, and Python with it.
IDLE = """
import time
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.lifetime import end_on_signals
def report():
    time.sleep(0.3)
    return "reported"
end_on_signals(report)
print("ready", flush=True)
time.sleep(60)
"""


def test_the_report_is_not_cut_off() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", IDLE]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.read() == b"reported"
    assert process.wait(10) == 128 + signal.SIGINT
    process.stdout.close()


# The signal arrives while the main thread is about to wait, so it wakes nobody. Here another thread gets it.
UNHEARD = """
import signal, sys, threading, time
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.lifetime import end_on_signals
end_on_signals(lambda: "reported")
main = threading.get_ident()
def send():
    while sys._current_frames()[main].f_code.co_name != "wait":
        time.sleep(0.01)
    time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), int(sys.argv[1]))
threading.Thread(target=send, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_that_has_not_woken_the_main_thread(signum: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", UNHEARD, str(int(signum))], capture_output=True, env=environment, check=False, timeout=30
    )
    assert (done.stdout, done.returncode) == (b"reported", 128 + signum)


def test_words_are_the_last_only_within_their_block() -> None:
    with lifetime.last_words(print):
        assert lifetime._last_words == [print]
    assert lifetime._last_words == []
