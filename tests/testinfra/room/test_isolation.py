# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stage of whatever lab one attendee is at, the others have what they had, and so have their proxies.

Ada walks through all stages by hand, with the kubeconfig that she was handed: so it also shows that she may. What a
stage has elsewhere than in her namespace the instructor applies, as the collection does. At each stage the objects of
bob and of setup's own Bookinfo, the configuration of their proxies and their part of the gateway's have to equal
baseline's, and baseline's checks have to pass for bob.

Then she walks through what the Gateway API says otherwise; bob's page is loaded where that reaches the furthest.

Whether ada's stage does what it should is left out: it is proven elsewhere, for one Bookinfo alone.
"""

from __future__ import annotations

import json
import re

import pytest
from oracle import proxies
from oracle.forms import definitions, distinct_forms, form_of
from oracle.rooms import faults_of_page, host_of
from oracle.snapshots import differences, listing, versions
from oracle.stages import BASELINE, LABS, STAGES, read, states

NETWORKING = "networking.istio.io/v1"
SHARED = "shop.example"
VISITS = [(lab, stage) for lab, stages in STAGES.items() for stage in stages]
FORMS = distinct_forms(LABS)
# Whoever else is in the room: one who was added, and the Bookinfo of setup, which was there before.
OTHERS = ("bob", "bookinfo")
CHECKS = read(BASELINE[0], namespace="bob", host=host_of("bob"))["stages"][0]["checks"]
# Where bob's page is loaded: with a Gateway, a Secret and TLS of ada's beside the gateway that both use.
REACHING_FORM = ("tls", "mutual_gateway")
# The collection's own way to a stage: beside the gateway, and at the port that all share.
OWN_WAY = (("tls", "secure_gateway"), ("gateway", "closed"))
# A host that istiod tells to all proxies: who knows the last one knows all that was there before.
BEACON = {"apiVersion": NETWORKING, "kind": "ServiceEntry", "metadata": {"name": "beacon", "namespace": "istio-system"}}
NUMBERED = re.compile(r"beacon-[0-9]+\.example")
PLACE = ("networking.istio.io", "v1", "istio-system", "serviceentries")
# The labs' services, as far as proxies know of them: the configuration of these does not depend on their pods.
SERVICES = {
    "mesh-workshop-ratelimit": ("ratelimit", "grpc", 8081),
    "mesh-workshop-tracing": ("zipkin", "http-zipkin", 9411),
}


class Beacon:
    """Says when proxies have been told of everything that is there."""

    def __init__(self, kube):
        self._kube = kube
        self._count = 0
        kube.custom.create_namespaced_custom_object(*PLACE, self._body())

    def _body(self):
        host = f"beacon-{self._count}.example"
        port = {"number": 80, "name": "http", "protocol": "HTTP"}
        return {**BEACON, "spec": {"hosts": [host], "ports": [port], "resolution": "NONE"}}

    def told(self, eventually, *names):
        """What the proxies of attendees, and the gateway for them, are told once all have heard of a new host."""
        self._count += 1
        self._kube.custom.patch_namespaced_custom_object(*PLACE, "beacon", self._body())
        return {f"{name} {key}": value for name in names for key, value in self._told_one(eventually, name).items()}

    def _told_one(self, eventually, name):
        want, seen = f": cluster outbound|80||beacon-{self._count}.example", {}

        def heard():
            seen.clear()
            seen.update(proxies.snapshot(self._kube, name))
            around = {key.partition(": ")[0] for key in seen}
            return around == {key.removesuffix(want) for key in seen if key.endswith(want)}

        eventually(heard, f"all proxies of {name} have heard of beacon {self._count}")
        found = json.loads(NUMBERED.sub("beacon.example", json.dumps(seen)))
        return proxies.of_one(found, host_of(name), name)

    def put_out(self):
        self._kube.custom.delete_namespaced_custom_object(*PLACE, "beacon")


class Hands:
    """Ada's hands, and the instructor's where hers do not reach: what is there becomes what is wanted."""

    def __init__(self, kubectl, there):
        self._kubectl = kubectl
        self._there = there

    def reach(self, wanted):
        gone = {key: one for key, one in self._there.items() if key not in wanted}
        new = {key: one for key, one in wanted.items() if self._there.get(key) != one}
        self._there = wanted
        for documents, command in (
            (gone, ("delete", "--ignore-not-found")),
            (new, ("apply", "--server-side", "--force-conflicts")),
        ):
            for who in ("ada", "instructor"):
                its = [one for (place, *_name), one in documents.items() if bool(place) == (who == "instructor")]
                if its:
                    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": its})
                    status, _printed, said = self._kubectl(who, *command, "-f", "-", given=given)
                    assert status == 0, f"{who} {' '.join(command)}: {said}"
        for _place, kind, name in new:
            if kind == "Deployment":
                status, _printed, said = self._kubectl("ada", "rollout", "status", f"deployment/{name}")
                assert status == 0, said


def objects(kube):
    """The versions of the others' objects, which change whatever is written to one."""
    return {key: value for key, value in versions(kube).items() if any(f" {name}/" in key for name in OTHERS)}


