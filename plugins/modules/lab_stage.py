#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_stage
short_description: Bring a workshop namespace to one stage of a lab, and prove it by traffic
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - The wanted state is baseline, less what the stage removes, plus what it adds. It is applied as one ordered batch,
    and whatever else of ours is left from another stage or lab is pruned, so the result is the same from any state.
  - Fields that somebody has added to an object of the stage are taken away again. Configuration of the mesh that no lab
    has applied stays; a warning names it.
  - The checks of the stage are then proven by traffic.
  - Only one run at a time changes a namespace; it holds the Lease C(mesh-workshop) there. Another one says who that is
    and waits for O(wait_timeout) at most. Where the holder is gone without a word, its Lease is taken over after 15 s.
  - A namespace without the label C(mesh.workshop/managed=true) is refused, as M(mesh.workshop.reset) refuses it.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: partial
    details: The resources go through a server-side dry run. The checks are skipped and reported as skipped.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(applied) applies the stage and verifies it.
      - V(verified) changes nothing and runs the stage's checks on what is there, whoever has applied it and how.
    type: str
    choices: [applied, verified]
    default: applied
  lab:
    description: Name of the lab; V(baseline) is the state with no lab applied.
    type: str
    required: true
  stage:
    description: Name of the stage; empty is the last one of the lab.
    type: str
    default: ""
  catalogue:
    description: Folder of the catalogue, with one folder per lab; it tells which labs there are.
    type: path
    required: true
  definition:
    description: Content of the lab's C(lab.yml); empty where there is no such lab.
    type: dict
    default: {}
  baseline:
    description: Content of the baseline's C(lab.yml).
    type: dict
    required: true
  namespace:
    description: The workshop namespace.
    type: str
    required: true
  attendee:
    description: The owner of the namespace, as the label C(mesh.workshop/attendee) names it.
    type: str
    default: main
  gateway_namespace:
    description: Namespace of Istio and its gateway; what a lab of the attendee's has left there is pruned as well.
    type: str
    default: istio-system
  gateway:
    description: Address and port of the gateway as C(host:port); empty finds it through the API.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait for what is applied.
    type: int
    default: 120
  deadline:
    description:
      - Seconds after which a check that has not passed fails, for checks that name none of their own. By default 60.
      - A check that goes on failing ends earlier where nothing is left that could change, see M(mesh.workshop.verify).
    type: float
  progress:
    description: File to which a line is appended per step and verdict, while the module runs. The action shows them.
    type: path
"""

EXAMPLES = r"""
- name: Send jason to reviews v2 and prove it
  mesh.workshop.lab_stage:
    lab: request_routing
    stage: jason_v2
    catalogue: catalogue
    definition: "{{ lookup('ansible.builtin.template', 'catalogue/request_routing/lab.yml') | from_yaml }}"
    baseline: "{{ lookup('ansible.builtin.template', 'catalogue/baseline/lab.yml') | from_yaml }}"
    namespace: bookinfo
"""

RETURN = r"""
lab:
  description: The lab that is applied or verified.
  returned: success
  type: str
  sample: request_routing
stage:
  description: The stage that is applied or verified.
  returned: success
  type: str
  sample: jason_v2
results:
  description: One report per document.
  returned: when O(state=applied)
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the document.
      type: str
    name:
      description: Name of the document.
      type: str
    action:
      description: What was done, for example V(created), V(changed), V(unchanged) or V(deleted).
      type: str
    written_by:
      description: Who had written to it besides this collection.
      type: list
      elements: str
  sample:
    - kind: VirtualService
      name: reviews
      action: created
checks:
  description: One verdict per check, as M(mesh.workshop.verify) returns them.
  returned: outside of check mode
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    passed:
      description: Whether traffic showed what was expected.
      type: bool
  sample:
    - name: jason gets v2
      passed: true
table:
  description: The verdicts as a table for people.
  returned: outside of check mode
  type: str
  sample: "ok  jason gets v2"
