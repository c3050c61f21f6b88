# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that SIGINT or SIGTERM ends says: what its module had changed, how things stand, and how to go on.

ansible-playbook passes the signal to its worker, which passes it to the module and ends at once. By then nobody reads
results or displayed lines any more. So the worker waits here for the module's last result, and writes it to the screen
itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import textwrap
import threading
import types
import typing as t

from ansible_collections.mesh.workshop.plugins.plugin_utils._commands import OURS, command, running_playbook
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS
from ansible_collections.mesh.workshop.plugins.plugin_utils._screen import columns

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds to wait for a module that does not end by itself as ours do, after 1.5 seconds and what a busy machine adds.
PATIENCE = 10.0
MOST_CHANGES = 10
CHANGES = ("created", "changed", "deleted")
# What the same command does when it is given again.
AGAIN = {"lab": "To reach the stage", "setup": "To go on", "reset": "To finish it", "teardown": "To finish it"}


def _screen() -> int | None:
    """A descriptor of this process's standard error that is its own; None where there is none."""
    with contextlib.suppress(OSError):
        return os.dup(2)
    return None


# Ansible loads an action in its main process first. Its workers have no screen, but inherit what was opened there.
SCREEN = _screen()


def next_steps(playbook: str, changed: bool) -> list[tuple[str, str]]:
    """What to run after an interruption of a playbook, and what for. Nothing is said of playbooks that are not ours."""
    name = playbook.removeprefix(OURS)
    if name == playbook or name not in PLAYBOOKS:
        return []
    steps = [(AGAIN.get(name, "To run it again"), command(playbook))]
    if changed and name in ("lab", "tour"):
        own = {option for options in PLAYBOOKS.values() for option in options}
        steps.append(("To go back to baseline", command(f"{OURS}reset", without=own)))
    return steps


def changes_of(result: t.Mapping[str, t.Any]) -> list[str]:
    """The objects of a result that were created, changed or deleted, a line for each."""
    results = result.get("results")
    lines = []
    for one in results if isinstance(results, list) else []:
        if isinstance(one, dict) and one.get("action") in CHANGES:
            place = "/".join(filter(None, (one.get("namespace"), one.get("name"))))
            lines.append(f"{one['action']} {one.get('kind')} {place}")
    return lines


def interruption(
    task: str, result: t.Mapping[str, t.Any], steps: t.Sequence[tuple[str, str]], width: int, hidden: bool = False
) -> str:
    """What the screen shows at the end of an interrupted run; ``result`` is empty where the module gave none."""
    changes = changes_of(result)
    lines = [f"INTERRUPTED  {task}", ""]
    if hidden:
        lines.append("  What was changed is hidden because of no_log.")
    elif changes:
        lines.append(f"  {len(changes)} {'object was' if len(changes) == 1 else 'objects were'} changed before:")
        lines += [f"    {line}" for line in changes[:MOST_CHANGES]]
        if len(changes) > MOST_CHANGES:
            lines.append(f"    and {len(changes) - MOST_CHANGES} more")
    if result.get("interrupted"):
        said = str(result.get("msg"))
    elif result.get("failed") or not result:
        said = "The task did not finish, and did not say what it had changed."
    else:
        said = "The task finished."
    lines += textwrap.wrap(said, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    for what, how in steps:
        lines += ["", f"  {what}:", f"    {how}"]
    return "\n".join(lines)


class Interruption:
    """Within this block the worker outlives SIGINT and SIGTERM until its module has ended; then it tells, and ends.

    It takes effect where the worker leads a process group, as in ansible-core 2.19 and later, since then that group has
    nobody else but the module. Elsewhere Ansible's own handlers stay.
    """

    def __init__(self, tell: t.Callable[[], str], screen: int | None = SCREEN) -> None:
        self._tell = tell
        self._screen = screen
        self._former: dict[int, t.Any] = {}
        self._heard = 0

    def __enter__(self) -> Interruption:
        if os.getpgrp() == os.getpid() and threading.current_thread() is threading.main_thread():
            for signum in SIGNALS:
                self._former[signum] = signal.signal(signum, self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        if self._heard:
            self._end()
        for signum, handler in self._former.items():
            signal.signal(signum, handler)

    def _hear(self, signum: int, _frame: types.FrameType | None) -> None:
        """Pass the signal on to the module, and wait for its end for a while, whatever else comes.

        ansible-playbook sends SIGTERM to its workers 0.2 s after SIGINT, and then waits for their end.
        """
        self._heard = signum
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, lambda *_alarm: self._end())
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        os.killpg(os.getpgrp(), signum)

    def _end(self) -> None:
        """Say what there is to say, and end as the worker would have ended at once."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._screen is not None:
            with contextlib.suppress(OSError):  # the screen is gone
                os.write(self._screen, f"\n{self._tell()}\n\n".encode("utf-8", "replace"))
        signal.signal(self._heard, self._former[self._heard])
        os.kill(os.getpid(), self._heard)


def tell(task: str, result: t.Mapping[str, t.Any], hidden: bool) -> str:
    """What an interrupted task says, with the commands that go on from there."""
    steps = next_steps(running_playbook(), bool(result.get("changed")) or not result)
    return interruption(task, result, steps, columns(), hidden)