def changes(kube, beacon, eventually, before):
    """What of the others' is not as before, a line each."""
    told = beacon.told(eventually, *OTHERS)
    return differences(before[0], objects(kube)) + differences(before[1], told)


@pytest.fixture(name="untouched", scope="module")
def untouched_fixture(kube, gateway, beacon, baseline, eventually):
    """Asserts that the others have what they had, proxies as at baseline, and bob his page, unless it is left out."""

    def untouched(before, *, page=True):
        found = []

        def same():
            found[:] = changes(kube, beacon, eventually, (before, baseline[1]))
            return not found

        # Where a proxy has got something new, what was in its place goes on for a second.
        eventually(same, lambda: f"this of the others' is not as at baseline:\n{listing(found)}\n", seconds=20)
        faults = faults_of_page(gateway, "bob") if page else ""
        assert not faults, faults

    return untouched


@pytest.fixture(name="services", scope="module")
def services_fixture(kube, eventually):
    """The Services that stages name. Where a role has not installed them, they lead to nobody."""
    there = {one.metadata.name for one in kube.core.list_namespace().items}
    made = [name for name in SERVICES if name not in there]
    for namespace in made:
        name, port, number = SERVICES[namespace]
        kube.core.create_namespace({"metadata": {"name": namespace}})
        kube.core.create_namespaced_service(
            namespace, {"metadata": {"name": name}, "spec": {"ports": [{"name": port, "port": number}]}}
        )
    yield
    for namespace in made:
        kube.core.delete_namespace(namespace)
    eventually(
        lambda: not {one.metadata.name for one in kube.core.list_namespace().items} & set(made), "the Services are gone"
    )


@pytest.fixture(name="beacon", scope="module")
def beacon_fixture(kube, services):
    beacon = Beacon(kube)
    yield beacon
    beacon.put_out()


@pytest.fixture(name="baseline", scope="module")
def baseline_fixture(kube, beacon, eventually):
    """The others' objects and what their proxies are told, while ada is at baseline."""
    return objects(kube), beacon.told(eventually, *OTHERS)


@pytest.fixture(name="facts", scope="module")
def facts_fixture(ansible, kube):
    """What a lab.yml is rendered with for ada."""
    names = [name for node in kube.core.list_node().items for image in node.status.images for name in image.names]
    images = {
        fact: next(name for name in names if f"/{repository}:" in name)
        for fact, repository in (("python", "probe"), ("grpc_health", "grpc-health"))
    }
    return {
        "images": images,
        "credentials": ansible.lookup("credentials", "ada", host=host_of("ada")),
        "namespace": "ada",
        "host": host_of("ada"),
        "shared": True,
    }


@pytest.fixture(name="hands", scope="module")
def hands_fixture(kubectl, facts):
    (home,) = states({}, read(BASELINE[0], **facts))
    hands = Hands(kubectl, home)
    yield hands
    hands.reach(home)


def of(kind, name, **spec):
    meta = {"name": name, "namespace": "ada"}
    return {"apiVersion": NETWORKING, "kind": kind, "metadata": meta, "spec": spec}


