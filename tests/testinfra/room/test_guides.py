# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides make attendees type, ada may do with the kubeconfig that she was handed.

The rights of every command of every guide are asked for. Two guides she reads from their first line to their last, with
her kubeconfig in all that she types. What stages apply she also applies by hand (test_isolation.py). What is in the
namespaces of the labs' services is asked for where these are (labs/test_rights.py).
"""

from __future__ import annotations

import pytest
from oracle.guides import adapted, parts
from oracle.readers import PROGRAMS, Reader, Terminal
from oracle.rights import HOME, namespace, needed
from oracle.rooms import host_of
from oracle.stages import CATALOGUE, LABS, STAGES

# They need commands in pods, logs and addresses, and none of the labs' services.
READ = ("egress", "mirroring")


def test_each_command_of_each_guide_is_within_an_attendees_rights(kubectl):
    asked = sorted(
        right
        for guide in CATALOGUE.glob("*/guide.md")
        for right in needed(guide.read_text())
        if not namespace(right).startswith("mesh-workshop-")
    )
    assert len(set(asked)) > 15, "the guides are read"
    lacking = []
    for *right, where in sorted(set(asked)):
        status, printed, said = kubectl("ada", "auth", "can-i", *right, "ada" if where == HOME else where)
        if status != 0:
            lacking.append((right, where, printed + said))
    assert not lacking


@pytest.mark.parametrize("lab", READ)
def test_a_guide_can_be_followed(ansible, gateway, handed_out, tmp_path, lab):
    assert not LABS[lab].get("needs")
    mine = f"-e attendee=ada -e lab_kubeconfig={handed_out / 'ada'}"
    terminal = Terminal(tmp_path, handed_out / "ada", gateway.address, host_of("ada"), mine)
    guide = adapted((CATALOGUE / lab / "guide.md").read_text(), "ada")
    reader = Reader(lab, terminal, parts(guide, STAGES[lab]))
    try:
        complaints = [one for stage in STAGES[lab] for step in reader.steps_of(stage) for one in reader.follow(step)]
    finally:
        reader.close()
    assert not complaints, "\n".join(complaints)
    run = ansible.play("reset", attendee="ada", reset_confirm=True)
    assert run.status == 0, run.output


def test_istioctl_and_explain_show_an_attendee_their_own_proxies(ansible, host, handed_out):
    shown = host.run(
        f"{PROGRAMS}/istioctl --kubeconfig {handed_out / 'ada'} proxy-config routes deploy/reviews-v1 -n ada"
    )
    assert "ratings.ada.svc.cluster.local" in shown.stdout, shown.stderr
    mine = {"lab_kubeconfig": str(handed_out / "ada"), "bookinfo_namespace": "ada", "bookinfo_host": host_of("ada")}
    run = ansible.play("explain", url="http://reviews:9080/reviews/0", **mine, **{"from": "productpage"})
    assert run.status == 0, run.output
    assert "answered by the application in reviews-v" in run.output
