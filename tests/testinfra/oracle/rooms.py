# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attendees of a room have, and how a run for several of them has ended."""

from __future__ import annotations

import contextlib
import datetime
import re

FIRST = ("ada", "bob")
ADDED = (*FIRST, "cleo", "dora", "emil")
EVERYBODY = tuple(sorted((*ADDED, "bookinfo")))
CUSTOM = [
    *(("networking.istio.io", "v1", plural) for plural in ("gateways", "virtualservices", "destinationrules")),
    *(("security.istio.io", "v1", plural) for plural in ("authorizationpolicies", "peerauthentications")),
]


def registration(names):
    """What a registration tool exports of these."""
    return "".join(["E-Mail;Name\n", *(f"{name}@example.com;{name.capitalize()}\n" for name in names)])


def host_of(name):
    return "mybookstore.com" if name == "bookinfo" else f"{name}.mybookstore.com"


def namespaces(kube):
    return {one.metadata.name for one in kube.core.list_namespace().items}


def bytes_of(kube, namespace):
    """What is in a namespace: which objects, and in which version. Of what has a status, that of what is wanted."""
    found = {}
    lists = [
        *(getattr(kube.core, f"list_namespaced_{kind}") for kind in ("config_map", "secret", "service")),
        *(kube.core.list_namespaced_service_account, kube.apps.list_namespaced_deployment),
    ]
    for listed in lists:
        for item in listed(namespace).items:
            meta = item.metadata
            found[listed.__name__, meta.name] = (meta.uid, meta.generation or meta.resource_version)
    for group, version, plural in CUSTOM:
        for item in kube.custom.list_namespaced_custom_object(group, version, namespace, plural)["items"]:
            found[plural, item["metadata"]["name"]] = (item["metadata"]["uid"], item["metadata"]["resourceVersion"])
    pods = {one.metadata.name: one.metadata.uid for one in kube.core.list_namespaced_pod(namespace).items}
    return {**found, "pods": pods}


LEASE = ("coordination.k8s.io", "v1")


def is_held(kube, namespace):
    """Whether a run has the namespace for itself."""
    leases = kube.custom.list_namespaced_custom_object(*LEASE, namespace, "leases")["items"]
    return any(one["metadata"]["name"] == "mesh-workshop" and one["spec"].get("holderIdentity") for one in leases)


@contextlib.contextmanager
def held(kube, namespace, holder):
    """A run of somebody's has the namespace for itself; one that has ended there has left its lease."""
    place = (*LEASE, namespace, "leases", "mesh-workshop")
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 900, "acquireTime": now, "renewTime": now}
    kube.custom.patch_namespaced_custom_object(*place, {"spec": spec})
    try:
        yield
    finally:
        kube.custom.patch_namespaced_custom_object(*place, {"spec": dict.fromkeys(spec)})


def outcomes(run):
    """By host, how many tasks changed something and how many failed."""
    recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+).*\bfailed=(\d+)", run.output, flags=re.MULTILINE)
    return {name: (int(changed), int(failed)) for name, changed, failed in recap if name != "localhost"}


def faults_of_page(gateway, name, most=60):
    """What is not as at baseline on an attendee's page, in a sentence; empty where all is.

    It is loaded until all three versions of reviews have served it, so by chance alone one is missed once in ten
    billion times.
    """
    host, seen = host_of(name), set()
    if gateway.get("/productpage", host="other.example").status != 404:
        return "another host finds a page"
    for headers in ({}, gateway.login("jason", host=host)):
        seen.clear()
        for _number in range(most):
            page = gateway.get("/productpage", host=host, headers=headers)
            if page.status != 200:
                return f"the page of {name} answers {page.status}"
            if said := re.search("Sorry, product [^<]*|Ratings service [^<]*|Error fetching [^<]*", page.body):
                return f"the page of {name} says: {said[0]}"
            seen |= set(re.findall(r"\breviews-(v\d)-[a-z0-9]+-[a-z0-9]+\b", page.body))
            if seen == {"v1", "v2", "v3"}:
                break
        else:
            return f"the page of {name} comes from {sorted(seen)} alone"
    return ""
