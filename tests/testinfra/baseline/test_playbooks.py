# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all playbooks have in common, beside what each is for."""

from __future__ import annotations

import pytest

OPTIONS = {
    "explain": {"url": "http://mybookstore.com/productpage"},
    "lab": {"lab": "faults"},
    "reset": {"lab": "faults"},
    "setup": {},
    "status": {},
    "teardown": {},
    "tour": {"lab": "faults"},
    "traffic": {},
    "verify": {"lab": "faults"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_python_that_an_inventory_names_makes_no_difference(ansible, tmp_path, name):
    """What the modules need is where Ansible is."""
    inventory = tmp_path / "hosts"
    inventory.write_text("localhost ansible_connection=local ansible_python_interpreter=/nonexistent/python\n")
    run = ansible.play(name, "--check", f"-i {inventory}", **OPTIONS[name])
    assert run.status == 0, run.output
