# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.interception import leaves_aside, lets_past


@pytest.mark.parametrize(
    ("notes", "by"),
    [
        ({}, ""),
        ({"excludeOutboundPorts": "80, 9080"}, "excludeOutboundPorts"),
        ({"excludeOutboundPorts": "908"}, ""),
        ({"excludeOutboundIPRanges": "10.96.0.0/16"}, "excludeOutboundIPRanges"),
        ({"excludeOutboundIPRanges": "10.97.0.0/16,none"}, ""),
        ({"includeOutboundIPRanges": "*"}, ""),
        ({"includeOutboundIPRanges": "10.96.0.0/16"}, ""),
        ({"includeOutboundIPRanges": "10.97.0.0/16"}, "includeOutboundIPRanges"),
        ({"includeOutboundIPRanges": ""}, "includeOutboundIPRanges"),
        ({"includeOutboundIPRanges": "", "includeOutboundPorts": "9080"}, ""),
    ],
)
def test_what_a_pod_sends_past_its_proxy(notes: dict[str, str], by: str) -> None:
    full = {f"traffic.sidecar.istio.io/{name}": value for name, value in notes.items()}
    found = leaves_aside({"metadata": {"annotations": full}}, ["10.96.0.7"], 9080)
    assert found == (f"traffic.sidecar.istio.io/{by}" if by else "")


def test_an_address_that_is_not_known_is_in_no_range() -> None:
    notes = {"traffic.sidecar.istio.io/includeOutboundIPRanges": "10.0.0.0/8"}
    assert leaves_aside({"metadata": {"annotations": notes}}, ["0.0.0.0"], 80) == ""


@pytest.mark.parametrize(
    ("notes", "by"),
    [
        ({}, ""),
        ({"excludeInboundPorts": "9080"}, "excludeInboundPorts"),
        ({"excludeInboundPorts": "80"}, ""),
        ({"includeInboundPorts": "*"}, ""),
        ({"includeInboundPorts": "9080"}, ""),
        ({"includeInboundPorts": "80"}, "includeInboundPorts"),
        ({"includeInboundPorts": ""}, "includeInboundPorts"),
    ],
)
def test_what_comes_to_a_pod_past_its_proxy(notes: dict[str, str], by: str) -> None:
    full = {f"traffic.sidecar.istio.io/{name}": value for name, value in notes.items()}
    found = lets_past({"metadata": {"annotations": full}}, 9080)
    assert found == (f"traffic.sidecar.istio.io/{by}" if by else "")
