# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from .._apply import ApplyOptions, DocumentError, flatten, list_sources, parse_all, plain, read_source
from .._kube.labels import ATTENDEE, LAB, STAGE
from .._observe.errors import CheckError
from .options import Idle
from .runner import Runner, Verification, run_module

Json = dict[str, t.Any]

# Each spec belongs to the doc fragment of the same name; unit tests keep them equal.
WAIT_ARG_SPEC: Json = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
VERIFY_ARG_SPEC: Json = {
    "verify": {"type": "list", "elements": "dict"},
    "gateway": {"type": "str"},
    "gateway_tls": {"type": "str"},
    "deadline": {"type": "float"},
}
NEED_CHECKS = dict.fromkeys(("gateway", "gateway_tls", "deadline"), "verify")
RESOURCE_ARG_SPEC: Json = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "spec": {"type": "dict"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
    "force": {"type": "bool", "default": False},
}
APPLY_ARG_SPEC: Json = {
    "definitions": {"type": "raw"},
    "src": {"type": "path"},
    "template": {"type": "path"},
    "namespace": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "lab": {"type": "str"},
    "stage": {"type": "str"},
    "attendee": {"type": "str"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
    "prune": {"type": "bool", "default": False},
    "prune_namespaces": {"type": "list", "elements": "str"},
    "atomic": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "lease": {"type": "str"},
}


def run_resource_module(api_version: str, kind: str) -> None:
    """The whole of a module that manages one object of one kind."""

    def body(runner: Runner) -> None:
        params = runner.params
        runner.refuse_idle(Idle(name, "state", "present") for name in ("spec", "labels", "annotations"))
        document = resource_document(api_version, kind, params)
        options = runner.options(state=params["state"])
        runner.apply_and_verify(lambda: [document], options, read_checks(runner))

    spec = {**RESOURCE_ARG_SPEC, **WAIT_ARG_SPEC, **VERIFY_ARG_SPEC}
    run_module(spec, body, required_if=[("state", "present", ["spec"])], required_by=NEED_CHECKS)


def resource_document(api_version: str, kind: str, params: t.Mapping[str, t.Any]) -> Json:
    """The one document that the options of a resource module describe."""
    meta: Json = {"name": params["name"]}
    if params["namespace"]:
        meta["namespace"] = params["namespace"]
    for name in ("labels", "annotations"):
        if params[name]:
            meta[name] = texts(params[name])
    document: Json = {"apiVersion": api_version, "kind": kind, "metadata": meta}
    if params["state"] == "present":
        document["spec"] = params["spec"]
    return document


def texts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """Labels or annotations as Kubernetes has them: a number that was given for one is meant as text."""
    return {key: str(value) for key, value in (values or {}).items()}


def run_apply_module() -> None:
    """The whole of the module apply."""
    run_module(
        {**APPLY_ARG_SPEC, **WAIT_ARG_SPEC, **VERIFY_ARG_SPEC},
        _apply,
        mutually_exclusive=[("definitions", "src", "template")],
        required_one_of=[("definitions", "src", "template")],
        required_by=NEED_CHECKS,
    )


def _apply(runner: Runner) -> None:
    params = runner.params
    rules = [Idle("prune_namespaces", "prune", True)]
    rules += (Idle(name, "state", "present") for name in ("stage", "labels", "annotations"))
    if params["state"] == "absent":  # what is removed gets no labels, so these only say what is pruned
        rules += (Idle(name, "prune", True) for name in ("lab", "attendee"))
    runner.refuse_idle(rules)
    if params["lease"]:
        runner.hold_if_there(params["lease"], "apply")
    owner = {LAB: params["lab"], STAGE: params["stage"], ATTENDEE: params["attendee"]}
    options = runner.options(
        state=params["state"],
        atomic=params["atomic"],
        namespace=params["namespace"],
        labels={**texts(params["labels"]), **{key: value for key, value in owner.items() if value}},
        annotations=texts(params["annotations"]),
        prune_namespaces=params["prune_namespaces"] or [],
    )
    if params["prune"]:
        options.prune_selector = prune_selector(params["lab"], params["attendee"])
        if not options.prune_selector:
            raise DocumentError("prune needs lab or attendee: only what carries their labels is removed; set one.")
        # The same lab is others' too, and they have namespaces of their own.
        options.prune_beside = not params["attendee"]
    runner.apply_and_verify(lambda: _documents(params, options), options, read_checks(runner))


def _documents(params: t.Mapping[str, t.Any], options: ApplyOptions) -> list[Json]:
    documents = read_documents(params)
    if options.prune_selector and options.state == "present" and next(flatten(plain(documents)), None) is None:
        raise DocumentError(
            "prune with no documents would remove everything that carries the labels; "
            "set state to absent if that is meant, else see why the documents are empty."
        )
    return documents


def read_checks(runner: Runner) -> Verification | None:
    """The checks of the option verify; None where it is not given. Raises CheckError."""
    params = runner.params
    if params["verify"] is None:
        return None
    if not params["verify"]:
        raise CheckError("verify is empty, so nothing would be verified: give it checks, or leave it out.")
    namespace = params["namespace"] or runner.client.settings.namespace or "default"
    return runner.read_checks(params["verify"], namespace=namespace)


def prune_selector(lab: str | None, attendee: str | None) -> dict[str, str | None]:
    """What may be pruned: what any lab has put there for the attendee, else what this lab has."""
    if attendee and lab:
        return {ATTENDEE: attendee, LAB: None}
    if attendee:
        return {ATTENDEE: attendee}
    return {LAB: lab} if lab else {}


def read_documents(params: t.Mapping[str, t.Any]) -> list[Json]:
    """The documents of the options definitions, src or template, parsed."""
    if params.get("template"):
        raise DocumentError("templates are rendered by the action plugin of mesh.workshop.apply; call it by that name.")
    if params.get("src"):
        return parse_all([read_source(path) for path in list_sources(params["src"])])
    return parse_all(params["definitions"])
