# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.forwarding import UNKNOWN, passed_on, seen_by
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import Peer, request_of

PEER = Peer("", "127.0.0.1")


@pytest.mark.parametrize(
    ("header", "edge", "inner"),
    [
        # What the cluster's Envoy takes for the client, by xff_num_trusted_hops: with use_remote_address, and without.
        (None, ["127.0.0.1"] * 3, ["127.0.0.1"] * 3),
        ("1.1.1.1", ["127.0.0.1", "1.1.1.1", "127.0.0.1"], ["1.1.1.1", "127.0.0.1", "127.0.0.1"]),
        ("1.1.1.1,2.2.2.2", ["127.0.0.1", "2.2.2.2", "1.1.1.1"], ["2.2.2.2", "1.1.1.1", "127.0.0.1"]),
        ("1.1.1.1, 2.2.2.2 ,3.3.3.3", ["127.0.0.1", "3.3.3.3", "2.2.2.2"], ["3.3.3.3", "2.2.2.2", "1.1.1.1"]),
        ("x,y", ["127.0.0.1"] * 3, ["127.0.0.1"] * 3),
        ("1.1.1.1,", ["127.0.0.1", "127.0.0.1", "1.1.1.1"], ["127.0.0.1", "1.1.1.1", "127.0.0.1"]),
        ("1.1.1.1:80", ["127.0.0.1"] * 3, ["127.0.0.1"] * 3),
    ],
)
def test_the_client_is_the_one_that_envoy_takes(header: str | None, edge: list[str], inner: list[str]) -> None:
    request = request_of("http://a/", headers=[("x-forwarded-for", header)] if header is not None else [])
    for own, expected in ((True, edge), (False, inner)):
        managers = [{"use_remote_address": own, "xff_num_trusted_hops": hops} for hops in range(3)]
        assert [seen_by(one, request, PEER).client for one in managers] == expected


def test_what_the_next_proxy_is_told() -> None:
    edge = {"use_remote_address": True}
    plain, told = request_of("http://a/"), request_of("http://a/", headers=[("x-forwarded-for", "1.1.1.1")])
    assert passed_on({}, told, PEER) == told
    assert passed_on({**edge, "skip_xff_append": True}, told, PEER) == told
    assert passed_on(edge, plain, PEER).header("x-forwarded-for") == "127.0.0.1"
    assert passed_on(edge, told, PEER).header("x-forwarded-for") == "1.1.1.1,127.0.0.1"
    unknown = passed_on(edge, told, Peer())
    assert seen_by({}, unknown, PEER).client == UNKNOWN
