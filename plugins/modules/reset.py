#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reset
short_description: Bring a workshop namespace back to baseline, and prove it by traffic
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Removes everything that labs or people have added to a workshop namespace. That is all configuration of Istio and of
    the Gateway API, workloads, Services, ConfigMaps, Secrets and ServiceAccounts that are neither Bookinfo's nor the
    cluster's own.
  - What carries the attendee's label in other places, a Secret or a Telemetry of the gateway's namespace for example,
    goes as well. What lies in another workshop namespace stays.
  - Bookinfo and the gateway's configuration are restored, whether they were edited, scaled or deleted. Fields that
    somebody added to them are removed.
  - If a service that a role has installed for labs was changed since, its objects are removed and RV(services) names
    it. The role then has to reinstall it.
  - Roles, role bindings, quotas and limits of the namespace stay, and so does what carries the label
    C(mesh.workshop/managed=true).
  - The checks of baseline are then proven by traffic.
  - A namespace without the label C(mesh.workshop/managed=true) is refused.
  - Only one run at a time changes a namespace; it holds the Lease C(mesh-workshop) there. Another one says who that is
    and waits for O(wait_timeout) at most.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: partial
    details: Lists what would be removed and what would be restored. The checks are skipped and reported as skipped.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  lab:
    description:
      - Name of the lab whose resources are reset. If it is the lab that is applied, the gateway's configuration is
        restored as well.
      - Empty resets everything.
    type: str
    default: ""
  catalogue:
    description:
      - Folder of the catalogue, with one folder per lab.
      - Without it, the collection's own catalogue.
    type: path
  baseline:
    description:
      - Content of the baseline's C(lab.yml).
      - Without it, that of the collection, for the gateway host that setup has noted on the namespace.
    type: dict
  bookinfo:
    description:
      - Documents of Bookinfo, as the role P(mesh.workshop.bookinfo#role) lists them.
      - A reset of everything needs them, since it removes what is neither theirs nor the baseline's.
    type: list
    elements: dict
  services:
    description:
      - What roles install for labs in namespaces of their own. Where there is no such namespace, nothing is missed.
    type: list
    elements: dict
    default: []
    suboptions:
      role:
        description: Name of the role that installs it.
        type: str
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
      objects:
        description: All that the role installs there, each as C(Kind/name) of a Deployment, ConfigMap or Service.
        type: list
        elements: str
        required: true
  namespace:
    description: The workshop namespace.
    type: str
    required: true
  gateway:
    description: Address and port of the gateway as C(host:port); if empty, it is looked up in the API.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait until removed objects are gone and restored ones are ready.
    type: int
    default: 120
  deadline:
    description:
      - Seconds after which a check that has not passed fails, unless it sets its own deadline. By default 60.
      - A check that keeps failing ends earlier once nothing is left that could change, see M(mesh.workshop.verify).
    type: float
  progress:
    description: File to which a line is appended per step and verdict, while the module runs. The action shows them.
    type: path
"""

EXAMPLES = r"""
- name: Back to baseline
  mesh.workshop.reset:
    namespace: bookinfo
    bookinfo: "{{ bookinfo_definitions }}"

- name: Take away what the lab tls has added
  mesh.workshop.reset:
    lab: tls
    namespace: bookinfo
"""

RETURN = r"""
listing:
  description: What was done, or would be done in check mode, a line per object.
  type: str
  returned: always
  sample: removed       VirtualService bookinfo/reviews
services:
  description: Roles that are to install their service anew.
  type: list
  elements: str
  returned: always
  sample: []
results:
  description: One entry per object, with what was done about it.
  type: list
  elements: dict
  returned: always
  contains:
    api_version:
      description: API version of the object.
      type: str
      returned: always
      sample: networking.istio.io/v1
    kind:
      description: Kind of the object.
      type: str
      returned: always
      sample: VirtualService
    namespace:
      description: Namespace of the object; empty if its kind has none.
      type: str
      returned: always
      sample: bookinfo
    name:
      description: Name of the object.
      type: str
      returned: always
      sample: reviews
    action:
      description:
        - >-
          What was done, or would be done in check mode. One of V(created), V(changed), V(unchanged), V(deleted),
          V(absent), V(failed) and V(not_applied).
      type: str
      returned: always
      sample: created
    error:
      description: What went wrong with this object, and what to do about it.
      type: str
      returned: if it failed
      sample: >-
        VirtualService bookinfo/reviews: the API has no field spec.htttp; correct the spelling or the place of that
        field.
    written_by:
      description: Who had written to the object besides this collection.
      type: list
      elements: str
      returned: if somebody had
      sample:
        - kubectl-edit
    installed_by:
      description: The role that is to install the object anew.
      type: str
      returned: if a role has installed it
      sample: ratelimit
    labels_dropped:
      description: Labels of the mesh that somebody had put on the namespace.
      type: list
      elements: str
      returned: if there were any
      sample:
        - istio.io/rev
checks:
  description:
    - One entry per check, as M(mesh.workshop.verify) returns them.
    - In check mode each entry has V(skipped) set to V(true) instead of a verdict.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the check.
      type: str
      returned: always
      sample: the page
    passed:
      description: Whether traffic showed what was expected.
      type: bool
      returned: always
      sample: true
    expected:
      description: What was expected.
      type: str
      returned: if it was run
      sample: status 200
    observed:
      description: What was observed in the attempt that decided.
      type: str
      returned: if it was run
      sample: status 200 in 44 requests
side_effects:
  description: What the verification has left in the cluster, such as probe containers in pods.
  type: list
  elements: str
  returned: always
  sample: []
table:
  description: The checks as a table for people; empty if none was run.
  type: str
  returned: always
  sample: |-
    check     from  result  expected    observed                   took
    --------  ----  ------  ----------  -------------------------  -----
    the page  host  passed  status 200  status 200 in 44 requests  0.1 s
message:
  description: What was done and shown, in a sentence each.
  type: str
  returned: success
  sample: 1 created. 1 check passed.
"""

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import Runner, run_module
from ansible_collections.mesh.workshop.plugins.module_utils._apply import checked
from ansible_collections.mesh.workshop.plugins.module_utils._apply.fields import differences
from ansible_collections.mesh.workshop.plugins.module_utils._apply.prune import label_selector
from ansible_collections.mesh.workshop.plugins.module_utils._kube import (
    FIELD_MANAGER,
    Client,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, LAB
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    BASELINE,
    MARKER_NAME,
    Catalogue,
    LabError,
    applied_stage,
    desired_state,
    lab_names,
    reset_plan,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import THREADS, LiveNamespace
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.own import own_baseline, own_catalogue
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.progress import tally

Json = dict[str, t.Any]

SERVICE_KINDS = (("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "Service"))


def reset_lab(live: LiveNamespace, params: Json, documents: list[Json]) -> tuple[reset_plan.Plan, bool]:
    """The plan for one lab, and whether baseline is what it leads to."""
    namespace, lab = params["namespace"], params["lab"]
    marker = live.client.get("v1", "ConfigMap", MARKER_NAME, namespace)
    applied = applied_stage(marker)
    is_applied = applied is None or applied[0] in (lab, BASELINE)
    owner = live.owner(namespace, marker)
    selector = label_selector({ATTENDEE: owner.names, LAB: lab})
    owned = live.owned([*live.kinds(), ("v1", "Namespace")], selector, owner)
    others = live.namespaces()
    objects = [obj for obj in owned if obj["metadata"].get("namespace") == namespace]
    objects += reset_plan.outside(owned, namespace, others)
    if is_applied:
        plan = reset_plan.plan_reset(documents=documents, found=[], elsewhere=objects, manager=FIELD_MANAGER)
        return plan, True
    kept = [obj for obj in objects if obj["metadata"]["name"] != MARKER_NAME]
    return reset_plan.plan_reset(documents=[], found=[], elsewhere=kept, manager=FIELD_MANAGER), False


def reset_all(live: LiveNamespace, params: Json, documents: list[Json]) -> reset_plan.Plan:
    """The plan for the whole namespace."""
    namespace = params["namespace"]
    kinds = live.kinds()
    inside = live.everything(kinds, namespace, None)
    owner = live.owner(namespace, live.client.get("v1", "ConfigMap", MARKER_NAME, namespace))
    owned = live.owned([*kinds, ("v1", "Namespace")], label_selector({ATTENDEE: owner.names}), owner)
    others = live.namespaces()
    elsewhere = reset_plan.outside(owned, namespace, others)
    return reset_plan.plan_reset(documents=documents, found=inside, elsewhere=elsewhere, manager=FIELD_MANAGER)


def find_services(live: LiveNamespace, services: t.Sequence[Json]) -> dict[str, list[Json]]:
    """The services that are not as they were installed: their roles, and what is left of their objects."""
    if not services:
        return {}
    namespaces = live.namespaces()
    names = {one["metadata"]["name"] for one in namespaces}
    homes = [service["namespace"] for service in services if service["namespace"] in names]
    found = [obj for home in homes for obj in live.everything(SERVICE_KINDS, home, None)]
    touched = reset_plan.touched_services(services, found, namespaces, FIELD_MANAGER)
    return {service["role"]: reset_plan.objects_of(service, found) for service in touched}


def hold_services(runner: Runner, live: LiveNamespace) -> dict[str, list[Json]]:
    """The services that are not as they were installed, in namespaces that nobody else changes until this run ends."""
    given = runner.params["services"]
    touched = find_services(live, given)
    if not touched or runner.check_mode:
        return touched
    for service in given:
        if service["role"] in touched:
            runner.hold_if_there(service["namespace"], "reset of a service")
    return find_services(live, given)  # as it is now that nobody else is at work


def body(runner: Runner) -> None:
    """Plan, do and prove."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        reset(runner, pool)
    finally:
        pool.shutdown(wait=True)


def reset(runner: Runner, pool: ThreadPoolExecutor) -> None:
    """Bring the namespace, or what one lab has left in it, back to baseline."""
    params, client = runner.params, runner.client
    namespace, lab = params["namespace"], params["lab"]
    runner.refuse_idle([Idle("bookinfo", "lab", "")])
    labs = lab_names(params["catalogue"] or own_catalogue())
    if lab:
        Catalogue(labs, {}.__getitem__).check_name(lab)
    elif params["bookinfo"] is None:
        raise LabError(
            "bookinfo is missing: without its documents, a reset of everything would remove Bookinfo as well. "
            "Give those that the role mesh.workshop.bookinfo lists (tasks_from: definitions.yml), or name a lab."
        )
    bookinfo = checked(params["bookinfo"] or [], "bookinfo")
    runner.require_rights(namespace)
    home = client.get("v1", "Namespace", namespace)
    refused = reset_plan.refusal(home, namespace)
    if refused or home is None:
        raise LabError(refused)
    baseline = Catalogue(labs, {BASELINE: params["baseline"] or own_baseline(home)}.__getitem__).baseline()
    verification = runner.read_checks(list(baseline.checks), namespace=namespace)
    runner.progress.say(f"reset of {lab or namespace}")
    runner.module.standing = (
        f"Objects of lab {lab} may be left in namespace {namespace}."
        if lab
        else f"Namespace {namespace} may not be back at baseline."
    )
    live = LiveNamespace(
        client,
        pool,
        check=runner.check_mode,
        diff=bool(runner.module._diff),
        timeout=float(params["wait_timeout"]),
        on_change=runner.on_change,
    )
    way_in = desired_state(baseline=baseline, lab=BASELINE, stage=None, namespace=namespace).documents
    if not runner.check_mode:
        runner.hold(namespace, f"reset of {lab or 'everything'}")
    if lab:
        plan, at_baseline = reset_lab(live, params, way_in)
    else:
        plan, at_baseline = reset_all(live, params, [*bookinfo, *way_in]), True
    carry_out(runner, live, plan, home)
    if not at_baseline:
        return
    runner.module.standing = f"Namespace {namespace} is back at baseline, but its checks did not finish."
    if runner.check_mode:
        verification.skip()
    else:
        verification.prove()


def carry_out(runner: Runner, live: LiveNamespace, plan: reset_plan.Plan, home: Json) -> None:
    """Do what the plan says, and put what was done into the result."""
    client, namespace = runner.client, runner.params["namespace"]
    # The namespace comes first: a pod that is replaced gets its sidecar by what the namespace says then.
    homes = [document for document in plan.apply if document["kind"] == "Namespace"]
    labels = labels_to_drop(home, homes)
    # An attendee may not write to the namespace itself, and mostly nobody has to.
    reports = [live.put_back(homes)] if homes and (labels or not is_as_wanted(home, homes)) else []
    if not runner.check_mode:
        drop_labels(client, namespace, labels)
        if labels:
            home_ref = {"api_version": "v1", "kind": "Namespace", "namespace": "", "name": namespace}
            runner.on_change({**home_ref, "action": "changed"})
        list(live.pool.map(live.take_over, (obj for obj, _managers in plan.take_over)))
    services = hold_services(runner, live)
    reports += live.remove([*plan.remove, *(obj for objects in services.values() for obj in objects)])
    if plan.apply:
        reports.append(live.put_back([document for document in plan.apply if document["kind"] != "Namespace"]))
    roles = {reset_plan.identity(obj): role for role, objects in services.items() for obj in objects}
    for report in reports:
        runner.take(report, told(report.results, plan, labels, roles))
    result = runner.result
    result["services"] = [] if runner.check_mode else list(services)
    result["listing"] = reset_plan.listing(result["results"], check=runner.check_mode)
    failed = next((report.message for report in reports if report.failed), "")
    if failed:
        runner.fail(f"Namespace {namespace} is not back at baseline: {failed} Running reset again goes on.")
    runner.say(f"{tally(result['results'])}.")


def is_as_wanted(home: Json, documents: t.Sequence[Json]) -> bool:
    """Whether the namespace has all labels and annotations of its document, which is the only one of its kind."""
    meta = home["metadata"]
    return all(
        document["metadata"]["name"] == meta["name"]
        and not differences(document["metadata"].get(field) or {}, meta.get(field) or {})
        for document in documents
        for field in ("labels", "annotations")
    )


def labels_to_drop(home: Json, documents: t.Sequence[Json]) -> list[str]:
    """Labels of the mesh that somebody has put on the namespace, where baseline's documents say what it has."""
    document = next((one for one in documents if one["metadata"]["name"] == home["metadata"]["name"]), None)
    return reset_plan.mesh_labels_to_drop(home, document) if document else []


def drop_labels(client: Client, namespace: str, labels: t.Sequence[str]) -> None:
    """Take these labels of the namespace away."""
    if labels:
        client.patch("v1", "Namespace", namespace, None, {"metadata": {"labels": dict.fromkeys(labels)}})


def told(
    results: t.Sequence[Json],
    plan: reset_plan.Plan,
    labels: t.Sequence[str],
    roles: t.Mapping[reset_plan.Identity, str],
) -> list[Json]:
    """The reports of an apply with what only a reset knows; ``labels`` are those that the namespace lost."""
    marked = reset_plan.with_writers(results, plan.take_over)
    for one in marked:
        if one["kind"] == "Namespace" and one["action"] in ("unchanged", "changed") and labels:
            one.update(action="changed", labels_dropped=list(labels))
        role = roles.get((one["api_version"].rpartition("/")[0], one["kind"], one["namespace"], one["name"]))
        if role:
            one["installed_by"] = role
    return marked


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "lab": {"type": "str", "default": ""},
        "catalogue": {"type": "path"},
        "baseline": {"type": "dict"},
        "bookinfo": {"type": "list", "elements": "dict"},
        "services": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "role": {"type": "str", "required": True},
                "namespace": {"type": "str", "required": True},
                "objects": {"type": "list", "elements": "str", "required": True},
            },
        },
        "namespace": {"type": "str", "required": True},
        "gateway": {"type": "str", "default": ""},
        "wait_timeout": {"type": "int", "default": 120},
        "deadline": {"type": "float"},
        "progress": {"type": "path"},
    }
    run_module(spec, body, result={"listing": "", "services": []}, errors=(LabError,))


if __name__ == "__main__":
    main()
