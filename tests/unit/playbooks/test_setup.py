# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mesh import workshop as collection

ROOT = Path(__file__).resolve().parents[3]
PLAY, *_ATTENDEES = yaml.safe_load((ROOT / "playbooks" / "setup.yml").read_text())
(BLOCK,) = [task for task in PLAY["tasks"] if "rescue" in task]
(GATHER,) = [task for task in BLOCK["rescue"] if "mesh.workshop.support_bundle" in task]
ROLE = ROOT / "roles" / "cluster"
ROLE_VARIABLES = {
    **yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()),
    **yaml.safe_load((ROLE / "vars" / "main.yml").read_text()),
    # These two look around on this machine.
    "cluster_uid": 1000,
    "cluster_embedded_kubeconfig": "/home/ada/.kube/{{ cluster_name }}",
}


def trusted(value: t.Any) -> t.Any:
    """As it is after Ansible has read it from a file."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def gathered(**given: t.Any) -> dict[str, t.Any]:
    """About which cluster the archive is, and with whose rights it is made."""
    variables = {**ROLE_VARIABLES, "setup_embedded": PLAY["vars"]["setup_embedded"], **given}
    options = GATHER["mesh.workshop.support_bundle"]
    asked = {name: options[name] for name in ("kubeconfig", "context", "cluster_name")}
    templar = Templar(loader=DataLoader(), variables=trusted(variables))
    answer: dict[str, t.Any] = templar.template(trusted({**asked, "become": GATHER["become"]}))
    return answer


@pytest.mark.parametrize("name", ["mesh-workshop", "blue"])
def test_a_failure_on_the_embedded_cluster_is_looked_into_there_and_nowhere_else(name: str) -> None:
    """Also when it has failed before there was a kubeconfig."""
    assert gathered(cluster_name=name) == {
        "kubeconfig": f"/home/ada/.kube/{name}",
        "cluster_name": name,
        "become": True,
    }
    assert gathered(cluster_name=name, cluster_uid=0)["become"] is False


@pytest.mark.parametrize("given", [{}, {"cluster_kubeconfig": "/srv/config", "cluster_context": "class"}])
def test_a_failure_on_an_existing_cluster_is_looked_into_there_without_root(given: dict[str, str]) -> None:
    expected = {name.removeprefix("cluster_"): value for name, value in given.items()}
    assert gathered(cluster_provider="existing", **given) == {**expected, "become": False}


def test_the_summary_suggests_commands_with_the_options_that_they_take(tmp_path: Path) -> None:
    text = (
        "{{ lookup('ansible.builtin.template', '" + str(ROOT / "playbooks" / "templates" / "summary.txt.j2") + "') }}"
    )
    variables = {"ansible_python_interpreter": sys.executable, "lab_result": {"checks": []}, "lab_host": "shop.example"}
    shown = {"setup_command": "ansible-playbook", "setup_address": "10.0.0.1", "lab_kubeconfig": ""}
    task = {"ansible.builtin.copy": {"content": text, "dest": str(tmp_path / "summary")}}
    play = {"hosts": "localhost", "gather_facts": False, "vars": {**variables, **shown}, "tasks": [task]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "play.yml", "-e", "cluster_name=blue cluster_listen=0.0.0.0"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "summary").read_text().partition("Next:\n")[2].splitlines() == [
        "  ansible-playbook mesh.workshop.status -e cluster_name=blue",
        "  ansible-playbook mesh.workshop.lab -e lab=request_routing -e stage=all_v1 -e cluster_name=blue",
        "  ansible-playbook mesh.workshop.reset -e cluster_name=blue",
    ]
