# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole checks against real servers: each verifier passes in the right world and fails in a wrong one."""

from __future__ import annotations

import random
import socket
import struct
import time
import typing as t
from urllib.parse import parse_qs

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.asking import run
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Rude, Site, after

LEAK = 10
"""Every tenth answer is wrong."""


def version_2_in_ten(_request: t.Any, number: int) -> str:
    return "v2" if number % LEAK == LEAK - 1 else "v1"


def test_the_host_is_named_and_the_gateway_is_asked(site: Site) -> None:
    outcome = run(site.address, expect={"status": 200}, request={"headers": {"end-user": "jason"}})
    assert outcome.passed
    assert outcome.message == "1 check passed."
    heads = [request.headers for request in site.requests]
    assert {head["host"] for head in heads} == {"mybookstore.com"}
    assert {head["end-user"] for head in heads} == {"jason"}
    agents = [head["user-agent"] for head in heads]
    assert len(set(agents)) == len(agents), "each request can be told from any other"
    assert all(agent.startswith("mesh-workshop-probe/") for agent in agents)
    assert len({head["x-b3-traceid"] for head in heads}) == len(heads)


def test_44_answers_over_several_connections_after_a_warm_up(site: Site) -> None:
    result = run(site.address, expect={"status": 200}).results[0]
    assert (result["samples"], result["rounds"], result["requests"]) == (44, 3, 60)
    assert 3 <= site.connections <= 40, "connections are kept alive within a round"
    assert result["convergence_seconds"] == 0


def test_status(site: Site) -> None:
    assert run(site.address, expect={"status": [200, 204]}).passed
    outcome = run(site.address, expect={"status": 404})
    assert not outcome.passed
    assert "page: expected status 404, observed status 200 in " in outcome.message
    assert outcome.results[0]["failing_samples"][0]["status"] == 200
    assert len(outcome.results[0]["failing_samples"]) <= 3


def test_status_of_one_answer_in_ten(site: Site) -> None:
    site.answer = lambda request: Answer(200 if len(site.requests) % LEAK == 0 else 403)
    assert not run(site.address, expect={"status": 403}).passed


def test_served_by(site: Site) -> None:
    site.pages(lambda request, number: "v1")
    assert run(site.address, expect={"served_by": {"v1": 100}}).passed
    wrong = run(site.address, expect={"served_by": {"v2": 100}})
    assert not wrong.passed
    assert "expected served by v2 100 %, observed served by v1 100 %" in wrong.message
    site.pages(version_2_in_ten)
    assert not run(site.address, expect={"served_by": {"v1": 100}}).passed


def test_routing_that_is_not_applied(site: Site) -> None:
    site.pages(lambda request, number: f"v{number % 3 + 1}")
    outcome = run(site.address, expect={"served_by": {"v2": 100}}, request={"headers": {"end-user": "jason"}})
    assert not outcome.passed


def test_a_page_that_names_nobody(site: Site) -> None:
    site.answer = lambda request: Answer(body=b"Sorry, product reviews are currently unavailable for this book.")
    outcome = run(site.address, expect={"served_by": {"v1": 100}})
    assert not outcome.passed
    assert "served by no version 100 %" in outcome.message


def test_shares(site: Site) -> None:
    source = random.Random(5)
    site.pages(lambda request, number: "v3" if source.random() < 0.05 else "v1")
    outcome = run(site.address, expect={"served_by": {"v1": 95, "v3": 5}})
    assert outcome.passed
    low, high = outcome.results[0]["interval"]["v3"]
    assert low < 5 < high
    assert outcome.results[0]["samples"] < 784


def test_shares_of_90_to_10_are_not_95_to_5(site: Site) -> None:
    source = random.Random(5)
    site.pages(lambda request, number: "v3" if source.random() < 0.10 else "v1")
    assert not run(site.address, expect={"served_by": {"v1": 95, "v3": 5}}).passed


def test_a_third_version_fails_shares_at_once(site: Site) -> None:
    site.pages(lambda request, number: ("v1", "v1", "v3", "v2")[number % 4])
    outcome = run(site.address, expect={"served_by": {"v1": 50, "v3": 50}})
    assert not outcome.passed
    assert "v2" in outcome.message


def test_shares_of_a_size_that_was_asked_for(site: Site) -> None:
    site.pages(lambda request, number: f"v{number % 3 + 1}")
    request = {"count": 60}
    assert run(site.address, expect={"served_by": {"v1": 33.4, "v2": 33.3, "v3": 33.3}}, request=request).passed
    assert not run(site.address, expect={"served_by": {"v1": 80, "v2": 10, "v3": 10}}, request=request).passed