"""

import contextlib
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import namespace_document
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, FIELD_MANAGER, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    BASELINE,
    Catalogue,
    LabError,
    Stage,
    desired_state,
    lab_names,
    reset_plan,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.lease import Lease, hold
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.progress import Progress

if t.TYPE_CHECKING:
    from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
    from ansible_collections.mesh.workshop.plugins.module_utils._verify import Check, Outcome, Streams

Json = dict[str, t.Any]


def run(module: QuietModule, held: contextlib.ExitStack) -> dict[str, t.Any]:
    """Apply the stage where it is to be applied, then verify it; returns the module's result."""
    params = module.params
    definitions = {params["lab"]: params["definition"], BASELINE: params["baseline"]}
    catalogue = Catalogue(lab_names(params["catalogue"]), definitions.__getitem__)
    baseline = catalogue.baseline()
    stage = None if params["lab"] == BASELINE else catalogue.lab(params["lab"]).stage(params["stage"])
    shown = stage or baseline

    from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, run_checks, secrets_of

    namespace = params["namespace"]
    module.no_log_values.update(*(secrets_of(list(state.checks)) for state in (shown, *shown.steps)))
    checks = parse_checks(list(shown.checks), namespace, params["deadline"])
    client = connect(params)
    home = client.get("v1", "Namespace", namespace)
    # In check mode, what would make the namespace may have been pretended only.
    if home is not None or params["state"] == "verified" or not module.check_mode:
        refused = reset_plan.refusal(home, namespace)
        if refused:
            raise LabError(refused)
    walk = Walk(module, client, baseline, {"changed": False, "lab": params["lab"], "stage": shown.name})
    if module.check_mode:
        if params["state"] == "applied":
            walk.apply(stage)
        walk.result["skipped_checks"] = [check["name"] for check in shown.checks]
        return walk.result
    if params["state"] == "applied":
        purpose = f"lab {params['lab']}, stage {shown.name}"
        walk.lease = held.enter_context(
            hold(client, namespace, purpose, timeout=params["wait_timeout"], tell=walk.progress.say)
        )
    streams = walk.go(stage, checks) if params["state"] == "applied" else None
    outcome = run_checks(
        client,
        checks,
        gateway=params["gateway"] or None,
        streams=streams,
        on_result=walk.progress.verdict,
        on_waiting=walk.progress.waiting,
    )
    walk.note(outcome)
    return walk.result


