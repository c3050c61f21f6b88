# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.flags import answered, flags_in_words, of_sender
from ansible_collections.mesh.workshop.plugins.module_utils._explain.journey import Endpoint, Journey, Sent, Target
from ansible_collections.mesh.workshop.plugins.module_utils._explain.origin import Origin
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import REVIEWS, pod, record

RULE = Origin("VirtualService", "bookinfo", "reviews")
POOL = Origin("DestinationRule", "bookinfo", "reviews")
ENDPOINTS = (
    Endpoint("10.0.0.2", 9080, False, True, pod("reviews-v1", "10.0.0.2"), "ejected"),
    Endpoint("10.0.0.3", 9080, False, True, None),
)
TARGET = Target(
    REVIEWS,
    1.0,
    True,
    ("reviews", "bookinfo"),
    origin=POOL,
    endpoints=ENDPOINTS,
    breaker="at most 1 connection at once",
    outliers="a pod is ejected for 5 s after 2 errors (5xx) in a row",
)
SENT = Sent(
    "productpage-a-b", "caller", "bookinfo", origin=RULE, targets=(TARGET,), timeout=3.0, per_try=1.0, retries=2
)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("UO", "UO, a circuit breaker is full"),
        ("URX,UF", "URX, all tries are used up; UF, no connection to the callee could be made"),
        ("ZZ", "ZZ, which is not known here"),
        ("-", ""),
        ("", ""),
    ],
)
def test_flags_in_words(flags: str, words: str) -> None:
    assert flags_in_words(flags) == words


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("UO", "at most 1 connection at once, by DestinationRule bookinfo/reviews"),
        (
            "UH",
            "reviews-v1-a-b ejected; 10.0.0.3:9080 unhealthy (a pod is ejected for 5 s after 2 errors (5xx) in a row, "
            "by DestinationRule bookinfo/reviews)",
        ),
        ("UT", "each try has 1 s and the request has 3 s, by VirtualService bookinfo/reviews"),
        ("URX", "3 tries, by VirtualService bookinfo/reviews"),
        ("FI", "the fault of VirtualService bookinfo/reviews"),
        ("NC", f"{REVIEWS}, to which VirtualService bookinfo/reviews leads"),
    ],
)
def test_a_flag_is_joined_with_the_setting_of_its_hop(flags: str, why: str) -> None:
    assert answered(record("productpage-a-b", 503, flags, REVIEWS), SENT).endswith(f": {why}.")


def test_a_flag_that_no_setting_is_about_stands_alone() -> None:
    assert answered(record("productpage-a-b", 503, "UC", REVIEWS), SENT) == (
        "Status 503 after 3 ms (UC, the callee has closed the connection before its answer)."
    )
    failed = replace(record("productpage-a-b", 503, "UF", REVIEWS), failure="TLS_error")
    assert answered(failed).endswith("could be made): the connection: TLS_error.")


def test_without_pods_there_is_none_that_is_healthy() -> None:
    empty = replace(SENT, targets=(replace(TARGET, endpoints=()),))
    assert answered(record("p", 503, "UH", REVIEWS), empty).endswith(": there is no pod behind it.")


def test_only_what_was_written_about_the_request_itself() -> None:
    journey = Journey(request_of("http://reviews:9080/"), "productpage-a-b", SENT)
    own = record("productpage-a-b", 200, "", REVIEWS)
    unrouted = record("productpage-a-b", 404, "NR", "")
    others = [
        record("productpage-a-b", 200, "", "outbound|9080||details.bookinfo.svc.cluster.local", "details:9080"),
        record("productpage-a-b", 404, "NR", "", "details:9080"),
        record("productpage-a-b", 200, "", "inbound|9080||"),
        record("other", 200, "", REVIEWS),
    ]
    assert of_sender([own, unrouted, *others], journey) == [own, unrouted]
    assert of_sender([own], replace(journey, sent=None)) == []
