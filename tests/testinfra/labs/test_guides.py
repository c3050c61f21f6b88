# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of every guide, typed into a terminal as an attendee types it, prints what the guide says.

All of it has an attendee's rights, but for the playbooks that the guide leaves to the instructor. Each stage is reached
by the guide's own command, and applied once more, which must change nothing. A test for each stage reads the guide on,
in the same shell, from where the one before it has ended. What a guide says of the Gateway API is read in
test_gateway_api.py.
"""

from __future__ import annotations

import pytest
from oracle.stages import STAGES

VISITS = [(lab, stage) for lab, stages in STAGES.items() for stage in stages]


@pytest.mark.parametrize(
    ("lab", "stage"), [pytest.param(*visit, marks=pytest.mark.leads_to(*visit)) for visit in VISITS]
)
def test_a_guide_does_what_it_prints(ansible, reader_of, held, lab, stage):
    if stage == STAGES[lab][0]:
        # As the instructor does between labs: what the one before has put elsewhere is not an attendee's to remove.
        run = ansible.play("reset", reset_confirm="yes")
        assert run.status == 0, run.output
    reader, complaints, applied = reader_of(lab), [], False
    for step in reader.steps_of(stage):
        complaints += reader.follow(step)
        if step.command.startswith("ansible-playbook mesh.workshop.lab "):
            again = ansible.play("lab", lab=lab, stage=stage)
            assert (again.status, again.changed) == (0, 0), again.output
            held.note(lab, stage)
            applied = True
    assert not complaints, "\n".join(complaints)
    assert applied, "the guide leads to the stage"
