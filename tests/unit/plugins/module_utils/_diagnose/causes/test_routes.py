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
    V1,
    Json,
    mesh,
    record,
    rule_of,
    with_gateway,
)

URL = "http://reviews:9080/reviews/0"
USER: Json = {"name": "end-user", "string_match": {"exact": "jason"}}


@pytest.mark.parametrize(
    ("matches", "nearest"),
    [
        (
            [{"prefix": "/ratings"}, {"prefix": "/reviews", "headers": [USER]}],
            "(2 tried), so the proxy of productpage-a-b answers 404 itself; the nearest, rule 2 of VirtualService "
            "bookinfo/reviews, does not: the header end-user has to be exactly 'jason', and the request has none.",
        ),
        (
            [{"path": "/x"}, {"prefix": "/reviews/1"}, {"prefix": "/y"}],
            "(3 tried), so the proxy of productpage-a-b answers 404 itself; the nearest, rule 2 of VirtualService "
            "bookinfo/reviews, does not: the path has to begin with '/reviews/1', and is '/reviews/0'.",
        ),
    ],
)
def test_the_rule_that_was_nearest(matches: list[Json], nearest: str) -> None:
    routes = [rule_of("reviews", {"match": match, "route": {"cluster": REVIEWS}}) for match in matches]
    spec = {"hosts": ["reviews"], "http": [{"match": [{}]} for _match in matches]}
    found = mesh(routes, VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}])
    seen = ({"status": 404, "body": "", "headers": []},)
    own = Findings(
        URL, "productpage", "bookinfo", seen=seen, objects=found.objects, configs=found.configs, request=request_of(URL)
    )
    answer = diagnose(own)
    assert answer is not None
    assert answer.sentence == f"No rule takes the request {nearest}"


def test_an_applications_own_404_accuses_no_rule() -> None:
    found = mesh([rule_of("reviews", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}})])
    seen = ({"status": 404, "body": "", "headers": []},)
    records = (record("productpage-a-b", 404, "-", REVIEWS),)
    answer = diagnose(
        Findings(
            URL,
            "productpage",
            "bookinfo",
            seen=seen,
            objects=found.objects,
            configs=found.configs,
            records=records,
            request=request_of(URL),
        )
    )
    assert answer is None or "No rule takes" not in answer.sentence


def wanted(found: Mesh, **parts: t.Any) -> str:
    """The diagnosis of a check that wants v1 and gets v2."""
    seen = ({"status": 200, "body": "", "headers": []},)
    given = {"seen": seen, "served": ("v2",), "objects": found.objects, "configs": found.configs}
    expected = parts or {"expected_versions": ("v1",)}
    answer = diagnose(Findings(URL, "productpage", "bookinfo", request=request_of(URL), **given, **expected))
    assert answer is not None
    return answer.sentence


def for_reviews(**spec: t.Any) -> Json:
    return {"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": {"hosts": ["reviews"], **spec}}


SUBSETS: Json = {
    "metadata": {"name": "reviews", "namespace": "bookinfo"},
    "spec": {"host": "reviews", "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]},
}
TO_V1: Json = {"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}


def test_a_rule_for_a_port_of_nobody_is_named() -> None:
    rule = for_reviews(tcp=[{"match": [{"port": 80}], **TO_V1}])
    assert wanted(mesh(http=False, VirtualService=[rule], DestinationRule=[SUBSETS])) == (
        "Rule 1 of VirtualService bookinfo/reviews is for requests to port 80, and reviews has port 9080 only."
    )


def test_routes_of_tcp_at_a_port_of_http_are_named() -> None:
    assert wanted(mesh(VirtualService=[for_reviews(tcp=[TO_V1])], DestinationRule=[SUBSETS])) == (
        "VirtualService bookinfo/reviews has tcp routes only, and port 9080 of Service bookinfo/reviews is HTTP to the "
        "proxies (its name http), so they do not hold."
    )


def test_copies_are_hidden_by_a_raw_port_too() -> None:
    rule = for_reviews(http=[{**TO_V1, "mirrors": [{"destination": {"host": "reviews", "subset": "v2"}}]}])
    found = mesh(http=False, VirtualService=[rule], DestinationRule=[SUBSETS])
    assert wanted(found, expects_copies=True, answers=1).startswith("Port 9080 of Service bookinfo/reviews is named")


@pytest.mark.parametrize("host", ["mybookstore.com", "reviews.example"])
def test_a_gateways_rule_for_another_host_is_named_where_it_has_the_path(host: str) -> None:
    gateway = {
        "metadata": {"name": "gate", "namespace": "bookinfo"},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["mybookstore.com"]}],
        },
    }
    rule = for_reviews(hosts=[host], gateways=["gate"], http=[{"match": [{"uri": {"prefix": "/shop"}}], **TO_V1}])
    found = with_gateway(
        mesh(VirtualService=[rule], DestinationRule=[SUBSETS], Gateway=[gateway]),
        route={"match": {"path": "/other"}, "route": {"cluster": REVIEWS}},
    )
    url = "http://mybookstore.com/shop/0"
    given = {"objects": found.objects, "configs": found.configs, "request": request_of(url)}
    answer = diagnose(Findings(url, "host", "bookinfo", seen=({"status": 404, "body": "", "headers": []},), **given))
    named = (
        answer is not None and "VirtualService bookinfo/reviews is for reviews.example at Gateway" in answer.sentence
    )
    assert named == (host != "mybookstore.com")


