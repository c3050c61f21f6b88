# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: room
type: stdout
short_description: Screen output for a room full of people
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Shows what changed, what labs and checks say while they run, and what C(ansible.builtin.debug) prints. Tasks that
    change nothing leave no trace.
  - When a run fails, the last thing on the screen is why. A failed check is shown with what was expected, what was
    observed, the cause, the remedy, and the commands that mend it. Checks that fail for the same reason share one
    explanation.
  - With C(-v) the output is that of Ansible's default callback, with the same explanation at the end and, for each
    failed check, the way of its request hop by hop.
  - It serves any playbook, not only those of this collection.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout callback in the configuration, for example by C(ANSIBLE_STDOUT_CALLBACK=mesh.workshop.room)
notes:
  - Of the options only O(display_failed_stderr) and O(show_custom_stats) have an effect without C(-v).
"""

import sys
import time
import typing as t

from ansible import constants, context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible_collections.mesh.workshop.plugins.plugin_utils._failures import Failure, checks_of, count, explain
from ansible_collections.mesh.workshop.plugins.plugin_utils._screen import columns

if t.TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.inventory.host import Host
    from ansible.playbook import Playbook
    from ansible.playbook.handler import Handler
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

Json = t.Mapping[str, t.Any]

COLLECTION = "mesh.workshop."
# These say themselves what they are doing while they run.
TALKING = {f"{COLLECTION}{name}" for name in ("lab_stage", "reset")}
# These take so long that people want to know what they are waiting for.
SLOW = {
    f"{COLLECTION}{name}"
    for name in ("apply", "embedded_images", "embedded_node", "istio_control_plane", "support_bundle", "verify")
}
# Their messages were written for people; their position does not matter.
PLAIN = ("ansible.builtin.assert", "ansible.builtin.fail")


def recap(host: str, numbers: t.Mapping[str, int]) -> str:
    """A host's tasks in numbers; zeros are left out."""
    told = [f"{number} {name}" for name, number in numbers.items() if number or name == "ok"]
    return f"{host}: {', '.join(told)}"


def title(task: Task) -> str:
    """A task's own name, without that of its role."""
    return str(task.name or task.action).strip()


