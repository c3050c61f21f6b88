# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says who the attendees are, and whether those who are wanted can be added.

It runs on the control node: that is where a list of people is, and where everything in it but the names stays.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle, idle_fault
from ansible_collections.mesh.workshop.plugins.module_utils._apply.fields import quantity
from ansible_collections.mesh.workshop.plugins.module_utils._apply.prune import label_selector
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import coredns, kubeadm
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import ISTIO_NAMESPACE
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, MANAGED
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError, reset_plan
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.attendees import (
    SELECTOR,
    Attendee,
    attendees_of,
    checked_names,
    choose,
    chosen_names,
    given_names,
    names_in_csv,
    with_hosts,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.capacity import (
    Amount,
    bounds_of_one,
    cost_of_one,
    expectation,
    lack_of_room,
    left_on,
    most_of,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.cluster import namespace_refusal
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import THREADS, LiveNamespace
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.tenancy import Owner

Json = dict[str, t.Any]

OPTIONS: Json = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "chosen": {"type": "raw"},
    "otherwise": {"type": "str", "choices": ["ask", "all"], "default": "ask"},
    "wanted": {"type": "raw"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "host": {"type": "str", "default": "{name}.mybookstore.com"},
    "machine": {"type": "bool", "default": False},
    "resources": {"type": "dict", "default": {"requests": {"cpu": "2m", "memory": "32Mi"}}},
}
# What has no effect where nobody is added or removed.
OF_WANTED = ("state", "host", "machine", "resources")
POLICIES = "admissionregistration.k8s.io/v1"
INJECTOR = "istio-sidecar-injector"
ISTIO_VALUES = Path(__file__).resolve().parents[2] / "roles" / "istio" / "vars" / "main.yml"
# Of the role metrics, which a lab brings later; setup makes the others.
PROMETHEUS = ({"cpu": "20m", "memory": "128Mi"}, {"cpu": "5m", "memory": "32Mi"})
THIS_MACHINE = "this machine"
# The label of a quota of ours.
BOUNDED = f"{MANAGED}=true"


class ActionModule(ActionBase):
    """The action of mesh.workshop.attendees_info."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Read who is there, and find out who is meant or wanted."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(OPTIONS)
        if fault := idle_fault(options, (Idle(name, "wanted", GIVEN) for name in OF_WANTED), OPTIONS):
            raise AnsibleActionFail(fault)
        try:
            names = checked_names(wanted_names(options["wanted"])) if options["wanted"] not in (None, "") else None
            with contextlib.ExitStack() as stack:
                try:
                    client = connect({name: options[name] or None for name in ("kubeconfig", "context")})
                    stack.callback(client.close)
                    there, shared = list_attendees(client, chosen_names(options["chosen"]))
                except ApiError as error:
                    return without_cluster(error, names, options)
                return {**with_cluster(client, there, names, options), "shared": shared}
        except (ApiError, LabError) as error:
            raise AnsibleActionFail(str(error)) from error


def without_cluster(error: ApiError, names: t.Sequence[str] | None, options: Json) -> Json:
    """What can be said where the cluster does not answer; raises its ``error`` where that is nothing."""
    if names is not None and options["machine"] and options["state"] == "present":
        found, nodes, istio = with_hosts(names, options["host"], []), [this_machine()], istio_values()
        each = cost_of_one(options["resources"], {"data": {"values": json.dumps(istio)}})
        most = check_room(len(found), nodes, pods_of_setup(istio), each)
        return {**answer(found, []), "expected": expectation(len(found), nodes, most)}
    if names is not None or options["chosen"]:
        raise error
    return answer([], [])  # whoever needs the cluster next says what is wrong with it


def with_cluster(client: Client, there: list[Attendee], names: t.Sequence[str] | None, options: Json) -> Json:
    """Who is meant, or may be added or removed. Raises ApiError and LabError."""
    if names is None:
        return answer(choose(options["chosen"], there, otherwise_all=options["otherwise"] == "all"), there)
    room = {"room": bounded(client)}
    if options["state"] == "absent":
        found = removable(client, names, there)
        left = {one.name: elsewhere(client, one.name) for one in found}
        return {**answer(found, there, left), **room}
    known = {one.name for one in there}
    found = with_hosts(names, options["host"], there)
    check_policies(client)
    injector = client.get("v1", "ConfigMap", INJECTOR, ISTIO_NAMESPACE)
    new = [one for one in found if one.name not in known]
    expected = check_addition(client, new, options["resources"], injector)
    bounds = bounds_of_one(options["resources"], injector)
    return {**answer(found, there), **room, "bounds": bounds, "expected": expected}


def check_policies(client: Client) -> None:
    """Raise LabError where the cluster does not serve what keeps attendees apart."""
    if not any(one.kind == "ValidatingAdmissionPolicy" for one in client.resources(POLICIES)):
        raise LabError(
            f"This cluster runs Kubernetes {client.server_version()['gitVersion']}, and attendees are kept apart by "
            "ValidatingAdmissionPolicies, which need 1.30 or later: upgrade it, or leave out attendees."
        )


def bounded(client: Client) -> list[str]:
    """Who has been added as an attendee and is there: their namespace has a quota of ours."""
    found = client.list("v1", "ResourceQuota", label_selector=BOUNDED)
    return sorted(one["metadata"]["namespace"] for one in found if not one["metadata"].get("deletionTimestamp"))


def answer(found: t.Sequence[Attendee], there: t.Sequence[Attendee], left: Json | None = None) -> Json:
    """The action's result."""
    told = [dataclasses.asdict(one) | ({"elsewhere": left[one.name]} if left is not None else {}) for one in found]
    return {"changed": False, "attendees": told, "there": [dataclasses.asdict(one) for one in there]}


def this_machine() -> Json:
    """The node that the embedded cluster has on this machine, as far as its room goes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") - quantity(kubeadm.RESERVED)
    room = {"pods": str(kubeadm.MOST_PODS), "cpu": str(os.cpu_count() or 1), "memory": str(memory)}
    return {"metadata": {"name": THIS_MACHINE}, "status": {"allocatable": room}}


def istio_values() -> Json:
    """The values that the role istio gives every mesh: what istiod, the gateway and each proxy request."""
    values: Json = yaml.safe_load(ISTIO_VALUES.read_text(encoding="utf-8"))["istio_values_base"]
    return values


def pods_of_setup(istio: Json) -> list[Json]:
    """The pods that will be on this machine beside those of attendees, as far as their requests go."""
    components = (istio["pilot"], istio["gateways"]["istio-ingressgateway"])
    of_one = [
        *((one,) for one in kubeadm.REQUESTS.values()),
        (coredns.REQUESTS,),
        ({},),  # kube-proxy
        *((one["resources"]["requests"],) for one in components),
        PROMETHEUS,
    ]
    return [
        {
            "spec": {
                "nodeName": THIS_MACHINE,
                "containers": [{"resources": {"requests": requests}} for requests in containers],
            }
        }
        for containers in of_one
    ]


def check_room(count: int, nodes: t.Sequence[Json], pods: t.Sequence[Json], each: Amount) -> int:
    """How many more attendees fit. Raises LabError where ``count`` do not."""
    left = left_on(nodes, pods)
    why = lack_of_room(count, left, each)
    if why:
        raise LabError(why)
    return most_of(left, each)


def wanted_names(given: t.Any) -> list[str]:
    """The names in the option, or in the CSV file that it names. Raises LabError."""
    if not isinstance(given, str) or not given.strip().lower().endswith(".csv"):
        return given_names(given)
    path = os.path.expanduser(given.strip())
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabError(f"{path} cannot be read ({why}): correct the path, the file or its rights.") from None
    return names_in_csv(text, path)


def list_attendees(client: Client, names: t.Sequence[str]) -> tuple[list[Attendee], bool]:
    """Who is there, and whether that is more than one.

    A user who may not list namespaces sees those of these names that they may get. Whether there are others is told
    by their quota, which everybody in a room has.
    """
    try:
        there = attendees_of(client.list("v1", "Namespace", label_selector=SELECTOR))
        return there, len(there) > 1
    except ApiError as error:
        if error.status != 403:
            raise
    there = attendees_of([one for name in names if (one := client.get("v1", "Namespace", name))])
    return there, any(client.list("v1", "ResourceQuota", one.name, label_selector=BOUNDED) for one in there)


def removable(client: Client, names: t.Sequence[str], there: t.Sequence[Attendee]) -> list[Attendee]:
    """Those of these names that are there. Raises LabError where a namespace of such a name is somebody else's."""
    known = {one.name: one for one in there}
    for name in names:
        found = None if name in known else client.get("v1", "Namespace", name)
        if found is not None and not found["metadata"].get("deletionTimestamp"):
            raise LabError(
                f"Namespace {name} is no attendee's (it lacks the labels {SELECTOR}), so nothing was removed: "
                "leave it out."
            )
    return [known[name] for name in names if name in known]


def check_addition(client: Client, new: t.Sequence[Attendee], resources: Json, injector: Json | None) -> str:
    """What to expect of adding these, as far as that is known.

    Raises LabError where the cluster has no room for them, or a namespace of theirs is somebody else's.
    """
    try:
        nodes, pods = client.list("v1", "Node"), client.list("v1", "Pod")
    except ApiError as error:
        if error.status != 403:
            raise
        nodes = []  # who may not see them learns from the pods whether they fit
    most = check_room(len(new), nodes, pods, cost_of_one(resources, injector)) if nodes and new else 0
    with ThreadPoolExecutor(THREADS) as pool:
        for why in pool.map(lambda one: namespace_refusal(client, one.name, "attendees"), new):
            if why:
                raise LabError(why)
    return expectation(len(new), nodes, most) if nodes and new else ""


def elsewhere(client: Client, name: str) -> list[Json]:
    """The objects of an attendee in namespaces that are nobody's, such as certificates beside the gateway."""
    with ThreadPoolExecutor(THREADS) as pool:
        live = LiveNamespace(client, pool)
        found = live.owned(live.kinds(), label_selector({ATTENDEE: name}), Owner(name))
        outside = reset_plan.outside(found, name, live.namespaces())
    return [
        {
            "apiVersion": one["apiVersion"],
            "kind": one["kind"],
            "metadata": {key: one["metadata"][key] for key in ("name", "namespace") if one["metadata"].get(key)},
        }
        for one in outside
    ]
