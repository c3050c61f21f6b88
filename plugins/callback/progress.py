# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Ends a run with what went wrong and what to do about it
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Says after each lab's stage, reset and verification how it went and how long it took.
  - When a run fails, the last thing on the screen is why. For a check that is what was expected, what was observed, the
    diagnosis and the remedy.
  - It stands beside any stdout callback and uses no colour.
requirements:
  - enabled in the configuration, for example by C(ANSIBLE_CALLBACKS_ENABLED=mesh.workshop.progress)
"""

import time

from ansible.plugins.callback import CallbackBase

MODULES = ("mesh.workshop.lab_stage", "mesh.workshop.reset", "mesh.workshop.verify", "mesh.workshop.apply")


def failed_checks(result):
    """The checks of a result that did not pass."""
    return [one for one in result.get("checks") or [] if one.get("passed") is False]


def summary(name, result, seconds):
    """One line for a task that has checks."""
    checks = [one for one in result.get("checks") or [] if one.get("passed") is not None]
    failed = failed_checks(result)
    word = "FAILED" if failed or result.get("failed") else "passed"
    shown = f", {len(checks) - len(failed)} of {len(checks)} checks passed" if checks else ""
    return f"{word}  {name}{shown}, {seconds:.1f} s"


def explanation(name, result):
    """Why a task failed, for people: what is known of each failed check, else the message."""
    lines = ["", f"FAILED  {name}"]
    for one in failed_checks(result):
        lines += ["", f"  check      {one['name']}"]
        for field in ("expected", "observed", "diagnosis", "remedy"):
            if one.get(field):
                lines.append(f"  {field:<9}  {one[field]}")
    if len(lines) == 2:
        lines += ["", f"  {str(result.get('msg') or 'There is no message.').strip()}"]
    return "\n".join(lines)


class CallbackModule(CallbackBase):
    """The callback mesh.workshop.progress."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mesh.workshop.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._run_started = time.monotonic()
        self._started = {}
        self._failure = None

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Remember when the task began."""
        self._started[task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result):
        """Say how a stage went."""
        self._say(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """Say how a stage went, and remember why for the end."""
        self._say(result)
        if not ignore_errors:
            self._failure = (result._task.get_name().strip(), dict(result._result))

    def v2_playbook_on_stats(self, stats):
        """The last word."""
        seconds = time.monotonic() - self._run_started
        failed = any(stats.summarize(host)["failures"] for host in stats.processed)
        if failed and self._failure is not None:
            self._display.display(f"Failed after {seconds:.1f} s.")
            self._display.display(explanation(*self._failure))
        else:
            self._display.display(f"Done in {seconds:.1f} s.")

    def _say(self, result):
        task = result._task
        if task.resolved_action in MODULES and result._result.get("checks"):
            seconds = time.monotonic() - self._started.get(task._uuid, time.monotonic())
            self._display.display(summary(task.get_name().strip(), result._result, seconds))
