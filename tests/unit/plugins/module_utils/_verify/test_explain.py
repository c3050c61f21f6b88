# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failed checks against real servers, and why they failed."""

from __future__ import annotations

import json
import pathlib
import random
from urllib.parse import urlsplit

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import connect
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.asking import PAGE
from ansible_collections.mesh.workshop.tests.unit.servers import Site


@pytest.mark.parametrize("status", [404, 200])
def test_istioctl_is_asked_once_for_all_that_fail_and_never_where_nothing_does(
    status: int, site: Site, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, asked = tmp_path / "istioctl", tmp_path / "asked"
    message = {"code": "IST0101", "level": "Error", "message": "No such host.", "origin": "VirtualService a/reviews"}
    program.write_text(f"#!/bin/sh\necho x >> {asked}\necho '[{json.dumps(message)}]'\n")
    program.chmod(0o755)
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", str(program))
    api = FakeApi()
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    istiod = {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}}
    spec = {"containers": [{"name": "discovery"}]}
    api.put({"apiVersion": "v1", "kind": "Pod", "metadata": istiod, "spec": spec, "status": ready})
    client = connect({"host": api.url, "api_key": "good"}, {})
    one = {"request": {"url": PAGE}, "expect": {"status": status}}
    stream = {"request": {"url": PAGE, "stream": True}, "expect": {"status": status, "failures": 0}}
    checks = parse_checks([{"name": "a", **one}, {"name": "b", **one}, {"name": "c", **stream}], default_namespace="a")
    try:
        outcome = run_checks(client, checks, gateway=site.address, once=True)
    finally:
        client.close()
        api.stop()
    said = [one["diagnosis"] for one in outcome.results]
    if status == 200:
        assert outcome.passed
        assert not asked.exists()
    else:
        advice = [one["remedy"] for one in outcome.results]
        assert said == [""] * 3, "the message is about what this request does not meet"
        assert (
            advice == ["Also: istioctl analyze finds fault with VirtualService a/reviews: No such host (IST0101)."] * 3
        )
        assert asked.read_text() == "x\n"
        assert len(api.asked("GET", "/virtualservices")) == 1, "the cluster is looked at once as well"


def test_wrong_shares_are_traced_to_the_weights(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is as expected by itself, so only the shares can tell."""
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", "")
    api = FakeApi()
    version, app = "networking.istio.io/v1", {"app": "reviews"}
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    sidecar = {"initContainers": [{"name": "istio-proxy"}]}
    targets = [{"destination": {"host": "reviews", "subset": v}, "weight": w} for v, w in (("v1", 90), ("v3", 10))]
    route = {"hosts": ["reviews"], "http": [{"route": targets}]}
    for api_version, kind, name, parts in (
        (
            "v1",
            "Pod",
            "istiod",
            {
                "namespace": "istio-system",
                "labels": {"app": "istiod"},
                "spec": {"containers": [{"name": "discovery"}]},
                "status": ready,
            },
        ),
        *(
            (
                "v1",
                "Pod",
                f"reviews-{v}-5d4f8c7b9-abcde",
                {"labels": {**app, "version": v}, "spec": sidecar, "status": ready},
            )
            for v in ("v1", "v3")
        ),
        ("v1", "Service", "reviews", {"spec": {"selector": app}}),
        (version, "VirtualService", "reviews", {"spec": route}),
    ):
        meta = {"name": name, "namespace": parts.pop("namespace", "bookinfo"), "labels": parts.pop("labels", {})}
        api.put({"apiVersion": api_version, "kind": kind, "metadata": meta, **parts})
    source = random.Random(5)
    site.pages(lambda request, number: "v3" if source.random() < 0.10 else "v1")
    client = connect({"host": api.url, "api_key": "good"}, {})
    check = {"name": "canary", "request": {"url": PAGE}, "expect": {"served_by": {"v1": 95, "v3": 5}}}
    try:
        checks = parse_checks([check], default_namespace="bookinfo")
        (result,) = run_checks(client, checks, gateway=site.address, once=True).results
    finally:
        client.close()
        api.stop()
    assert result["diagnosis"] == (
        "VirtualService bookinfo/reviews sends 90 % to v1 and 10 % to v3; the check expects 95 and 5."
    )
    assert result["remedy"] == "Correct the weights: v1 95, v3 5."


def test_where_there_are_several_attendees_the_remedy_names_whose_documents_are_missing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", "")
    labels = {"mesh.workshop/lab": "routing", "mesh.workshop/stage": "all_v1"}
    meta = {"name": "bookinfo", "namespace": "ada", "labels": labels}
    spec = {"hosts": [urlsplit(PAGE).hostname], "gateways": ["bookinfo-gateway"]}
    route = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}
    checks = parse_checks([{"name": "a", "request": {"url": PAGE}, "expect": {"status": 404}}], default_namespace="ada")
    api = FakeApi()
    istiod = {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}}
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    spec = {"containers": [{"name": "discovery"}]}
    api.put({"apiVersion": "v1", "kind": "Pod", "metadata": istiod, "spec": spec, "status": ready})
    client = connect({"host": api.url, "api_key": "good"}, {})
    try:
        outcome = run_checks(client, checks, gateway=site.address, once=True, desired=[route], attendee="ada")
    finally:
        client.close()
        api.stop()
    (remedy,) = [one["remedy"] for one in outcome.results]
    assert "mesh.workshop.lab -e lab=routing -e stage=all_v1 -e attendee=ada." in remedy
