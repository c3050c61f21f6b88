# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of every guide, typed into a terminal as an attendee types it, prints what the guide says.

Each stage is reached by the guide's own command, and applied once more, which must change nothing. A test for each
stage reads the guide on, in the same shell, from where the one before it has ended.
"""

from __future__ import annotations

import pytest
from oracle.readers import Reader, Terminal
from oracle.stages import CATALOGUE, STAGES

VISITS = [(lab, stage) for lab, stages in STAGES.items() for stage in stages]
HOST = "mybookstore.com"


@pytest.fixture(scope="session", name="reader_of")
def reader_of_fixture(request, tmp_path_factory, kubeconfig, gateway):
    """The reader of a lab's guide: the same until a test has failed, since what the shell knows may be gone then."""
    readers = {}

    def reader_of(lab):
        key = lab, request.session.testsfailed
        if key not in readers:
            terminal = Terminal(tmp_path_factory.mktemp(lab), kubeconfig, gateway.address, HOST)
            readers[key] = Reader(lab, terminal, (CATALOGUE / lab / "guide.md").read_text(), STAGES[lab])
        return readers[key]

    yield reader_of
    for reader in readers.values():
        reader.close()


@pytest.mark.parametrize(
    ("lab", "stage"), [pytest.param(*visit, marks=pytest.mark.leads_to(*visit)) for visit in VISITS]
)
def test_a_guide_does_what_it_prints(ansible, reader_of, held, lab, stage):
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
