# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `metrics`, seen through Prometheus' own API, the proxies' logs, and the page in a browser."""

from __future__ import annotations

import collections
import uuid

import pytest
from oracle.browser import browser, forwarded

REQUESTS = 60
RATINGS = "http://ratings:9080/ratings/0"
# Nobody but these tests and the checks asks from details.
SENT = 'reporter="source",source_workload="details-v1",source_workload_namespace="bookinfo"'
CAME = 'reporter="destination",source_principal="spiffe://cluster.local/ns/bookinfo/sa/bookinfo-details"'
TO_RATINGS = f'{SENT},destination_service_name="ratings"'


@pytest.fixture
def growth(kube, eventually):
    """By how much counters have grown since they were looked at first, when every proxy has been read once more."""

    def read():
        now = kube.prometheus("vector(time())")
        eventually(lambda: kube.prometheus("min(timestamp(envoy_server_live))") > now, "every proxy has been read")

    def begin(*selectors):
        read()
        before = [kube.prometheus(f"sum({one})") for one in selectors]

        def grown():
            read()
            return [kube.prometheus(f"sum({one})") - was for one, was in zip(selectors, before, strict=True)]

        return grown

    return begin


@pytest.mark.stage("metrics", "signals")
def test_signals_counts_each_request_at_both_ends_and_its_time_where_it_is_lost(ask_from, growth, eventually):
    grown = growth(
        f'istio_requests_total{{{SENT},destination_workload="reviews-v2",response_code="200"}}',
        f'istio_requests_total{{{CAME},destination_workload="reviews-v2",response_code="200"}}',
        f'istio_requests_total{{{SENT},destination_workload!="reviews-v2"}}',
    )
    answers = ask_from("details", "http://reviews:9080/reviews/0", count=REQUESTS)
    assert [one.status for one in answers] == [200] * REQUESTS
    assert grown() == [REQUESTS, REQUESTS, 0]

    slow = growth(
        f"istio_request_duration_milliseconds_count{{{TO_RATINGS}}}",
        f'istio_request_duration_milliseconds_bucket{{{TO_RATINGS},le="250"}}',
    )
    ask_from("details", RATINGS, count=5)
    # Envoy adds up its histograms every five seconds.
    eventually(lambda: slow() == [5, 0], lambda: f"five slow requests, not {slow()}", 30)


@pytest.mark.stage("metrics", "errors")
def test_errors_are_counted_by_those_who_see_them(ask_from, growth):
    grown = growth(
        f'istio_requests_total{{{TO_RATINGS},response_code="500",response_flags="FI"}}',
        f'istio_requests_total{{{TO_RATINGS},response_code="200"}}',
        f'istio_requests_total{{{CAME},destination_workload="ratings-v1",response_code="200"}}',
        f'istio_requests_total{{{CAME},destination_workload="ratings-v1",response_code="500"}}',
    )
    seen = collections.Counter(one.status for one in ask_from("details", RATINGS, count=REQUESTS))
    # None or all of 60 are errors in less than two of a million runs.
    assert set(seen) == {200, 500}
    assert grown() == [seen[500], seen[200], seen[200], 0]


@pytest.mark.stage("metrics", "graph")
def test_graph_shows_on_which_line_the_new_version_fails(gateway, cluster, kubeconfig, eventually, tmp_path):
    place = ("-n", "mesh-workshop-dashboard", "service/dashboard")
    rows = "[...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(one => one.textContent))"
    with forwarded(cluster, kubeconfig, *place) as address, browser(tmp_path) as page:
        page.show(f"{address}/?namespace=bookinfo&minutes=1", 1280, 800)

        def lines():
            return {(row[0], row[1]): row[6] for row in page.evaluate(rows)}

        def follows():
            assert gateway.get("/productpage").status == 200
            found = lines()
            return ("productpage v1", "reviews v2") in found and found.get(("reviews v3", "ratings v1")) == "100 %"

        # Until the last minute has no call from before the stage.
        eventually(follows, lambda: f"all calls of reviews v3 fail on the page, not {lines()}", seconds=120)
        assert lines()["productpage v1", "reviews v3"] == "0 %"
        said = page.evaluate("document.getElementById('problems').textContent")
        assert "100 % of the calls from reviews v3 to ratings v1 fail: 500, a fault was injected (FI)." in said
        assert page.evaluate("document.querySelectorAll('#graph .edge.failed').length") >= 1
        assert page.complaints == []


@pytest.mark.stage("metrics", "access_log")
def test_access_log_has_the_errors_and_nothing_else(kube, ask_from, eventually):
    agent = f"metrics/{uuid.uuid4().hex}"
    answers = ask_from("details", RATINGS, count=REQUESTS, headers={"User-Agent": agent})
    seen = collections.Counter(one.status for one in answers)
    assert set(seen) == {200, 500}
    (pod,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=details").items

    def logged():
        text = kube.core.read_namespaced_pod_log(pod.metadata.name, "bookinfo", container="istio-proxy")
        return [line for line in text.splitlines() if agent in line]

    eventually(lambda: len(logged()) >= seen[500], lambda: f"{seen[500]} errors are logged, not {len(logged())}", 15)
    # Records are written in the order of the answers, so those of answers with 200 would be among them.
    assert all('HTTP/1.1" 500 FI' in line for line in logged()), logged()


@pytest.mark.stage("metrics", "custom")
def test_custom_tells_methods_apart(ask_from, growth):
    grown = growth(*(f'istio_requests_total{{{TO_RATINGS},request_method="{method}"}}' for method in ("GET", "HEAD")))
    ask_from("details", RATINGS, count=7)
    ask_from("details", RATINGS, method="HEAD", count=4)
    assert grown() == [7, 4]


@pytest.mark.stage("metrics", "custom")
def test_a_reset_leaves_prometheus_with_what_it_has_read(ansible, kube):
    def pod():
        (found,) = kube.core.list_namespaced_pod("mesh-workshop-metrics", label_selector="app=prometheus").items
        return found.metadata.uid

    before = pod()
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    assert pod() == before
