# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    rule_of,
)


def told(found: Mesh, path: str, status: int, **parts: t.Any) -> Diagnosis | None:
    url = f"http://reviews:9080{path}"
    request = request_of(url, headers=parts.pop("headers", ()))
    seen = ({"status": status, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request}
    return diagnose(Findings(url, "productpage", "bookinfo", **{"expected_status": (200,), **given, **parts}))


def ruled(http: Json, **route: t.Any) -> Mesh:
    """The mesh with one rule for reviews, and the route that istiod makes of it."""
    action = {"cluster": REVIEWS, **route.pop("action", {})}
    made = rule_of("reviews", {"match": {"prefix": "/"}, "route": action, **route})
    spec = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}], **http}]}
    return mesh([made], VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}])


def test_a_rewrite_that_doubles_a_slash_is_named_with_its_change() -> None:
    http = {"match": [{"uri": {"prefix": "/shop"}}], "rewrite": {"uri": "/"}}
    found = ruled(http, match={"prefix": "/shop"}, action={"prefix_rewrite": "/"})
    answer = told(found, "/shop/reviews/0", 404)
    assert answer is not None
    assert answer.sentence == (
        "Rule 1 of VirtualService bookinfo/reviews rewrites /shop/reviews/0 to //reviews/0, and reviews answers that "
        "with 404."
    )
    assert '"path": "/spec/http/0/match/0/uri/prefix", "value": "/shop/"' in answer.change


def test_a_rewrite_that_loses_a_part_is_named() -> None:
    http = {"match": [{"uri": {"prefix": "/api/reviews/"}}], "rewrite": {"uri": "/"}}
    found = ruled(http, match={"prefix": "/api/reviews/"}, action={"prefix_rewrite": "/"})
    answer = told(found, "/api/reviews/0", 404)
    assert answer is not None
    assert answer.sentence == (
        "Rule 1 of VirtualService bookinfo/reviews rewrites /api/reviews/0 to /0, and reviews answers that with 404."
    )
    assert answer.change == ""


def test_a_path_that_is_passed_on_as_it_is_is_named() -> None:
    found = ruled({"match": [{"uri": {"prefix": "/shop"}}]}, match={"prefix": "/shop"})
    answer = told(found, "/shop/0", 404)
    assert answer is not None
    assert answer.sentence == (
        "Rule 1 of VirtualService bookinfo/reviews passes the path /shop/0 on as it is (no rewrite), and reviews "
        "answers it with 404."
    )


@pytest.mark.parametrize("expected", [(404,), (200,)])
def test_a_rule_for_every_path_is_not_to_blame_for_one_that_is_not_served(expected: tuple[int, ...]) -> None:
    answer = told(ruled({}), "/nothing", 404, expected_status=expected)
    assert answer is None or not answer.accused()


def test_a_timeout_does_not_count_the_delay_of_its_own_route() -> None:
    fault = {"envoy.filters.http.fault": {"delay": {"fixed_delay": "3s", "percentage": {"numerator": 100}}}}
    found = ruled({"timeout": "1s"}, action={"timeout": "1s"}, typed_per_filter_config=fault)
    answer = told(found, "/reviews/0", 200, expected_status=(504,))
    assert answer is not None
    assert answer.sentence == (
        "The timeout of VirtualService bookinfo/reviews (1 s) does not count the delay of the same route (fault.delay, "
        "3 s): it begins only when productpage's proxy sends the request on."
    )


@pytest.mark.parametrize(
    ("seconds", "most", "accused"), [(2.78, 2.5, True), (2.4, 2.5, False), (9.0, 2.5, False), (2.78, None, False)]
)
def test_a_delay_that_makes_answers_late(seconds: float, most: float | None, accused: bool) -> None:
    """Not where they are in time, or would be late without it as well."""
    fault = {"envoy.filters.http.fault": {"delay": {"fixed_delay": "2.7s", "percentage": {"numerator": 100}}}}
    seen = ({"status": 200, "body": "", "headers": [], "seconds": seconds},)
    answer = told(ruled({}, typed_per_filter_config=fault), "/reviews/0", 200, seen=seen, latency_max=most)
    sentence = answer.sentence if answer is not None else ""
    said = "VirtualService bookinfo/reviews holds requests back for 2.7 s (fault.delay), so the answer takes 2.78 s."
    assert (sentence == said) is accused, sentence


def test_a_header_that_is_set_in_the_request_is_not_in_the_answer() -> None:
    found = ruled({}, request_headers_to_add=[{"header": {"key": "x-mark", "value": "a"}}])
    answer = told(found, "/reviews/0", 200, expected_headers=("X-Mark",))
    assert answer is not None
    assert answer.sentence == (
        "Rule 1 of VirtualService bookinfo/reviews adds the header x-mark to the request (headers.request), and not to "
        "the answer."
    )


def test_an_origin_without_its_scheme_is_no_origin() -> None:
    found = ruled({"corsPolicy": {"allowOrigins": [{"exact": "shop.example.com"}]}})
    origin = [("Origin", "https://shop.example.com")]
    answer = told(found, "/reviews/0", 200, expected_headers=("access-control-allow-origin",), headers=origin)
    assert answer is not None
    assert answer.sentence == (
        "The corsPolicy of rule 1 of VirtualService bookinfo/reviews allows the origin shop.example.com, and the "
        "request's is https://shop.example.com."
    )


@pytest.mark.parametrize(
    ("match", "allowed"),
    [
        ({"exact": "https://shop.example.com"}, True),
        ({"exact": "*"}, True),
        ({"prefix": "https://shop."}, True),
        ({"prefix": "http://"}, False),
        ({"regex": "https://[a-z]+[.]example[.]com"}, True),
        ({"regex": "[a-z]+[.]example[.]com"}, False),
        ({"regex": "("}, True),
    ],
)
def test_an_origin_is_compared_as_its_policy_says(match: Json, allowed: bool) -> None:
    found = ruled({"corsPolicy": {"allowOrigins": [match]}})
    origin = [("Origin", "https://shop.example.com")]
    answer = told(found, "/reviews/0", 200, expected_headers=("access-control-allow-origin",), headers=origin)
    assert (answer is None or "corsPolicy" not in answer.sentence) == allowed


@pytest.mark.parametrize(
    ("route", "status", "said"),
    [
        (
            {"redirect": {"path_redirect": "/"}},
            301,
            "redirects to /, which the same rule takes again, so clients are redirected without end.",
        ),
        ({"redirect": {"host_redirect": "a.example"}}, 302, "takes the request and answers with a redirect."),
        ({"direct_response": {"status": 503}}, 503, "takes the request and answers 503 itself (directResponse)."),
    ],
)
def test_a_rule_that_answers_itself_is_named(route: Json, status: int, said: str) -> None:
    made = rule_of("reviews", {"match": {"prefix": "/"}, **route})
    spec = {"hosts": ["reviews"], "http": [{"redirect": {"uri": "/"} if status == 301 else {"authority": "a.example"}}]}
    found = mesh([made], VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}])
    answer = told(found, "/reviews/0", status)
    assert answer is not None
    assert answer.sentence == f"Rule 1 of VirtualService bookinfo/reviews {said}"
    wanted = told(found, "/reviews/0", status, expected_status=(status,))
    assert wanted is None or said not in wanted.sentence
