# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides make attendees type, ada may do with the kubeconfig that she was handed.

Two guides she reads from their first line to their last, with her kubeconfig in all that she types. All guides are read
with the same rights where the labs' services are (labs/test_guides.py). What stages apply she also applies by hand
(test_isolation.py).
"""

from __future__ import annotations

import pytest
from oracle.guides import adapted, parts
from oracle.readers import PROGRAMS, Reader, Terminal
from oracle.rooms import host_of
from oracle.stages import CATALOGUE, LABS, STAGES

# They need commands in pods, logs and addresses, and none of the labs' services.
READ = ("egress", "mirroring")


@pytest.mark.parametrize("lab", READ)
def test_a_guide_can_be_followed(ansible, gateway, handed_out, tmp_path, lab):
    assert not LABS[lab].get("needs")
    terminal = Terminal(tmp_path, handed_out / "ada", gateway.address, host_of("ada"), "-e attendee=ada")
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
