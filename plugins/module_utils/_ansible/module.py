# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from .._apply import (
    ApplyOptions,
    DocumentError,
    Report,
    apply_set,
    flatten,
    list_sources,
    parse_all,
    put_back_all,
    read_source,
)
from .._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from .._kube.labels import ATTENDEE, LAB, STAGE
from .quiet import QuietModule

Json = dict[str, t.Any]

# Each spec belongs to the doc fragment of the same name; unit tests keep them equal.
WAIT_ARG_SPEC: Json = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
# Equal to CHECK_ARG_SPEC of _checks, which is not imported unless something is verified.
VERIFY_ARG_SPEC: Json = {
    "verify": {"type": "list", "elements": "dict"},
    "gateway": {"type": "str"},
    "gateway_tls": {"type": "str"},
    "deadline": {"type": "float"},
}
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
}


def run_resource_module(api_version: str, kind: str) -> None:
    """The whole of a module that manages one object of one kind."""
    module = QuietModule(
        argument_spec={**RESOURCE_ARG_SPEC, **WAIT_ARG_SPEC, **VERIFY_ARG_SPEC, **AUTH_ARG_SPEC},
        required_if=[("state", "present", ["spec"])],
        supports_check_mode=True,
    )
    params = module.params
    meta: Json = {"name": params["name"]}
    for name in ("namespace", "labels", "annotations"):
        if params[name]:
            meta[name] = params[name]
    if params["labels"]:
        meta["labels"] = {key: str(value) for key, value in params["labels"].items()}
    if params["annotations"]:
        meta["annotations"] = {key: str(value) for key, value in params["annotations"].items()}
    doc: Json = {"apiVersion": api_version, "kind": kind, "metadata": meta}
    if params["state"] == "present":
        doc["spec"] = params["spec"]
    _execute(module, lambda: [doc], _options(module))


def run_apply_module() -> None:
    """The whole of the module apply."""
    module = QuietModule(
        argument_spec={**APPLY_ARG_SPEC, **WAIT_ARG_SPEC, **VERIFY_ARG_SPEC, **AUTH_ARG_SPEC},
        mutually_exclusive=[("definitions", "src", "template")],
        required_one_of=[("definitions", "src", "template")],
        supports_check_mode=True,
    )
    params = module.params
    options = _options(module)
    options.atomic = params["atomic"]
    options.namespace = params["namespace"]
    options.labels = {key: str(value) for key, value in (params["labels"] or {}).items()}
    options.annotations = {key: str(value) for key, value in (params["annotations"] or {}).items()}
    owner = {LAB: params["lab"], STAGE: params["stage"], ATTENDEE: params["attendee"]}
    options.labels.update({key: value for key, value in owner.items() if value})
    options.prune_namespaces = params["prune_namespaces"] or []
    if params["prune"]:
        options.prune_selector = prune_selector(params["lab"], params["attendee"])
        if not options.prune_selector:
            module.fail_json(msg="prune needs lab or attendee: only what carries their labels is removed; set one.")
        # The same lab is others' too, and they have namespaces of their own.
        options.prune_beside = not params["attendee"]
    _execute(module, lambda: read_documents(params), options)


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


def _options(module: t.Any) -> ApplyOptions:
    params = module.params
    return ApplyOptions(
        state=params["state"],
        check=module.check_mode,
        diff=bool(module._diff),
        force=params["force"],
        wait=params["wait"],
        wait_timeout=float(params["wait_timeout"]),
    )


def _execute(module: t.Any, documents: t.Callable[[], list[Json]], options: ApplyOptions) -> None:
    params = module.params
    returned: Json = {"changed": False, "results": [], "checks": [], "message": "", "table": ""}
    verification: _Verification | None = None
    try:
        client = connect(params)
        if params["verify"]:
            verification = _Verification(module, client)
        docs = documents()
        if options.prune_selector and options.state == "present" and next(flatten(docs), None) is None:
            raise DocumentError(
                "prune with no documents would remove everything that carries the labels; "
                "set state to absent if that is meant, else see why the documents are empty."
            )
        if verification and not options.check:
            verification.begin()
        report = apply_set(client, docs, options)
        _take(returned, report, options)
        if report.failed:
            module.fail_json(msg=report.message, **returned)
        if verification and options.check:
            returned["checks"] = verification.skipped()
            returned["message"] += f" {len(returned['checks'])} checks are skipped in check mode."
        elif verification:
            try:
                verification.finish(report, options, returned)
            except Exception as exc:  # whatever ends it, nothing of an atomic set stays without its verdict
                if options.atomic:
                    report.message = str(exc)
                    put_back_all(client, report, timeout=options.wait_timeout)
                    _take(returned, report, options)
                if not isinstance(exc, (ApiError, DocumentError)):
                    raise
                module.fail_json(msg=report.message if options.atomic else str(exc), **returned)
    except (ApiError, DocumentError) as exc:
        module.fail_json(msg=str(exc), **returned)
    finally:
        if verification:
            verification.stop()
    module.exit_json(**returned)


def _take(returned: Json, report: Report, options: ApplyOptions) -> None:
    returned.update(changed=report.changed, results=report.results, message=report.message)
    if options.diff:
        returned["diff"] = report.diff
    if report.warnings:
        returned["warnings"] = report.warnings


class _Verification:
    """The option verify: read before anything is applied, streams begun before it, the rest run after it."""

    def __init__(self, module: t.Any, client: Client) -> None:
        from .._verify import CheckError, parse_checks, secrets_of  # big, and most tasks verify nothing

        self._module = module
        self._client = client
        params = module.params
        namespace = params["namespace"] or client.settings.namespace or "default"
        module.no_log_values.update(secrets_of(params["verify"]))
        try:
            self._checks = parse_checks(params["verify"], namespace, params["deadline"])
        except CheckError as exc:
            raise DocumentError(str(exc)) from exc
        self._streams: t.Any = None

    def begin(self) -> None:
        from .._verify import start_streams

        params = self._module.params
        self._streams = start_streams(self._client, self._checks, params["gateway"], params["gateway_tls"])

    def stop(self) -> None:
        if self._streams is not None:
            self._streams.stop()
            self._streams = None

    def skipped(self) -> list[Json]:
        return [{"name": check.name, "skipped": True, "passed": None, "reason": "check mode"} for check in self._checks]

    def finish(self, report: Report, options: ApplyOptions, returned: Json) -> None:
        """Run the checks; where one fails the module fails, and an atomic set is put back."""
        from .._verify import run_checks

        params = self._module.params
        outcome = run_checks(
            self._client, self._checks, params["gateway"], params["gateway_tls"], streams=self._streams
        )
        self._streams = None
        returned.update(checks=outcome.results, table=outcome.table)
        if outcome.side_effects:
            returned["side_effects"] = outcome.side_effects
        if outcome.passed:
            returned["message"] = f"{report.message} {outcome.message}".strip()
            return
        report.message = outcome.message
        if options.atomic:
            put_back_all(self._client, report, timeout=options.wait_timeout)
            _take(returned, report, options)
        returned["message"] = report.message
        self._module.fail_json(msg=report.message, **returned)
