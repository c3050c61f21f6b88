# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh in which everything is right, to be made wrong, and answers that failed."""

from __future__ import annotations

import types
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, Findings, diagnose

Json = dict[str, t.Any]


def thing(name: str, namespace: str = "bookinfo", labels: dict[str, str] | None = None, **parts: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, **parts}


def pod(name: str, namespace: str = "bookinfo", ready: bool = True, sidecar: bool = True, **labels: str) -> Json:
    containers = [{"name": "app"}]
    proxies = [{"name": "istio-proxy"}] if sidecar else []
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return thing(
        name,
        namespace,
        labels,
        spec={"containers": containers, "initContainers": proxies},
        status={"phase": "Running", "conditions": conditions},
    )


def world() -> dict[str, list[Json]]:
    """A mesh in which everything is right."""
    route = [{"destination": {"host": "reviews", "subset": "v1"}}]
    return {
        "Gateway": [
            thing(
                "gate",
                spec={
                    "selector": {"istio": "ingressgateway"},
                    "servers": [{"port": {"number": 80}, "hosts": ["mybookstore.com"]}],
                },
            )
        ],
        "VirtualService": [
            thing(
                "bookinfo",
                spec={
                    "hosts": ["mybookstore.com"],
                    "gateways": ["gate"],
                    "http": [
                        {
                            "match": [{"uri": {"exact": "/productpage"}}],
                            "route": [{"destination": {"host": "productpage"}}],
                        }
                    ],
                },
            ),
            thing("reviews", spec={"hosts": ["reviews"], "http": [{"route": route}]}),
        ],
        "DestinationRule": [
            thing("reviews", spec={"host": "reviews", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]})
        ],
        "Service": [
            thing("productpage", spec={"selector": {"app": "productpage"}}),
            thing("reviews", spec={"selector": {"app": "reviews"}}),
        ],
        "Pod": [
            pod("productpage-v1-x", app="productpage", version="v1"),
            pod("reviews-v1-x", app="reviews", version="v1"),
            pod("istiod-x", "istio-system", sidecar=False, app="istiod"),
            pod("gateway-x", "istio-system", istio="ingressgateway"),
        ],
        "AuthorizationPolicy": [],
        "ServiceEntry": [],
        "PeerAuthentication": [],
    }


def said(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> Diagnosis | None:
    values: dict[str, t.Any] = {
        "url": "http://mybookstore.com/productpage",
        "source": "host",
        "namespace": "bookinfo",
        "address": ("172.30.0.2", 80),
        "seen": seen,
        "served": (None,) * len(seen),
        "objects": {kind: tuple(found) for kind, found in objects.items()},
    }
    return diagnose(Findings(**{**values, **parts}))


REFUSED = {"error": {"kind": "connection_refused", "detail": ""}, "status": None}
NOT_FOUND = {"error": None, "status": 404, "headers": [("server", "istio-envoy")], "body": ""}
UNAVAILABLE = {"error": None, "status": 200, "headers": [], "body": "Sorry, product reviews are currently unavailable"}
PAGE = {"error": None, "status": 200, "headers": [], "body": "page"}
ERROR = {"error": None, "status": 503, "headers": [], "body": ""}
RESET = {"error": {"kind": "reset_before_response", "detail": ""}, "status": None}


def record(flags: str = "", details: str = "", **parts: t.Any) -> t.Any:
    """A proxy's record."""
    values: dict[str, t.Any] = {
        "pod": "productpage-v1-x",
        "status": 503,
        "flags": flags,
        "details": details,
        "failure": "",
        "authority": "reviews:9080",
        "path": "/reviews/0",
        "milliseconds": 3,
        "inbound": False,
        "cluster": "",
        "route": "",
        "service": "reviews.bookinfo.svc.cluster.local",
        "subset": "",
    }
    return types.SimpleNamespace(**{**values, **parts})


INSIDE = {"source": "productpage", "url": "http://reviews:9080/reviews/0"}


def inside(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> Diagnosis | None:
    """The diagnosis where productpage asks reviews."""
    return said(objects, *seen, **{**INSIDE, **parts})


def sentence(found: Diagnosis | None) -> str:
    assert found
    return found.sentence


def policy(name: str = "closed", namespace: str = "bookinfo", **labels: str) -> Json:
    return thing(name, namespace, spec={"selector": {"matchLabels": labels}} if labels else {})
