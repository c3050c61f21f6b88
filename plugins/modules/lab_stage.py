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
  - The desired state is baseline, less what the stage removes, plus what it adds. It is applied as one ordered batch,
    and whatever else of ours is left from another stage or lab is pruned, so the result is the same from any state.
  - Configuration of the mesh that has the name of an object of another stage of the same lab is removed, whoever
    applied it.
  - Fields that somebody has added to an object of the stage are removed. Configuration of the mesh that no lab
    has applied stays; a warning names it.
  - The checks of the stage are then proven by traffic.
  - Only one run at a time changes a namespace; it holds the Lease C(mesh-workshop) there. Another one says who that is
    and waits for O(wait_timeout) at most. If the holder was killed, its Lease is taken over after 15 s.
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
    description: Name of the stage; empty is the lab's last stage.
    type: str
    default: ""
  catalogue:
    description: Folder of the catalogue, with one folder per lab.
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
  gateway_namespace:
    description: Namespace of Istio and its gateway; what the attendee's labs have left there is pruned as well.
    type: str
    default: istio-system
  gateway:
    description: Address and port of the gateway as C(host:port); if empty, it is looked up in the API.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait for what is applied.
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
  type: str
  returned: always
  sample: request_routing
stage:
  description: The stage that is applied or verified.
  type: str
  returned: always
  sample: jason_v2
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

import functools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import Runner, Verification, run_module
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import namespace_document
from ansible_collections.mesh.workshop.plugins.module_utils._kube import FIELD_MANAGER
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    BASELINE,
    MARKER_NAME,
    Catalogue,
    LabError,
    Stage,
    desired_state,
    lab_identities,
    lab_names,
    reset_plan,
)

if t.TYPE_CHECKING:
    from ansible_collections.mesh.workshop.plugins.module_utils._apply.prune import Selector
    from ansible_collections.mesh.workshop.plugins.module_utils._workshop.lease import Lease
    from ansible_collections.mesh.workshop.plugins.module_utils._workshop.tenancy import Owner

Json = dict[str, t.Any]


def body(runner: Runner) -> None:
    """Apply the stage where it is to be applied, then verify it."""
    params = runner.params
    definitions = {params["lab"]: params["definition"], BASELINE: params["baseline"]}
    catalogue = Catalogue(lab_names(params["catalogue"]), definitions.__getitem__)
    baseline = catalogue.baseline()
    lab = None if params["lab"] == BASELINE else catalogue.lab(params["lab"])
    stage = lab.stage(params["stage"]) if lab else None
    if lab is None and params["stage"] not in ("", baseline.name):
        raise LabError(f"stage has no effect with lab {BASELINE}, which has no stages: leave out one of the two.")
    shown = stage or baseline
    namespace = params["namespace"]
    verification = runner.read_checks(list(shown.checks), namespace=namespace)
    steps = [Step(step, runner.read_checks(list(step.checks), namespace=namespace)) for step in shown.steps]
    runner.only_verifies = params["state"] == "verified"
    if not runner.only_verifies:
        runner.require_rights(namespace)
    home = runner.client.get("v1", "Namespace", namespace)
    # In check mode, what would make the namespace may have been pretended only.
    if home is not None or params["state"] == "verified" or not runner.check_mode:
        refused = reset_plan.refusal(home, namespace)
        if refused:
            raise LabError(refused)
    runner.result.update(lab=params["lab"], stage=shown.name)
    runner.module.standing = "The checks did not finish."
    runner.progress.say(f"{params['lab']}, {shown.name}" if params["lab"] != BASELINE else BASELINE)
    walk = Walk(runner, baseline, lab_identities(lab, namespace) if lab else frozenset())
    if runner.check_mode:
        if params["state"] == "applied":
            walk.apply(stage)
        verification.skip()
        return
    if params["state"] == "applied":
        goal = f"stage {stage.name} of lab {params['lab']}" if stage else BASELINE
        runner.module.standing = f"Namespace {namespace} has not reached {goal}."
        walk.lease = runner.hold(namespace, f"lab {params['lab']}, stage {shown.name}")
        walk.go(stage, steps, verification)
        runner.module.standing = f"Namespace {namespace} is at {goal}, but its checks did not finish."
    verification.prove(walk.documents(stage)[0])


class Step(t.NamedTuple):
    """A state on the way to a stage, and what proves it."""

    state: Stage
    verification: Verification