RULES = [
    of(
        "ServiceEntry",
        SHARED,
        hosts=[SHARED],
        ports=[{"number": 80, "name": "http", "protocol": "HTTP"}],
        resolution="DNS",
        exportTo=["*"],
    ),
    # Rules for services of others, which istiod takes where it finds them, and one for names that all share.
    of(
        "VirtualService",
        "shared",
        hosts=[SHARED, "*.com"],
        exportTo=["*"],
        http=[
            {
                "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}},
                "route": [{"destination": {"host": SHARED}}],
            }
        ],
    ),
    of(
        "DestinationRule",
        "foreign",
        host="reviews.bob.svc.cluster.local",
        exportTo=["*"],
        trafficPolicy={"tls": {"mode": "DISABLE"}, "connectionPool": {"tcp": {"maxConnections": 1}}},
    ),
    of("DestinationRule", "all", host="*.local", exportTo=["*"], trafficPolicy={"tls": {"mode": "DISABLE"}}),
]


@pytest.fixture(name="rules")
def rules_fixture(kubectl):
    """Ada applies rules for a name that all share and for a host of bob's, and lets everybody have them."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": RULES})
    status, _printed, said = kubectl("ada", "apply", "-f", "-", given=given)
    assert status == 0, said
    yield
    status, _printed, said = kubectl("ada", "delete", "-f", "-", given=given)
    assert status == 0, said


@pytest.mark.parametrize("owner", OTHERS)
def test_a_proxy_knows_the_services_of_its_namespace_and_of_the_workshop(baseline, owner):
    known = [
        name.split("|")[-1]
        for name in baseline[1]
        if name.startswith(f"{owner} ") and ": cluster outbound|" in name and "istio-ingress" not in name
    ]
    assert f"reviews.{owner}.svc.cluster.local" in known
    assert {name.split(".", 1)[1] for name in known if name != "beacon.example"} <= {
        f"{place}.svc.cluster.local"
        for place in (
            *(owner, "istio-system", "mesh-workshop-dashboard", "mesh-workshop-metrics"),
            *("mesh-workshop-ratelimit", "mesh-workshop-tracing"),
        )
    }


@pytest.fixture(name="egress")
def egress_fixture(kube):
    """Bob's productpage has the Sidecar of the lab egress, which takes the place of the one of his namespace."""
    (stage,) = (one for one in read("egress", namespace="bob")["stages"] if one["name"] == "registry_only")
    (sidecar,) = (one for one in stage["resources"] if one["kind"] == "Sidecar")
    place = ("networking.istio.io", "v1", "bob", "sidecars")
    kube.custom.create_namespaced_custom_object(*place, sidecar)
    yield
    kube.custom.delete_namespaced_custom_object(*place, sidecar["metadata"]["name"])


@pytest.mark.usefixtures("rules")
def test_rules_for_shared_names_and_foreign_hosts_reach_nobody_else(beacon, eventually, baseline, untouched):
    told = json.dumps(beacon.told(eventually, "ada"))
    assert "418" in told, "her own proxies have them"
    assert f"outbound|80||{SHARED}" in told
    untouched(baseline[0])


@pytest.mark.usefixtures("egress")
def test_nor_do_they_where_a_lab_brings_a_sidecar_of_its_own(beacon, eventually, request):
    before, found = {}, []

    def settled():
        before.clear()
        before.update(beacon.told(eventually, "bob"))
        return not [key for key in before if re.search(": (draining|warming) ", key)]

    def same():
        found[:] = differences(before, beacon.told(eventually, "bob"))
        return not found

    eventually(settled, "bob's proxies have taken the Sidecar")
    request.getfixturevalue("rules")
    eventually(same, lambda: f"bob's proxies were told something else:\n{listing(found)}\n", seconds=20)