def test_status_shares(site: Site) -> None:
    source = random.Random(7)
    site.answer = lambda request: Answer(500 if source.random() < 0.1 else 200)
    assert run(site.address, expect={"status": {200: 90, 500: 10}}, tolerance=10).passed
    assert not run(site.address, expect={"status": {200: 50, 500: 50}}, tolerance=10).passed


def test_body(site: Site) -> None:
    site.answer = lambda request: Answer(body=b"The Comedy of Errors, no stars")
    assert run(site.address, expect={"body": {"contains": ["Comedy"], "lacks": "star-red", "matches": "C.m"}}).passed
    assert not run(site.address, expect={"body": {"contains": "Tragedy"}}).passed
    assert not run(site.address, expect={"body": {"lacks": "stars"}}).passed
    assert not run(site.address, expect={"body": {"equals": "The Comedy"}}).passed
    assert not run(site.address, expect={"body": {"matches": "^Comedy"}}).passed


def test_what_stands_at_the_end_of_a_long_body(site: Site) -> None:
    site.answer = lambda request: Answer(body=b"x" * 70_000 + b"the end")
    assert not run(site.address, expect={"body": {"lacks": "the end"}}).passed
    assert run(site.address, expect={"body": {"contains": "xxx"}}).passed
    site.answer = lambda request: Answer(body=b"x" * 65_536)
    assert run(site.address, expect={"body": {"lacks": "the end"}}).passed


def test_headers(site: Site) -> None:
    site.answer = lambda request: Answer(headers=(("Server", "istio-envoy"), ("Via", "a"), ("Via", "b")))
    assert run(site.address, expect={"headers": {"server": "istio-envoy", "via": {"contains": "b"}}}).passed
    assert run(site.address, expect={"headers": {"x-envoy-overloaded": {"present": False}}}).passed
    assert not run(site.address, expect={"headers": {"server": "apache"}}).passed
    assert not run(site.address, expect={"headers": {"location": {"contains": "/"}}}).passed
    assert not run(site.address, expect={"headers": {"via": {"present": False}}}).passed


def test_latency(site: Site) -> None:
    slow = {"count": 4, "concurrency": 2}
    site.answer = lambda request: after(0.1)
    assert run(site.address, expect={"latency": {"above": 0.05, "below": 5}}, request=slow).passed
    too_slow = run(site.address, expect={"latency": {"below": 0.05}}, request=slow)
    assert not too_slow.passed
    assert "took " in too_slow.message
    assert not run(site.address, expect={"latency": {"above": 0.5}}, request=slow).passed


def test_no_listener(site: Site, nowhere: str) -> None:
    assert run(nowhere, expect={"no_listener": True}).passed
    assert not run(site.address, expect={"no_listener": True}).passed
    outcome = run(nowhere, expect={"status": 200})
    assert not outcome.passed
    assert "observed connection refused" in outcome.message


def close_at_once(sock: socket.socket) -> None:
    sock.recv(1)


def reset(sock: socket.socket) -> None:
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("act", [close_at_once, reset])
def test_refused(rude: Rude, act: t.Callable[[socket.socket], None]) -> None:
    rude.act = act
    assert run(rude.address, expect={"refused": True}).passed


def test_refused_is_not_a_dead_pod_a_timeout_or_an_answer(site: Site, rude: Rude, nowhere: str) -> None:
    assert not run(nowhere, expect={"refused": True}).passed
    assert not run(site.address, expect={"refused": True}).passed
    rude.act = lambda sock: after(2) and None
    silent = run(rude.address, expect={"refused": True}, request={"timeout": 0.1, "count": 2})
    assert not silent.passed
    assert "no answer in time" in silent.message
    rude.act = lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    partial = run(rude.address, expect={"refused": True}, request={"count": 2})
    assert "answer broke off" in partial.message


def with_login(site: Site) -> t.Callable[[t.Any], Answer]:
    """Bookinfo's login: a form, a cookie, a redirect; then the page greets the user."""

    def answer(request: t.Any) -> Answer:
        if request.path == "/login" and request.command == "POST":
            name = parse_qs(request.content.decode())["username"][0]
            cookie = ("set-cookie", f"session={name}; Path=/; HttpOnly")
            return Answer(302, headers=(cookie, ("location", "/productpage")))
        user = (request.headers.get("cookie") or "session=nobody").partition("=")[2]
        return Answer(body=f"Hello {user}".encode())

    return answer


def test_session(site: Site) -> None:
    site.answer = with_login(site)
    assert run(site.address, expect={"body": {"contains": "Hello jason"}}, request={"session": "jason"}).passed
    assert not run(site.address, expect={"body": {"contains": "Hello jason"}}).passed
    assert not run(site.address, expect={"body": {"contains": "Hello jason"}}, request={"session": "mary"}).passed


