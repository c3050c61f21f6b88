# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of every guide, typed into a terminal as an attendee types it, prints what the guide says.

Each stage is reached by the guide's own command, and applied once more, which must change nothing.
"""

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
CATALOGUE = Path(__file__).resolve().parents[3] / "roles" / "lab" / "catalogue"
LABS = sorted(path.parent.name for path in CATALOGUE.glob("*/guide.md"))
HOST = "mybookstore.com"
SECONDS = 300
# Commands that only look, and may be repeated: proxies write their logs once per second and send spans within five.
LOOKS = ("kubectl get", "kubectl logs", "istioctl", "curl -s http://localhost:9411/")
PATIENCE = 15


class Terminal:
    """A shell as `make shell` opens it, on a machine whose /etc/hosts has the workshop's host."""

    def __init__(self, directory, kubeconfig, address):
        (directory / ".curlrc").write_text("".join(f'resolve = "{HOST}:{port}:{address}"\n' for port in (80, 443)))
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
        # Guides speak of the one workshop there is.
        self.run(f'ansible-playbook() {{ command ansible-playbook "$@" -e cluster_name={CLUSTER}; }}')

    def run(self, command):
        """What a command prints, and its exit status."""
        printed = self._shell.run_command(command, timeout=SECONDS)
        # The shell may tell of a background job that has ended as well.
        status, *_jobs = self._shell.run_command("echo $?", timeout=SECONDS).split(maxsplit=1)
        return printed, int(status)

    def close(self):
        self._shell.child.close(force=True)


class Reader:
    """Somebody who follows one guide, and notes where it is wrong."""

    def __init__(self, terminal):
        self._terminal = terminal
        self.complaints = []

    def follow(self, step):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                printed, status = self._terminal.run(step.command)
            except pexpect.TIMEOUT:
                pytest.fail(f"line {step.line}: {step.command}\n--- runs for more than {SECONDS} s")
            if (status != 0) == step.fails and guides.agrees(step.prints, printed):
                return
            if not step.command.startswith(LOOKS) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        expected = "success" if step.prints is None else step.prints
        complaint = f"line {step.line}: {step.command}\n--- expected\n{expected}\n--- printed\n{printed}"
        self.complaints.append(f"{complaint}\n(exit status {status})\n")


@pytest.fixture
def reader(tmp_path, kubeconfig, gateway):
    terminal = Terminal(tmp_path, kubeconfig, gateway.address)
    yield Reader(terminal)
    terminal.close()


@pytest.mark.parametrize("lab", LABS)
def test_a_guide_does_what_it_prints(ansible, reader, lab):
    for section in guides.read((CATALOGUE / lab / "guide.md").read_text()):
        for step in section.steps:
            reader.follow(step)
            if step.command.startswith("ansible-playbook mesh.workshop.lab "):
                again = ansible.play("lab", lab=lab, stage=section.title)
                assert (again.status, again.changed) == (0, 0), again.output
    assert not reader.complaints, "\n".join([f"{lab}/guide.md", *reader.complaints])
