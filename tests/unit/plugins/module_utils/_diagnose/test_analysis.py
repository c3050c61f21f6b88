# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""istioctl's messages: which belong to a failed check, where they help, and that ours stays."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.istioctl import Message
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    PAGE,
    UNAVAILABLE,
    record,
    said,
    thing,
    world,
)


def message(code: str = "IST0101", level: str = "Error", name: str = "reviews", **parts: str) -> Message:
    values = {"kind": "VirtualService", "namespace": "bookinfo", "text": "Not found: x.", "url": "https://istio.io/x"}
    return Message(code=code, level=level, name=name, **{**values, **parts})


INSIDE = {"source": "productpage", "url": "http://reviews:9080/"}
NOT_FOUND = "istioctl analyze finds fault with VirtualService bookinfo/{}: Not found: x (IST0101)."


def test_where_our_rules_know_nothing_istioctl_speaks() -> None:
    assert said(world(), PAGE, **INSIDE) is None
    found = said(world(), PAGE, messages=(message(),), **INSIDE)
    assert found
    assert found.sentence == NOT_FOUND.format("reviews")
    assert found.remedy == "Correct the name, or apply what it refers to."


def test_a_code_that_we_do_not_know_leads_to_its_page() -> None:
    found = said(world(), PAGE, messages=(message("IST0999"),), **INSIDE)
    assert found
    assert found.remedy == "See https://istio.io/x."


def test_our_sentence_stays_and_istioctl_adds_to_the_remedy() -> None:
    objects = {**world(), "DestinationRule": []}
    alone = said(objects, UNAVAILABLE)
    found = said(objects, UNAVAILABLE, messages=(message(name="other"), message()))
    assert alone
    assert found
    assert found.sentence == alone.sentence
    assert found.remedy == (
        f"{alone.remedy} istioctl analyze says of VirtualService bookinfo/reviews: Not found: x (IST0101)."
    )


@pytest.mark.parametrize("name", ["other", "review", "reviews-v2"])
def test_what_is_about_another_object_adds_nothing(name: str) -> None:
    objects = {**world(), "DestinationRule": []}
    assert said(objects, UNAVAILABLE, messages=(message(name=name),)) == said(objects, UNAVAILABLE)


@pytest.mark.parametrize(
    "noise",
    [
        message("IST0108", "Warning"),
        message("IST0118", "Info"),
        message("IST0133", "Warning", kind="EnvoyFilter"),
        message(namespace="attendee-2"),
        message(kind="Gateway", namespace="elsewhere", name="theirs"),
        message(kind="Namespace", namespace="", name="attendee-2"),
    ],
)
def test_noise_is_dropped(noise: Message) -> None:
    objects = world()
    objects["Gateway"].append(thing("theirs", "elsewhere", spec={"servers": [{"hosts": ["other.example"]}]}))
    assert said(objects, PAGE, messages=(noise,)) is None


@pytest.mark.parametrize(
    "met",
    [
        message(name="bookinfo"),
        message(kind="Gateway", namespace="gateways", name="ours"),
        message(kind="Namespace", namespace="", name="bookinfo"),
        message(kind="Service", name="productpage"),
        message(kind="Deployment", name="productpage-v1"),
        message(kind="Pod", name="productpage-v1-x"),
        message(kind="AuthorizationPolicy", name="everywhere"),
        message(kind="DestinationRule", name="page"),
        message(name="x", text="Referenced host not found: productpage"),
    ],
)
def test_what_the_request_meets_may_be_the_reason(met: Message) -> None:
    objects = world()
    spec = {"servers": [{"port": {"number": 443}, "hosts": ["mybookstore.com"]}]}
    objects["Gateway"].append(thing("ours", "gateways", spec=spec))
    objects["AuthorizationPolicy"].append(thing("everywhere", spec={}))
    objects["DestinationRule"].append(thing("page", spec={"host": "productpage.bookinfo.svc.cluster.local"}))
    found = said(objects, PAGE, messages=(met,))
    assert found
    assert found.sentence.startswith(f"istioctl analyze finds fault with {met.subject}")


@pytest.mark.parametrize(
    "other",
    [
        message(name="reviews"),
        message(name="gone"),
        message(namespace="istio-system"),
        message(kind="DestinationRule"),
        message(kind="Deployment", name="reviews-v1"),
        message(kind="Deployment", namespace="istio-system", name="productpage-v1"),
        message(kind="AuthorizationPolicy", name="viewer"),
        message(kind="Service", name="reviews"),
    ],
)
def test_what_the_request_does_not_meet_is_no_reason_but_may_be_of_use(other: Message) -> None:
    objects = world()
    objects["AuthorizationPolicy"].append(thing("viewer", spec={"selector": {"matchLabels": {"app": "reviews"}}}))
    found = said(objects, PAGE, messages=(other,))
    assert found
    assert found.sentence == ""
    assert found.remedy == f"Also: istioctl analyze finds fault with {other.subject}: Not found: x (IST0101)."


def test_what_proxies_or_answers_name_is_met() -> None:
    asked, taken = record(status=200, details=""), record(pod="reviews-v1-x", inbound=True, service="", status=200)
    for parts in ({"records": (asked,)}, {"records": (taken,)}, {"answered_by": frozenset(("reviews-v1-x",))}):
        found = said(world(), PAGE, messages=(message(),), **parts)
        assert found
        assert found.sentence == NOT_FOUND.format("reviews")


def test_a_gateway_is_no_matter_of_those_who_do_not_pass_it() -> None:
    objects = world()
    objects["Gateway"].append(thing("ours", "gateways", spec={"servers": [{"hosts": ["*"]}]}))
    ours = message(kind="Gateway", namespace="gateways", name="ours")
    assert said(objects, PAGE, messages=(ours,))
    assert said(objects, PAGE, messages=(ours,), **INSIDE) is None


def test_the_service_that_is_asked_comes_first_then_errors() -> None:
    warning, error = message("IST0130", "Warning", name="details"), message("IST0101", name="ratings")
    found = said(world(), PAGE, messages=(warning, error))
    assert found
    assert "ratings" in found.remedy
    assert found.sentence == "", "an unrelated message explains nothing"
    ours = message("IST0130", "Warning")
    found = said(world(), PAGE, messages=(warning, error, ours), **INSIDE)
    assert found
    assert "VirtualService bookinfo/reviews" in found.sentence


@pytest.mark.parametrize(("status", "speaks"), [(403, True), (503, False)])
def test_a_policy_is_no_headline_where_nobody_was_denied(status: int, speaks: bool) -> None:
    answer = {"error": None, "status": status, "headers": [], "body": ""}
    found = said(world(), answer, messages=(message(kind="AuthorizationPolicy"),), **INSIDE)
    assert found
    assert ("AuthorizationPolicy bookinfo/reviews" in found.sentence) == speaks
    assert "AuthorizationPolicy bookinfo/reviews" in f"{found.sentence} {found.remedy}"
