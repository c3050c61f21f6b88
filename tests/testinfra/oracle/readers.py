# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody at a terminal who types what a guide says, and compares what it prints."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pexpect
import pytest
from oracle import guides
from pexpect.replwrap import REPLWrapper

CLUSTER = os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test")
PROGRAMS = Path("/var/lib/mesh-workshop") / CLUSTER / "bin"
SECONDS = 300
# Commands that only look, and may be repeated: proxies write their logs once per second and send spans within five, and
# Prometheus reads them every five.
LOOKS = (
    "kubectl get",
    "kubectl logs",
    "istioctl",
    "curl -s http://localhost:9411/",
    "query ",
    "curl -s 'http://localhost:8080/",
)
PATIENCE = 15


class Terminal:
    """A shell as `make shell` opens it, on a machine whose /etc/hosts has the workshop's host.

    All that is typed has the rights of the kubeconfig. ``more`` are the options that its user adds to each playbook.
    """

    def __init__(self, directory, kubeconfig, address, host, more=""):
        (directory / ".curlrc").write_text("".join(f'resolve = "{host}:{port}:{address}"\n' for port in (80, 443)))
        environment = {
            **os.environ,
            "CURL_HOME": str(directory),
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "TERM": "dumb",
            "PS1": "$ ",
        }
        options = ["--noprofile", "--norc", "--noediting"]
        # So wide that no line is broken.
        shell = pexpect.spawn(
            "bash", options, cwd=directory, env=environment, echo=False, encoding="utf-8", dimensions=(50, 400)
        )
        self._shell = REPLWrapper(shell, r"\$ ", "PS1='{0}' PS2='{1}'")
        # Guides speak of the one workshop there is; a conversion is about none.
        self.run(f"rights='-e lab_kubeconfig={kubeconfig}'")
        self.run(
            'ansible-playbook() { [ "$1" = mesh.workshop.migrate ] || set -- "$@" '
            f'-e cluster_name={CLUSTER} $rights {more}; command ansible-playbook "$@"; }}'
        )

    def run(self, command, *, instructor=False):
        """What a command prints, and its exit status. What the instructor runs has the instructor's rights."""
        rights = f"rights= KUBECONFIG={Path.home() / '.kube' / CLUSTER} " if instructor else ""
        printed = self._shell.run_command(f"{rights}{command}", timeout=SECONDS)
        # The shell may tell of a background job that has ended as well.
        status, *_jobs = self._shell.run_command("echo $?", timeout=SECONDS).split(maxsplit=1)
        return printed, int(status)

    def close(self):
        self._shell.child.close(force=True)


class Reader:
    """Somebody who follows one guide, part by part."""

    def __init__(self, lab, terminal, parts):
        self._lab = lab
        self._terminal = terminal
        self._ahead = list(parts.items())

    def steps_of(self, stage):
        """The steps of a stage. What stands before them and has not been typed is typed first, and not judged."""
        while True:
            part, steps = self._ahead.pop(0)
            if part == stage:
                return steps
            for step in steps:
                self.follow(step)

    def follow(self, step):
        """Type it, and return what is wrong."""
        where = f"{self._lab}/guide.md, line {step.line}: {step.command}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                printed, status = self._terminal.run(step.command, instructor=step.instructor)
            except pexpect.TIMEOUT:
                pytest.fail(f"{where}\n--- runs for more than {SECONDS} s")
            if (status != 0) == step.fails and guides.agrees(step.prints, printed):
                return []
            if not step.command.startswith(LOOKS) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        expected = "success" if step.prints is None else step.prints
        return [f"{where}\n--- expected\n{expected}\n--- printed\n{printed}\n(exit status {status})\n"]

    def close(self):
        self._terminal.close()
