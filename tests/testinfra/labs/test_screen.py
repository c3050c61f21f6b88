# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see who type at a terminal: the callback of the room, and the question before a reset."""

from __future__ import annotations

import contextlib
import json
import os
import re
import termios

import pexpect
import pytest

NAMESPACE = "bookinfo"
CALLBACK = {"ANSIBLE_STDOUT_CALLBACK": "mesh.workshop.room"}
SECONDS = 180
MINE = "mine"


@contextlib.contextmanager
def playbook(cluster, name, *options):
    """A playbook that somebody has started at a terminal."""
    child = pexpect.spawn(
        "ansible-playbook",
        [f"mesh.workshop.{name}", "-e", json.dumps({"cluster_name": cluster}), *options],
        env={**os.environ, **CALLBACK},
        encoding="utf-8",
        dimensions=(50, 120),
        timeout=SECONDS,
    )
    try:
        yield child
    finally:
        child.close(force=True)


def read_to_the_end(child):
    """What else it prints, and how it ends."""
    child.expect(pexpect.EOF)
    text = child.before.replace("\r", "")
    child.close()
    return child.exitstatus, text


@pytest.fixture(name="mine")
def mine_fixture(ansible, kube):
    """Something that a reset takes away, in a namespace that is at baseline otherwise."""
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": MINE}})

    def there():
        return MINE in {item.metadata.name for item in kube.core.list_namespaced_config_map(NAMESPACE).items}

    yield there
    if there():
        kube.core.delete_namespaced_config_map(MINE, NAMESPACE)


def asked(child, eventually):
    """Wait for the question; what stands above it."""
    child.expect("Type bookinfo to go on, anything else to keep it all.")
    listed = child.before
    # Ansible reads single keys from here on, Ctrl-C among them.
    eventually(lambda: not termios.tcgetattr(child.child_fd)[3] & termios.ISIG, "the terminal waits for an answer")
    return listed


@pytest.mark.parametrize("answer", ["no\r", "\x03"], ids=["no", "Ctrl-C"])
def test_a_reset_that_is_not_confirmed_says_that_nothing_was_reset(cluster, mine, eventually, answer):
    with playbook(cluster, "reset") as child:
        listed = asked(child, eventually)
        assert re.search(rf"would remove +ConfigMap {NAMESPACE}/{MINE}\b", listed), listed
        child.send(answer)
        status, said = read_to_the_end(child)
    assert status == 2, said
    assert "Nothing was reset: type the namespace's name (bookinfo)" in said
    assert mine()


def test_a_reset_that_is_confirmed_does_what_it_has_listed(cluster, mine, eventually):
    with playbook(cluster, "reset") as child:
        listed = asked(child, eventually)
        assert set(re.findall(r"would (?:remove|create|restore) +(\S+ \S+)", listed)) == {
            f"ConfigMap {NAMESPACE}/{MINE}"
        }
        child.send("bookinfo\r")
        status, said = read_to_the_end(child)
    assert status == 0, said
    assert not mine()
    assert "Done in " in said


def test_one_reason_for_several_checks_is_told_once(cluster, ansible, kube):
    """Without its VirtualService nobody reaches the page, whichever check asks for it."""
    place = ("networking.istio.io", "v1", NAMESPACE, "virtualservices", "bookinfo")
    try:
        kube.custom.delete_namespaced_custom_object(*place)
        with playbook(cluster, "verify", "-e", "lab_deadline=10") as child:
            status, screen = read_to_the_end(child)
        run = ansible.play("verify", lab_deadline=10)
    finally:
        ansible.play("reset", reset_confirm="yes")
    assert status == 2, screen
    folded = " ".join(screen.split())
    assert re.findall(r"\d checks failed for one reason", screen) == ["3 checks failed for one reason"], screen
    (cause,) = re.findall(r" cause (.*?) remedy ", folded)
    assert folded.count(cause) == 1
    assert re.search(r"\nFailed after [\d.]+ s\.\n", screen), screen
    assert '{"' not in screen
    # With any other callback the task's own message is what there is.
    assert run.status != 0
    assert run.message.count(cause) == 1, run.message
