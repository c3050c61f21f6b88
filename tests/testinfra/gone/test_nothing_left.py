# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of the cluster is left on the machine; run after teardown."""

from __future__ import annotations

import os
from pathlib import Path

CLUSTER = os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test")


def test_a_second_teardown_finds_nothing_to_do(ansible):
    run = ansible.play("teardown")
    assert (run.status, run.changed) == (0, 0), run.output


def test_kubeconfigs_of_attendees_go_as_well(ansible):
    handed_out = Path.home() / ".kube" / f"{CLUSTER}-attendees" / "ada"
    handed_out.parent.mkdir()
    handed_out.touch()
    run = ansible.play("teardown")
    assert (run.status, run.changed) == (0, 1), run.output
    assert not handed_out.parent.exists()


def test_no_process_is_left(machine):
    assert machine.processes() == {}
    commands = machine.run("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' || true").splitlines()
    assert [command for command in commands if f"/mesh-workshop/{CLUSTER}/" in command] == []


def test_no_mount_is_left():
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    assert [mount for mount in mounts if f"mesh-workshop/{CLUSTER}/" in mount] == []


def test_no_cgroup_is_left(machine):
    # Other clusters may have names that begin like this one's.
    own = f"*/mesh-workshop/{CLUSTER}"
    assert machine.run(f"find /sys/fs/cgroup -depth -type d '(' -path '{own}' -o -path '{own}/*' ')'") == ""


def test_no_link_is_left_but_those_of_other_clusters(machine):
    links = [link for link in os.listdir("/sys/class/net") if link.startswith("mw-")]
    others = [path for path in machine.run("ls /run/mesh-workshop 2>/dev/null || true").split() if path != CLUSTER]
    assert len(links) <= len([name for name in others if not name.endswith(".lock")]), links


def test_no_network_namespace_is_left(machine):
    assert CLUSTER not in machine.run("ls /run/netns 2>/dev/null || true")


def test_no_data_is_left(machine):
    for path in (f"/var/lib/mesh-workshop/{CLUSTER}", f"/run/mesh-workshop/{CLUSTER}", f"~/.kube/{CLUSTER}"):
        assert not machine.host.file(os.path.expanduser(path)).exists, path


def test_the_caches_stay(machine):
    assert machine.host.file("/var/cache/mesh-workshop").is_directory
