# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module ends with the ansible-playbook that has started it, and soon after Ctrl-C.

Between the two are shells and Ansible's worker, which is a fork of ansible-playbook in a session of its own. Where
ansible-playbook is killed, the worker goes on waiting for its module, and nothing tells the module.

Python alone does not end a process on Ctrl-C while its threads wait: those of a pool are joined, however long a wait
for the cluster takes. Nor does it always hear Ctrl-C: its handlers run in the main thread, and a signal wakes that
thread only if it arrives during a wait. One that arrives a moment before stays unheard until the wait is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import types
import typing as t

PAUSE = 1.0
GRACE = 1.5
"""Seconds that a process has to end after SIGINT or SIGTERM, so that ansible-playbook ends within three."""
REPEAT = 0.05
"""Seconds between two attempts to wake the main thread after a signal."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOST_ANCESTORS = 12

Process = tuple[int, tuple[str, ...]]
"""A parent's process id, and a command line."""


def read_process(pid: int) -> Process | None:
    """The parent and the command line of a process; None where there is none, or no ``/proc``."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])  # the name in parentheses may hold anything
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return parent, tuple(file.read().split("\0"))
    except (OSError, ValueError, IndexError):
        return None


def is_ansible(command: t.Sequence[str]) -> bool:
    """Whether a command line is that of one of Ansible's programs, run by a Python."""
    return "python" in os.path.basename(command[0]) and any(
        os.path.basename(word).startswith("ansible") for word in command[1:3]
    )


def worker_of(pid: int, read: t.Callable[[int], Process | None] = read_process) -> tuple[int, int] | None:
    """Ansible's worker among the ancestors of a process, and the process that has forked it; None without one."""
    for _step in range(MOST_ANCESTORS):
        process = read(pid)
        if process is None or process[0] <= 1:
            return None
        parent = read(process[0])
        if parent is not None and is_ansible(process[1]) and parent[1] == process[1]:
            return pid, process[0]
        pid = process[0]
    return None


_last_words: list[t.Callable[[], None]] = []


@contextlib.contextmanager
def last_words(say: t.Callable[[], None]) -> t.Iterator[None]:
    """Call ``say`` where SIGINT or SIGTERM ends this process during the block.

    It is called in a thread of its own, beside the main thread, which a KeyboardInterrupt ends.
    """
    _last_words.append(say)
    try:
        yield
    finally:
        _last_words.remove(say)


def _nothing() -> str:
    return ""


def end_on_signals(report: t.Callable[[], str] = _nothing) -> None:
    """End this process within ``GRACE`` seconds of SIGINT or SIGTERM, whatever its threads are waiting for.

    What ``report`` returns when all else has ended is printed last. SIGINT is set as well because a shell that starts a
    command in the background has it ignored.
    """

    def end(signum: int, _frame: types.FrameType | None) -> t.NoReturn:
        ignore_signals()
        handled.set()
        # No daemon: Python waits for it, where nothing else keeps the main thread, so the report is not cut off.
        threading.Thread(target=_finish, args=(signum, list(_last_words), report), name="end").start()
        raise KeyboardInterrupt

    handled = threading.Event()
    heard, arrived = os.pipe()
    os.set_blocking(arrived, False)
    signal.set_wakeup_fd(arrived)
    for signum in SIGNALS:
        signal.signal(signum, end)
    # Only the main thread may set handlers, so this is it.
    wake = (threading.get_ident(), heard, handled)
    threading.Thread(target=_wake, args=wake, daemon=True, name="signals").start()


def _wake(main: int, heard: int, handled: threading.Event) -> None:
    """Send a signal that this process has got to its main thread again, until that has run its handler.

    Python writes a signal's number to ``heard`` as soon as it arrives, in whichever thread, also while the main thread
    sleeps (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """
    signum = os.read(heard, 1)[0]
    while not handled.wait(REPEAT):
        signal.pthread_kill(main, signum)


def ignore_signals() -> None:
    """Ignore the signals from now on, since this process is about to end."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def _finish(signum: int, words: t.Sequence[t.Callable[[], None]], report: t.Callable[[], str]) -> None:
    """Report and exit when the last words are said and the main thread has ended, at the latest after the grace."""
    until = time.monotonic() + GRACE
    speaker = threading.Thread(target=_say, args=(words,), daemon=True, name="last words")
    speaker.start()
    for thread in (speaker, threading.main_thread()):
        thread.join(max(0.0, until - time.monotonic()))
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(1, report().encode("utf-8", "replace"))
    os._exit(128 + signum)


def _say(words: t.Sequence[t.Callable[[], None]]) -> None:
    for say in words:
        with contextlib.suppress(Exception):  # the process ends; the rest of the words counts more than this one
            say()


def end_with_parent(report: t.Callable[[], str] = _nothing) -> bool:
    """Watch from now on whether ansible-playbook is there, and end this process by SIGTERM when it is not.

    The process also ends soon after a signal, and then prints what ``report`` returns. Returns whether that is so.

    A process that nothing of Ansible's has started, as in a test or by hand, is left alone. So is one that Ansible has
    detached (``async``), which outlives ansible-playbook on purpose: its worker is not among its ancestors any more.
    """
    found = worker_of(os.getpid())
    if found is None:
        return False
    end_on_signals(report)
    threading.Thread(target=_watch, args=found, daemon=True, name="lifetime").start()
    return True


def _watch(worker: int, parent: int) -> None:
    pause = threading.Event()
    while True:
        process = read_process(worker)
        if process is None or process[0] != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        pause.wait(PAUSE)