def test_the_place_of_a_rule_without_a_name_is_told_and_what_a_regex_has_to_fit() -> None:
    match: Json = {"headers": [{"name": "user-agent", "string_match": {"safe_regex": {"regex": "Firefox"}}}]}
    routes = [
        rule_of("reviews", {"match": {"prefix": "/", **match}, "route": {"cluster": V1}}),
        rule_of("reviews", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}),
    ]
    rule = for_reviews(http=[{"match": [{"headers": {"user-agent": {"regex": "Firefox"}}}], **TO_V1}, {}])
    found = mesh(routes, VirtualService=[rule], DestinationRule=[SUBSETS])
    seen = ({"status": 200, "body": "", "headers": []},)
    request = request_of(URL, headers=[("user-agent", "Mozilla Firefox/1")])
    given = {"seen": seen, "served": ("v2",), "objects": found.objects, "configs": found.configs, "request": request}
    answer = diagnose(Findings(URL, "productpage", "bookinfo", expected_versions=("v1",), **given))
    assert answer is not None
    assert answer.sentence.startswith(
        "Rule 1 of VirtualService bookinfo/reviews does not take the request: the header "
    )
    assert answer.remedy.startswith("Let the regex fit the whole value")


def test_a_rule_of_the_sidecars_is_not_the_gateways() -> None:
    fault = {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}
    found = with_gateway(
        mesh(VirtualService=[for_reviews(http=[{"fault": fault, **TO_V1}])], DestinationRule=[SUBSETS]),
        route=rule_of("bookinfo", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}),
    )
    url = "http://mybookstore.com/reviews/0"
    given = {"objects": found.objects, "configs": found.configs, "request": request_of(url)}
    seen = ({"status": 200, "body": "", "headers": []},)
    answer = diagnose(Findings(url, "host", "bookinfo", seen=seen, expected_status=(418,), **given))
    assert answer is not None
    assert answer.sentence == (
        "VirtualService bookinfo/reviews holds for sidecars only (it names no gateway), and the request comes through "
        "the gateway, which follows VirtualService bookinfo/bookinfo and does not see it."
    )


def test_what_a_delegate_was_to_do_is_missed() -> None:
    fault = {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}
    http: Json = {"http": [{"fault": fault, "route": [{"destination": {"host": "reviews"}}]}], "exportTo": ["~"]}
    root = {"hosts": ["reviews"], "http": [{"delegate": {"name": "inner"}}]}
    rules = [
        {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}
        for name, spec in (("reviews", root), ("inner", http))
    ]
    found = mesh(VirtualService=rules)
    seen = ({"status": 200, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(URL)}
    answer = diagnose(Findings(URL, "productpage", "bookinfo", expected_status=(418,), **given))
    assert answer is not None
    assert answer.sentence == (
        "Rule 1 of VirtualService bookinfo/reviews leaves its requests to VirtualService bookinfo/inner, which is "
        "exported to no namespace (exportTo), so no route is made of it."
    )


def of_fault(percentage: Json | None, kind: str = "abort", **parts: t.Any) -> Diagnosis | None:
    """The diagnosis where a fault of all of reviews has this percentage."""
    what: Json = {"httpStatus": 500} if kind == "abort" else {"fixedDelay": "2s"}
    fault = {kind: {**what, **({"percentage": percentage} if percentage is not None else {})}}
    route = {"fault": fault, "route": [{"destination": {"host": "reviews"}}]}
    found = mesh(VirtualService=[for_reviews(http=[route])])
    seen = ({"status": 200, "body": "", "headers": [], "seconds": 0.1},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(URL)}
    return diagnose(Findings(URL, "productpage", "bookinfo", **given, **parts))


def test_a_fault_of_fewer_requests_than_expected() -> None:
    answer = of_fault({"value": 0.5}, status_shares=((500, 0.5), (200, 0.5)))
    assert answer is not None
    assert answer.sentence == (
        "VirtualService bookinfo/reviews aborts 0.5 % of the requests (percentage.value is in percent); the check "
        "expects 50 %."
    )
    assert answer.remedy == "Write percentage: {value: 50}."
    assert '"path": "/spec/http/0/fault/abort/percentage", "value": {"value": 50}' in answer.change


def test_a_fault_without_a_percentage_strikes_nobody() -> None:
    answer = of_fault(None, status_shares=((500, 0.25), (200, 0.75)))
    assert answer is not None
    assert answer.accused() == {"VirtualService bookinfo/reviews"}
    assert answer.remedy == "Write percentage: {value: 25}."
    assert '"value": {"value": 25}' in answer.change
    delayed = of_fault(None, "delay", latency_min=1.5)
    assert delayed is not None
    assert delayed.accused() == {"VirtualService bookinfo/reviews"}


@pytest.mark.parametrize("parts", [{"latency_min": 1.5}, {"expected_status": (418,)}])
def test_another_fault_than_the_expected_one_is_not_accused(parts: Json) -> None:
    answer = of_fault(None, **parts)
    assert answer is None or "percentage" not in f"{answer.sentence} {answer.remedy}"