def test_a_login_that_fails_is_said(site: Site) -> None:
    site.answer = lambda request: Answer(404)
    outcome = run(site.address, expect={"status": 200}, request={"session": "jason"})
    assert not outcome.passed
    assert "observed login failed" in outcome.message
    assert "status 404" in outcome.message


def test_redirects_are_answers_unless_asked(site: Site) -> None:
    site.answer = with_login(site)
    login = {"method": "POST", "form": {"username": "jason"}}
    url = "http://mybookstore.com/login"
    assert run(site.address, url=url, expect={"status": 302}, request=login).passed
    followed = run(site.address, url=url, expect={"status": 200}, request={**login, "follow_redirects": True})
    assert followed.passed


def test_retried_until_the_world_is_right(site: Site) -> None:
    site.pages(lambda request, number: "v1" if number < 60 else "v2")
    begun = time.monotonic()
    outcome = run(site.address, once=False, expect={"served_by": {"v2": 100}}, deadline=20)
    assert outcome.passed
    assert 0 < outcome.results[0]["convergence_seconds"] < time.monotonic() - begun


def test_a_wrong_world_fails_at_the_deadline(site: Site) -> None:
    site.pages(version_2_in_ten)
    begun = time.monotonic()
    assert not run(site.address, once=False, expect={"served_by": {"v1": 100}}, deadline=1).passed
    assert time.monotonic() - begun < 20


def test_what_hangs_ends_at_the_deadline_too(site: Site) -> None:
    site.answer = lambda request: after(5)
    begun = time.monotonic()
    request = {"timeout": 0.5}
    outcome = run(site.address, once=False, expect={"served_by": {"v1": 50, "v3": 50}}, request=request, deadline=1)
    assert time.monotonic() - begun < 8
    assert "no answer in time" in outcome.message


def test_what_is_right_but_too_slow_for_its_sample_does_not_pass(site: Site) -> None:
    site.answer = lambda request: after(0.2)
    request = {"timeout": 0.5, "count": 400, "concurrency": 2}
    outcome = run(site.address, once=False, expect={"status": 200}, request=request, deadline=1, consecutive=1)
    assert not outcome.passed
    assert "; the time ended before 400 requests were answered" in outcome.message


def test_a_right_world_costs_well_under_a_second(site: Site) -> None:
    begun = time.process_time()
    assert run(site.address, once=False, expect={"status": 200}).passed
    assert time.process_time() - begun < 0.5


def test_secrets_are_not_in_failing_samples(site: Site) -> None:
    site.answer = lambda request: Answer(401, b"token abc", (("set-cookie", "session=secret"),))
    sample = run(site.address, expect={"status": 200}).results[0]["failing_samples"][0]
    assert sample["headers"]["set-cookie"] == "********"
    hidden = run(site.address, expect={"status": 200}, no_log=True).results[0]["failing_samples"][0]
    assert "body" not in hidden


def bucket(site: Site, tokens: int, admitted: int = 200) -> None:
    """Answer like a local rate limit: so many tokens at the start of each tenth of a second."""
    begun = time.monotonic()
    used: dict[int, int] = {}

    def answer(request: t.Any) -> Answer:
        interval = int((time.monotonic() - begun) * 10)
        with site.lock:
            used[interval] = used.get(interval, 0) + 1
            return Answer(admitted if used[interval] <= tokens else 429)

    site.answer = answer


def test_quota(site: Site) -> None:
    bucket(site, 10)
    # On a busy machine requests stall, which the check notices: it asks again.
    outcome = run(site.address, once=False, expect={"admitted": {"count": 10, "seconds": 0.1}}, deadline=30)
    assert outcome.passed, outcome.message


@pytest.mark.parametrize("tokens", [12, 8])
def test_quota_that_is_a_fifth_off(site: Site, tokens: int) -> None:
    bucket(site, tokens)
    outcome = run(site.address, expect={"admitted": {"count": 10, "seconds": 0.1}})
    assert not outcome.passed
    assert "10 admitted per 0.1 s (100 in 0.91 to 1.12 s), the rest 429, observed" in outcome.message


def test_no_quota_at_all(site: Site) -> None:
    assert not run(site.address, expect={"admitted": {"count": 2, "seconds": 0.1}}).passed


def test_a_quota_that_refuses_by_another_status(site: Site) -> None:
    site.answer = lambda request: Answer(503)
    assert not run(site.address, expect={"status": 200, "admitted": {"count": 2, "seconds": 0.1}}).passed


def test_errors_are_not_admitted_requests(site: Site) -> None:
    bucket(site, 10, admitted=503)
    outcome = run(site.address, expect={"admitted": {"count": 10, "seconds": 0.1}})
    assert not outcome.passed
    assert "status 503 (" in outcome.message