class CallbackModule(DefaultCallback):
    """The callback mesh.workshop.room."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mesh.workshop.room"

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._starts: dict[str, float] = {}
        self._failures: dict[str, list[Failure]] = {}
        # By host and task. The results within that of a loop do not say since 2.21 which of them have failed.
        self._items: dict[tuple[str, str], list[Json]] = {}
        self._passed = 0
        self._changed = 0
        self._heading = ""
        # The task whose line waits for its end.
        self._open = ""
        # The end of the run explains a failure; it gets a line of its own only where more follows.
        self._pending = ""

    @property
    def _brief(self) -> bool:
        return bool(self._display.verbosity < 1)

    # -- lines ---------------------------------------------------------------

    def _say(self, text: str, color: str | None = None) -> None:
        """Print lines beneath what was begun and what has failed before."""
        self._close()
        pending, self._pending = self._pending, ""
        if pending:
            self._display.display(pending, color=constants.COLOR_ERROR)
        self._display.display(text, color=color)

    def _close(self) -> None:
        """End the line that waits for its result."""
        if self._open:
            self._open = ""
            self._display.display("")

    def _start(self, task: Task) -> None:
        """Begin a line for a task that takes a while; its result ends the line."""
        self._starts[task._uuid] = time.monotonic()
        if task.resolved_action in SLOW and task.loop is None and task.args.get("state") != "stock":
            self._close()
            self._display.display(f"{title(task)} … ", newline=False)
            sys.stdout.flush()
            self._open = task._uuid

    def _end(self, result: CallbackTaskResult, word: str, color: str, more: str = "") -> None:
        """Say how a task ended: on the line that it began, or on one of its own."""
        task = result.task
        seconds = time.monotonic() - self._starts.get(task._uuid, time.monotonic())
        said = f"{word}{more}, {seconds:.1f} s"
        if self._open == task._uuid and self._title(result) == title(task):
            self._open = ""
            self._display.display(said, color=color)
        else:
            self._say(f"{self._title(result)}: {said}", color)

    def _title(self, result: CallbackTaskResult) -> str:
        host = self.host_label(result)
        return title(result.task) + ("" if host == "localhost" else f" [{host}]")

    # -- the run -------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Say that nothing will be changed, where that is so."""
        if not self._brief:
            super().v2_playbook_on_start(playbook)
        elif context.CLIARGS.get("check"):
            self._say("Check mode: nothing is changed.", constants.COLOR_SKIP)

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Say what begins."""
        if not self._brief:
            super().v2_playbook_on_play_start(play)
            return
        self._play = play
        heading, self._heading = self._heading, play.get_name().strip()
        # A play that goes on with the work of the one before has its name.
        if self._heading != heading:
            self._say(self._heading, constants.COLOR_HIGHLIGHT)

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Begin a line for what takes a while."""
        if self._brief:
            self._start(task)
        else:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Handler) -> None:
        """Begin a line for what takes a while."""
        if self._brief:
            self._start(task)
        else:
            super().v2_playbook_on_handler_task_start(task)

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        """Say nothing: a task that matters has a line already."""
        if not self._brief:
            super().v2_runner_on_start(host, task)

    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        """Say nothing: files do not matter to the room."""
        if not self._brief:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Say nothing: the failure is explained at the end."""
        if not self._brief:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_on_file_diff(self, result: CallbackTaskResult) -> None:
        """Show what a task changes, below its name."""
        if self._brief:
            self._close()
        super().v2_on_file_diff(result)

    def _print_task_banner(self, task: Task) -> None:
        """Without -v a diff has the task's name above it."""
        if self._brief:
            self._last_task_banner = task._uuid
            self._say(title(task))
        else:
            super()._print_task_banner(task)

    # -- results -------------------------------------------------------------

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Say what a task changed, proved or was asked to print."""
        checks = checks_of(result.result)
        self._passed += sum(one["passed"] for one in checks)
        # What a play only looked at, by check_mode of its own, it did not change.
        self._changed += result.is_changed() and (not result.task.check_mode or bool(context.CLIARGS.get("check")))
        if not self._brief:
            super().v2_runner_on_ok(result)
            return
        self._warn(result)
        if isinstance(result.task, TaskInclude):
            return
        more = f", {count(len(checks), 'check')} passed" if checks else ""
        # One of several hosts has said nothing: their lines would be mixed.
        if result.task.resolved_action in TALKING and self.host_label(result) == "localhost":
            return
        if result.is_changed():
            word = "would change" if result.task.check_mode else "changed"
            self._end(result, word, constants.COLOR_CHANGED, more)
        elif self._open == result.task._uuid or checks:
            self._end(result, "ok", constants.COLOR_OK, more)
        if result.task.loop is None:
            self._print(result)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Remember why a task failed, for the end."""
        checks = checks_of(result.result)
        self._passed += sum(one["passed"] for one in checks)
        task = result.task
        plain = str(task.resolved_action).startswith(COLLECTION) or task.resolved_action in PLAIN
        items = tuple(self._items.pop((result.host.get_name(), task._uuid), ()))
        failure = Failure(self._title(result), dict(result.result), "" if plain else task.get_path() or "", items)
        if not ignore_errors:
            self._failures.setdefault(result.host.get_name(), []).append(failure)
        if not self._brief:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._warn(result)
        if ignore_errors:
            line = (failure.message.splitlines() or [""])[0]
            self._end(result, "failed, which is ignored", constants.COLOR_SKIP, f": {line}" if line else "")
        elif self._open == task._uuid:
            self._end(result, "FAILED", constants.COLOR_ERROR)
        else:
            self._close()
            if self._pending:
                self._display.display(self._pending, color=constants.COLOR_ERROR)
            self._pending = f"{failure.name}: FAILED"

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Remember which host cannot be reached, for the end."""
        failure = Failure(self._title(result), dict(result.result))
        if not result.task.ignore_unreachable:
            self._failures.setdefault(result.host.get_name(), []).append(failure)
        if self._brief:
            self._end(result, "UNREACHABLE", constants.COLOR_UNREACHABLE)
        else:
            super().v2_runner_on_unreachable(result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """End the line of a task that was not needed."""
        if not self._brief:
            super().v2_runner_on_skipped(result)
            return
        self._warn(result)
        if self._open == result.task._uuid:
            self._end(result, "not needed", constants.COLOR_SKIP)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """Print what an item was asked to print; the loop's result tells the rest."""
        if not self._brief:
            super().v2_runner_item_on_ok(result)
            return
        self._warn(result)
        self._print(result)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """Remember the item, for the end of the loop."""
        self._items.setdefault((result.host.get_name(), result.task._uuid), []).append(dict(result.result))
        if self._brief:
            self._warn(result)
        else:
            super().v2_runner_item_on_failed(result)

    def v2_runner_item_on_skipped(self, result: CallbackTaskResult) -> None:
        """Say nothing."""
        if self._brief:
            self._warn(result)
        else:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Say that a task is tried again."""
        if self._brief:
            left = result.result.get("retries", 0) - result.result.get("attempts", 0)
            self._say(f"{self._title(result)}: trying again, retries left: {left}", constants.COLOR_DEBUG)
        else:
            super().v2_runner_retry(result)

    def v2_runner_on_async_poll(self, result: CallbackTaskResult) -> None:
        """Show nothing: the end of the task is shown."""
        if not self._brief:
            super().v2_runner_on_async_poll(result)

    def v2_runner_on_async_ok(self, result: CallbackTaskResult) -> None:
        """Show nothing: the end of the task is shown."""
        if not self._brief:
            super().v2_runner_on_async_ok(result)

    def v2_runner_on_async_failed(self, result: CallbackTaskResult) -> None:
        """Show nothing: the end of the task is shown."""
        if not self._brief:
            super().v2_runner_on_async_failed(result)

    def _warn(self, result: CallbackTaskResult) -> None:
        """Show a result's warnings; errors are told at the end."""
        if result.warnings or result.deprecations:
            self._close()
        self._handle_warnings(result.result)

    def _print(self, result: CallbackTaskResult) -> None:
        """Print what a task is there to print, as ansible.builtin.debug is."""
        if not self._run_is_verbose(result):
            return
        self._clean_results(result.result, result.task.action)
        shown = self._dump_results(result.result, serialize=False)
        message = shown.get("msg") if isinstance(shown, dict) and len(shown) == 1 else None
        if isinstance(message, list) and all(isinstance(line, str) for line in message):
            message = "\n".join(message)
        self._say(message if isinstance(message, str) else self._dump_results(result.result))

    # -- the end -------------------------------------------------------------

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Say how long the run took, what it came to, and why it failed."""
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        if not self._brief or (stats.custom and self.get_option("show_custom_stats")):
            super().v2_playbook_on_stats(stats)
        elif len(hosts) > 1:
            self._say("\n" + "\n".join(recap(host, numbers) for host, numbers in hosts.items()))
        seconds = time.monotonic() - self._began
        # A rescued failure is not a failure of the run; those that count come last.
        texts = [
            explain(failure, failures[:-number], columns(), not self._brief)
            for host, failures in self._failures.items()
            if (number := hosts[host]["failures"] + hosts[host]["unreachable"] if host in hosts else 0)
            for failure in failures[-number:]
        ]
        self._close()
        self._pending = ""
        if texts:
            use_stderr = self.get_option("display_failed_stderr")
            for text in dict.fromkeys(texts):
                self._display.display(f"\n{text}", color=constants.COLOR_ERROR, stderr=use_stderr)
            self._say(f"\nFailed after {seconds:.1f} s.", constants.COLOR_ERROR)
            return
        proved = f"{count(self._passed, 'check')} passed, " if self._passed else ""
        done = count(self._changed, "change") if self._changed else "nothing changed"
        if context.CLIARGS.get("check"):
            done = f"{count(self._changed, 'change')} would be made" if self._changed else "nothing would change"
        self._say(f"\nDone in {seconds:.1f} s: {proved}{done}.", constants.COLOR_OK)