class Walk:
    """The way to a stage: what is applied and what is proven, step by step."""

    def __init__(self, runner: Runner, baseline: Stage, names: frozenset[tuple[str, str, str, str]]) -> None:
        self.runner = runner
        self.params = runner.params
        self.baseline = baseline
        self.names = names
        self.warned = False
        self.lease: Lease | None = None

    def go(self, stage: Stage | None, steps: list[Step], verification: Verification) -> None:
        """Apply the stage, after its steps; its streams run from where the first of its states stands."""
        # What stands already has gone its way: to apply it again changes nothing.
        if steps and not self.would_change(stage):
            steps = []
        if steps:
            self.step(steps[0])
        verification.begin()
        for step in steps[1:]:
            self.step(step)
        self.apply(stage)

    def step(self, step: Step) -> None:
        """Apply a state on the way and prove it."""
        self.apply(step.state)
        self.runner.progress.say(step.state.title)
        step.verification.prove(self.documents(step.state)[0])

    @functools.cached_property
    def owner(self) -> Owner:
        """Whose the namespace's objects are, as its marker says before anything is applied."""
        from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import THREADS, LiveNamespace

        namespace = self.params["namespace"]
        marker = self.runner.client.get("v1", "ConfigMap", MARKER_NAME, namespace)
        with ThreadPoolExecutor(THREADS) as pool:
            live = LiveNamespace(self.runner.client, pool, check=True, diff=False, timeout=0)
            return live.owner(namespace, marker)

    def documents(self, stage: Stage | None) -> tuple[list[Json], Selector]:
        """What the namespace shows in this state, and the selector of what is pruned."""
        desired = desired_state(
            baseline=self.baseline,
            lab=self.params["lab"],
            stage=stage,
            namespace=self.params["namespace"],
            owner=self.owner,
        )
        return desired.documents, desired.prune_selector

    def options(self, selector: Selector, **given: t.Any) -> t.Any:
        """How a stage is applied: it is reached from any state, so also from one that somebody has edited."""
        places = self.owner.places(self.params["gateway_namespace"])
        return self.runner.options(force=True, prune_selector=selector, prune_namespaces=places, **given)

    def would_change(self, stage: Stage | None) -> bool:
        """Whether to apply the state would change something; also where that cannot be told."""
        from ansible_collections.mesh.workshop.plugins.module_utils._apply import apply_set

        documents, selector = self.documents(stage)
        report = apply_set(self.runner.client, documents, self.options(selector, check=True, diff=False))
        return report.changed or report.failed

    def apply(self, stage: Stage | None) -> None:
        """Make the namespace show this state."""
        if self.lease is not None:
            self.lease.ensure()
        documents, selector = self.documents(stage)
        written: list[tuple[Json, list[str]]] = []
        home = self.params["namespace"]
        if self.runner.check_mode and self.runner.client.get("v1", "Namespace", home) is None:
            # What would have made it has only been pretended.
            documents = [namespace_document(home), *documents]
        else:
            written = self.take_over(documents, selector)
        name = f"Stage {stage.name}" if stage else "Baseline"
        self.runner.apply(
            documents,
            self.options(selector),
            told=lambda results: reset_plan.with_writers(results, written),
            failure=f"{name} of lab {self.params['lab']} was not applied: {{}}",
        )

    def take_over(self, documents: list[Json], selector: Selector) -> list[tuple[Json, list[str]]]:
        """Make what people have added to the stage's own objects ours, so that the apply drops it; in check mode only
        say what that is. What they have put beside them stays, and is named, unless another stage of the lab has an
        object of that name: such names are the lab's, and what has them goes.
        """
        from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import THREADS, LiveNamespace

        namespace, check = self.params["namespace"], self.runner.check_mode
        timeout = float(self.params["wait_timeout"])
        with ThreadPoolExecutor(THREADS) as pool:
            tell = self.runner.on_change
            live = LiveNamespace(self.runner.client, pool, check=check, diff=False, timeout=timeout, on_change=tell)
            found = live.around(documents, namespace, selector)
            written = reset_plan.written_by_others(documents, found, FIELD_MANAGER)
            if not check:
                list(pool.map(live.take_over, (obj for obj, _managers in written)))
            others = reset_plan.beside(found, documents, namespace, self.owner.names)
            for report in live.remove([obj for obj in others if reset_plan.identity(obj) in self.names]):
                self.runner.take(report, report.results)
                if report.failed:
                    self.runner.fail(f"What has a name of lab {self.params['lab']} was not removed: {report.message}")
        rest = [obj for obj in others if reset_plan.identity(obj) not in self.names]
        said = reset_plan.beside_sentence(rest, namespace)
        if said and not self.warned:
            self.runner.module.warn(said)
            self.warned = True
        return written


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
        "gateway_namespace": {"type": "str", "default": "istio-system"},
        "gateway": {"type": "str", "default": ""},
        "wait_timeout": {"type": "int", "default": 120},
        "deadline": {"type": "float"},
        "progress": {"type": "path"},
    }
    run_module(spec, body, result={"lab": "", "stage": ""}, errors=(LabError,))


if __name__ == "__main__":
    main()
