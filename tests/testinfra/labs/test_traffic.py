# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook `traffic`, seen from the gateway's proxy."""

from __future__ import annotations

import datetime
import re

import pytest
from oracle.processes import begun, interrupt

RATE, SECONDS = 5, 6


@pytest.fixture(name="pages")
def pages_fixture(kube):
    """How often the page has been loaded since the test began, as the gateway's log has it.

    Each line begins with the time of its request. Kubernetes shows the newest file of a log only, which a busy gateway
    begins anew now and then: so a count of all lines may fall.
    """
    begun = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    (pod,) = kube.core.list_namespaced_pod("istio-system", label_selector="istio=ingressgateway").items

    def count():
        log = kube.core.read_namespaced_pod_log(pod.metadata.name, "istio-system")
        times = re.findall(r'^\[(\S+)Z\] "GET /productpage HTTP/1\.1" 200 .*"mesh-workshop-probe/', log, re.MULTILINE)
        return sum(1 for time in times if time >= begun)

    return count


def test_a_load_is_bounded_and_ends_by_itself(ansible, pages, eventually):
    before = pages()
    run = ansible.play("traffic", traffic_rate=RATE, traffic_seconds=SECONDS)
    assert (run.status, run.changed) == (0, 0), run.output
    (sent,) = re.findall(r"(\d+) requests sent: status 200 \(\1\)", run.output)
    assert RATE <= int(sent) <= RATE * SECONDS
    eventually(lambda: pages() - before == int(sent), f"the gateway has seen {sent} pages, and no more")


def test_in_check_mode_nothing_is_sent(ansible, pages):
    before = pages()
    run = ansible.play("traffic", "--check")
    assert (run.status, run.changed) == (0, 0), run.output
    assert "Would send 3000 requests to http://mybookstore.com/productpage, 5 per second." in run.output
    assert pages() == before


def test_ctrl_c_ends_it_and_says_what_was_sent(ansible, pages, eventually, tmp_path):
    log, before = tmp_path / "log", pages()
    with begun(ansible, "traffic", log=log) as process:
        eventually(lambda: pages() - before > RATE, "pages are loaded")
        told = interrupt(process, log)
    assert told.changes == []
    assert re.search(r"Nothing was changed\. \d+ requests sent: status 200 \(\d+\)\.", told.text), told.text
    assert list(told.steps) == ["To run it again"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"traffic_rate": 500}, "rate must be a number from 1 to 50, not 500."),
        ({"traffic_seconds": 86400}, "seconds must be a number from 1 to 3600, not 86400."),
        ({"traffic_minutes": 5}, "traffic_minutes is not a variable of mesh.workshop"),
    ],
)
def test_a_load_without_bounds_is_refused(ansible, given, said):
    run = ansible.play("traffic", **given)
    assert run.status != 0
    assert said in run.message
