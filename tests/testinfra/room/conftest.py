# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A class beside the Bookinfo that setup has made. The tests of all files of this folder share it.

It begins with two. The last file follows it from there, so three more come into the running class before.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from oracle.rooms import ADDED, EVERYBODY, FIRST, bytes_of, namespaces, outcomes, registration

CLUSTER = os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test")
KUBECTL = Path("/var/lib/mesh-workshop") / CLUSTER / "bin" / "kubectl"
# The file whose last test removes the class.
LAST = "test_room.py"
INSTRUCTOR = "instructor"
HANDED_OUT = Path.home() / ".kube" / f"{CLUSTER}-attendees"


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="module", autouse=True)
def room(request, ansible, kube, tmp_path_factory):
    """The attendees, by the list that a registration has exported; whoever comes first adds them."""
    path = tmp_path_factory.mktemp("class") / "registration.csv"
    names = ADDED if request.path.name == LAST else FIRST
    path.write_text(registration(names))
    there = namespaces(kube)
    if not there.issuperset(names):
        before = {name: bytes_of(kube, name) for name in EVERYBODY if name in there}
        if not there.intersection(FIRST):
            run = ansible.play("attendees", "--check", attendees=str(path))
            assert run.status == 0, run.output
            assert namespaces(kube) == there, "check mode changes nothing"
        run = ansible.play("attendees", attendees=str(path))
        assert run.status == 0, run.output
        assert outcomes(run) == {name: (0 if name in there else 3, 0) for name in names}
        assert {name: bytes_of(kube, name) for name in before} == before, "who was there before is left alone"
    yield path
    if request.path.name == LAST:
        ansible.play("attendees", attendees=str(path), attendees_state="absent", attendees_confirm=True)
        ansible.play("reset", reset_confirm=True)


@pytest.fixture(scope="session")
def handed_out():
    """The folder with a kubeconfig per attendee."""
    return HANDED_OUT


@pytest.fixture(scope="session")
def kubectl(kubeconfig):
    """kubectl with the kubeconfig that an attendee was handed, or the instructor's: its status, output and errors."""

    def run(name, *arguments, given=""):
        path = kubeconfig if name == INSTRUCTOR else HANDED_OUT / name
        command = [str(KUBECTL), "--kubeconfig", str(path), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def started():
    """The same, started with pipes and not waited for: what has not ended with the test is killed."""
    running = []

    def start(name, *arguments):
        command = [str(KUBECTL), "--kubeconfig", str(HANDED_OUT / name), *arguments]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()