def test_in_a_leaky_world_these_tests_fail(kube, beacon, eventually, baseline, request):
    """A Sidecar lets ada's rules into bob's productpage; one of his objects is written to."""
    hosts = ["./*", "istio-system/*", "ada/*"]
    spec = {"workloadSelector": {"labels": {"app": "productpage"}}, "egress": [{"hosts": hosts}]}
    place = ("networking.istio.io", "v1", "bob", "sidecars")
    leak = {"apiVersion": NETWORKING, "kind": "Sidecar", "metadata": {"name": "leak"}, "spec": spec}
    kube.custom.create_namespaced_custom_object(*place, leak)
    try:
        before = objects(kube), beacon.told(eventually, *OTHERS)
        request.getfixturevalue("rules")
        lines = []

        def leaked():
            lines[:] = changes(kube, beacon, eventually, before)
            return f"bob productpage-v1: cluster outbound|80||{SHARED} is left over" in lines and [
                one for one in lines if one.startswith("bob productpage-v1: route 80 differs")
            ]

        # A cluster that is new is warming at first.
        eventually(leaked, lambda: f"what leaks is found, not only:\n{listing(lines)}\n", seconds=20)
    finally:
        kube.custom.delete_namespaced_custom_object(*place, "leak")
    before = objects(kube)
    kube.core.patch_namespaced_service("reviews", "bob", {"metadata": {"annotations": {"written": "by ada"}}})
    try:
        assert [one for one in differences(before, objects(kube)) if one.startswith("services bob/reviews differs")]
    finally:
        kube.core.patch_namespaced_service("reviews", "bob", {"metadata": {"annotations": {"written": None}}})


@pytest.mark.parametrize(("lab", "stage"), VISITS)
def test_a_stage_of_one_leaves_the_others_as_they_are(ansible, kube, hands, facts, untouched, lab, stage):
    before = objects(kube)
    (content,) = (one for one in read(lab, **facts)["stages"] if one["name"] == stage)
    for wanted in states(content, read(BASELINE[0], **facts)):
        hands.reach(wanted)
        untouched(before, page=False)
        run = ansible.module("verify", namespace="bob", checks=CHECKS)
        assert run.status == 0, run.output


def test_a_reset_takes_back_what_was_done_by_hand_and_leaves_the_others(ansible, kube, kubectl, untouched):
    before = objects(kube)
    run = ansible.play("reset", attendee="ada", reset_confirm=True)
    assert run.status == 0, run.output
    untouched(before)
    assert not kube.istio("destinationrules", "ada")
    for kind in ("sidecar/mesh-workshop", "resourcequota/mesh-workshop-attendee", "role/mesh-workshop-attendee"):
        assert kubectl("ada", "get", kind)[0] == 0, kind


@pytest.mark.parametrize(("lab", "stage"), OWN_WAY)
def test_the_collections_own_way_there_and_back_leaves_them_too(ansible, kube, untouched, lab, stage):
    before = objects(kube)
    for name, options in (("lab", {"lab": lab, "stage": stage}), ("reset", {"reset_confirm": True})):
        run = ansible.play(name, attendee="ada", **options)
        assert run.status == 0, run.output
        untouched(before)


@pytest.fixture(name="hands_of_gateway_api", scope="module")
def hands_of_gateway_api_fixture(ansible, kubectl, facts):
    """Ada's hands at baseline, where the cluster has the definitions of the Gateway API; afterwards it has none."""
    installed = ansible.role("gateway_api", gateway_api_channel="experimental")
    assert installed.status == 0, installed.output
    (home,) = states({}, read(BASELINE[0], **facts))
    hands = Hands(kubectl, home)
    yield hands
    hands.reach(home)
    # What hands have made is the collection's again.
    run = ansible.play("reset", attendee="ada", reset_confirm=True)
    assert run.status == 0, run.output
    gone = ansible.module("apply", src=str(definitions()), state="absent", wait_timeout=60)
    assert gone.status == 0, gone.output


def are_accepted(kube):
    """Whether ada has routes of the Gateway API, and each of them holds."""
    routes = kube.custom.list_namespaced_custom_object("gateway.networking.k8s.io", "v1", "ada", "httproutes")["items"]
    parents = [one.get("status", {}).get("parents") or [{"conditions": []}] for one in routes]
    return bool(routes) and all(
        any(one["type"] == "Accepted" and one["status"] == "True" for one in parent["conditions"])
        for each in parents
        for parent in each
    )


@pytest.mark.parametrize(("lab", "stage"), FORMS)
def test_what_the_gateway_api_says_otherwise_leaves_them_too(
    kube, hands_of_gateway_api, facts, eventually, untouched, lab, stage
):
    before = objects(kube)
    (content,) = (one for one in read(lab, **facts)["stages"] if one["name"] == stage)
    for wanted in states(form_of(content), read(BASELINE[0], **facts)):
        hands_of_gateway_api.reach(wanted)
        eventually(lambda: are_accepted(kube), "istiod takes ada's routes")
        untouched(before, page=(lab, stage) == REACHING_FORM)
