# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `faults`: ratings is slow or fails, for jason only."""

from __future__ import annotations

import pytest

REVIEWS = "Sorry, product reviews are currently unavailable for this book."
RATINGS = "Ratings service is currently unavailable"


def page_of_jason(gateway):
    return gateway.get("/productpage", headers=gateway.login("jason"))


@pytest.fixture(name="others_read_on")
def others_read_on_fixture(gateway):
    def others_read_on():
        for headers in (None, gateway.login("mary")):
            page = gateway.get("/productpage", headers=headers)
            assert page.status == 200
            assert page.seconds < 5
            assert REVIEWS not in page.body
            assert RATINGS not in page.body
            assert set(gateway.versions(10, headers)) == {"v1"}

    return others_read_on


@pytest.mark.stage("faults", "delay")
def test_delay_breaks_the_page_of_jason_after_six_seconds(gateway, others_read_on):
    page = page_of_jason(gateway)
    assert REVIEWS in page.body
    # Two attempts of three seconds each; a third would make it nine.
    assert 5.5 <= page.seconds < 9
    # productpage asks ratings on behalf of its own API: that takes its 3 s, and fails.
    answer = gateway.get("/api/v1/products/0/ratings", headers=gateway.login("jason"))
    assert answer.status == 500
    assert 2.5 <= answer.seconds < 6
    others_read_on()


@pytest.mark.stage("faults", "abort")
def test_abort_takes_the_stars_from_jason(gateway, others_read_on):
    page = page_of_jason(gateway)
    assert page.status == 200
    assert RATINGS in page.body
    assert REVIEWS not in page.body
    assert "reviews-v2-" in page.body
    assert page.seconds < 5
    assert gateway.get("/api/v1/products/0/ratings", headers=gateway.login("jason")).status == 500
    assert gateway.get("/api/v1/products/0/ratings", headers=gateway.login("mary")).status == 200
    others_read_on()


@pytest.mark.stage("faults", "fixed")
def test_fixed_answers_in_time_although_the_delay_is_still_there(gateway, others_read_on):
    page = page_of_jason(gateway)
    assert RATINGS in page.body
    assert REVIEWS not in page.body
    assert "reviews-v3-" in page.body
    assert 2.4 <= page.seconds < 6
    assert gateway.get("/api/v1/products/0/ratings", headers=gateway.login("jason")).seconds > 2.4
    others_read_on()


@pytest.mark.stage("faults", "abort_grpc")
def test_abort_grpc_gives_the_grpc_client_of_jason_a_status(kube, gateway):
    (pod,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=health").items

    def check(*options):
        # A client by grpc-go, through the sidecar of the pod that it runs in.
        command = ("/grpc-health", "-check", "health:50051", "-count", "10", *options)
        return kube.execute(pod.metadata.name, "health", *command).splitlines()

    assert check("-user", "jason") == ["Unavailable UNKNOWN"] * 10
    assert check("-user", "mary") == ["OK SERVING"] * 10
    assert check() == ["OK SERVING"] * 10
    assert set(gateway.versions(10, gateway.login("jason"))) == {"v2"}