class Walk:
    """The way to a stage: what is applied and what is proven, step by step, gathered in the module's result."""

    def __init__(self, module: QuietModule, client: Client, baseline: Stage, result: dict[str, t.Any]) -> None:
        self.module = module
        self.params = module.params
        self.client = client
        self.baseline = baseline
        self.result = result
        self.warned = False
        self.lease: Lease | None = None
        self.progress = Progress(module.params["progress"])
        self.progress.say(f"{result['lab']}, {result['stage']}" if result["lab"] != BASELINE else BASELINE)

    def go(self, stage: Stage | None, checks: list[Check]) -> Streams:
        """Apply the stage, after its steps; its streams run from where the first of its states stands."""
        from ansible_collections.mesh.workshop.plugins.module_utils._verify import start_streams

        steps: list[Stage] = []
        # What stands already has gone its way: to apply it again changes nothing.
        if stage is not None and stage.steps and self.apply(stage, dry_run=True):
            steps = list(stage.steps)
        if steps:
            self.step(steps.pop(0))
        streams = start_streams(self.client, checks, gateway=self.params["gateway"] or None)
        try:
            for state in steps:
                self.step(state)
            self.apply(stage)
        except BaseException:
            streams.stop()
            raise
        return streams

    def step(self, state: Stage) -> None:
        """Apply a state on the way and prove it."""
        from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, run_checks

        self.apply(state)
        self.progress.say(state.title)
        shown = parse_checks(list(state.checks), self.params["namespace"], self.params["deadline"])
        outcome = run_checks(
            self.client,
            shown,
            gateway=self.params["gateway"] or None,
            on_result=self.progress.verdict,
            on_waiting=self.progress.waiting,
        )
        self.note(outcome)

    def apply(self, stage: Stage | None, *, dry_run: bool = False) -> bool:
        """Make the namespace show this state; whether that changes something."""
        from ansible_collections.mesh.workshop.plugins.module_utils._apply import ApplyOptions, apply_set

        params = self.params
        desired = desired_state(
            baseline=self.baseline,
            lab=params["lab"],
            stage=stage,
            namespace=params["namespace"],
            attendee=params["attendee"],
        )
        documents = desired.documents
        if self.lease is not None:
            self.lease.ensure()
        written: list[tuple[Json, list[str]]] = []
        if self.module.check_mode and self.client.get("v1", "Namespace", params["namespace"]) is None:
            # What would have made it has only been pretended.
            documents = [namespace_document(params["namespace"]), *documents]
        elif not dry_run:
            written = self.take_over(documents)
        report = apply_set(
            self.client,
            documents,
            ApplyOptions(
                state="present",
                check=self.module.check_mode or dry_run,
                diff=self.module._diff,
                prune_selector=desired.prune_selector,
                prune_namespaces=[params["namespace"], params["gateway_namespace"]],
                # A stage is reached from any state, so also from one that somebody has edited.
                force=True,
                wait=True,
                wait_timeout=params["wait_timeout"],
            ),
        )
        if dry_run and not report.failed:
            return report.changed
        for warning in report.warnings:
            self.module.warn(warning)
        results = reset_plan.with_writers(report.results, written)
        self.progress.applied(results)
        result = self.result
        result.update(
            changed=result["changed"] or report.changed or any(one.get("written_by") for one in results),
            results=[*result.get("results", []), *results],
            diff=[*result.get("diff", []), *report.diff],
        )
        if report.failed:
            name = f"Stage {stage.name}" if stage else "Baseline"
            self.module.fail_json(msg=f"{name} of lab {params['lab']} was not applied: {report.message}", **result)
        return report.changed

    def take_over(self, documents: list[Json]) -> list[tuple[Json, list[str]]]:
        """Make what people have added to the stage's own objects ours, so that the apply drops it; in check mode only
        say what that is. What they have put beside them stays, and is named.
        """
        from ansible_collections.mesh.workshop.plugins.module_utils._workshop.cluster import THREADS, Cluster

        namespace, attendee, check = self.params["namespace"], self.params["attendee"], self.module.check_mode
        with ThreadPoolExecutor(THREADS) as pool:
            cluster = Cluster(self.client, pool, check=check, diff=False, timeout=float(self.params["wait_timeout"]))
            found = cluster.around(documents, namespace, attendee)
            written = reset_plan.written_by_others(documents, found, FIELD_MANAGER)
            if not check:
                list(pool.map(cluster.take_over, (obj for obj, _managers in written)))
        said = reset_plan.beside_sentence(reset_plan.beside(found, documents, namespace, attendee), namespace)
        if said and not self.warned:
            self.module.warn(said)
            self.warned = True
        return written

    def note(self, outcome: Outcome) -> None:
        """Add the verdicts to the result; the module fails where one of them is bad."""
        result = self.result
        tables = [result["table"]] if result.get("table") else []
        result.update(
            checks=[*result.get("checks", []), *outcome.results],
            table="\n\n".join([*tables, outcome.table]),
        )
        if not outcome.passed:
            self.module.fail_json(msg=outcome.message, **result)


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "state": {"type": "str", "choices": ["applied", "verified"], "default": "applied"},
        "lab": {"type": "str", "required": True},
        "stage": {"type": "str", "default": ""},
        "catalogue": {"type": "path", "required": True},
        "definition": {"type": "dict", "default": {}},
        "baseline": {"type": "dict", "required": True},
        "namespace": {"type": "str", "required": True},
        "attendee": {"type": "str", "default": "main"},
        "gateway_namespace": {"type": "str", "default": "istio-system"},
        "gateway": {"type": "str", "default": ""},
        "wait_timeout": {"type": "int", "default": 120},
        "deadline": {"type": "float"},
        "progress": {"type": "path"},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError

    held = contextlib.ExitStack()
    try:
        result = run(module, held)
    except (ApiError, LabError, CheckError) as error:
        module.fail_json(msg=str(error))
    finally:
        held.close()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
