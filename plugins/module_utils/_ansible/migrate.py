# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module migrate: reads files, converts them, and writes them with a report."""

from __future__ import annotations

import os
import typing as t

from .._kube import AUTH_ARG_SPEC, ApiError, connect
from .._migrate import (
    REPORTS,
    File,
    Options,
    Refused,
    Result,
    Target,
    base_of,
    changed_targets,
    check_places,
    dumps,
    family_table,
    markdown,
    migrate,
    mode_of,
    page,
    read_sources,
    report_json,
    write,
)
from .options import Idle, idle_fault
from .quiet import QuietModule

Json = dict[str, t.Any]

MIGRATE_ARG_SPEC: Json = {
    "src": {"type": "list", "elements": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "namespace": {"type": "str"},
    "root_namespace": {"type": "str", "default": "istio-system"},
    "quota": {"type": "str", "choices": ["global", "local"], "default": "global"},
    "ratelimit_host": {"type": "str", "default": "ratelimit.mesh-workshop-ratelimit.svc.cluster.local"},
    "ratelimit_port": {"type": "int", "default": 8081},
    "ratelimit_domain": {"type": "str", "default": "mesh-workshop"},
    "facts": {"type": "dict"},
    "ask_cluster": {"type": "bool", "default": False},
    "refusals": {"type": "str", "choices": ["report", "fail"], "default": "report"},
    "force": {"type": "bool", "default": False},
}
# What has an effect only in the rate limit service's configuration, and what only where a cluster is asked.
_IDLE = (
    *(Idle(name, "quota", "global") for name in ("ratelimit_host", "ratelimit_port", "ratelimit_domain")),
    *(Idle(name, "ask_cluster", True) for name in AUTH_ARG_SPEC),
)
_ASKED = (("v1", "Service"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"))


def run_migrate_module() -> None:
    """The whole of the module migrate."""
    module = QuietModule(argument_spec={**MIGRATE_ARG_SPEC, **AUTH_ARG_SPEC}, supports_check_mode=True)
    params = module.params
    fault = idle_fault(params, _IDLE, MIGRATE_ARG_SPEC)
    if fault:
        module.fail_json(msg=fault)
    try:
        check_places(params["src"], params["dest"])
        given: list[Json] = list(_of_cluster(params)) if params["ask_cluster"] else []
        if params["facts"]:
            given.append(params["facts"])
        result = migrate(read_sources(*params["src"]), _options(params), given)
        refused = result.refusals()
        returned = _returned(result, refused)
        if refused and params["refusals"] == "fail":
            module.fail_json(msg=f"Nothing is written, since {_refused(refused)}", **returned)
        changed = changed_targets(_targets(params, result), params["force"])
        if module._diff:
            returned["diff"] = _diff(params, result)
        if changed and not module.check_mode:
            write(changed)
    except (Refused, ApiError) as why:
        module.fail_json(msg=str(why)[:1].upper() + str(why)[1:])
    except OSError as why:
        module.fail_json(
            msg=f"{why.filename or params['dest']} cannot be written ({why.strerror}); nothing more is done."
        )
    if refused:
        module.warn(f"Some documents were not converted: {_refused(refused)}")
    returned["changed"] = bool(changed)
    module.exit_json(**returned)


def _options(params: t.Mapping[str, t.Any]) -> Options:
    return Options(
        quota=params["quota"],
        namespace=params["namespace"] or "",
        root_namespace=params["root_namespace"],
        ratelimit_host=params["ratelimit_host"],
        ratelimit_port=params["ratelimit_port"],
        ratelimit_domain=params["ratelimit_domain"],
    )


def _of_cluster(params: t.Mapping[str, t.Any]) -> t.Iterator[Json]:
    """Services and workloads as the cluster has them."""
    client = connect(params)
    try:
        for api_version, kind in _ASKED:
            yield from client.list(api_version, kind)
    finally:
        client.close()


def _refused(refused: list[str]) -> str:
    first = refused[0]
    more = f" {len(refused) - 1} more refusals are in the report." if len(refused) > 1 else ""
    return f"a document is refused. {_encoded(first).decode()}{more}"


def _returned(result: Result, refused: list[str]) -> Json:
    summary = result.summary()
    return {
        "changed": False,
        "summary": summary,
        "refused": [_encoded(text).decode() for text in refused],
        "table": family_table(summary),
        "files": [
            {"path": _encoded(file.name).decode(), "changed": file.changed, "refused": file.refusal is not None}
            for file in result.files
        ],
    }


def _source(params: t.Mapping[str, t.Any], file: File) -> str:
    return os.path.join(base_of(params["src"]), file.name)


def _targets(params: t.Mapping[str, t.Any], result: Result) -> list[Target]:
    targets = []
    for file in result.files:
        text = file.text()
        if text is not None:
            path = os.path.join(params["dest"], file.name)
            targets.append(Target(path, _encoded(text), mode_of(_source(params, file))))
    report = report_json(result)
    for name, text in zip(REPORTS, (markdown(report), page(report), dumps(report)), strict=True):
        targets.append(Target(os.path.join(params["dest"], name), _encoded(text)))
    return targets


def _encoded(text: str) -> bytes:
    """A text as UTF-8; names of files may hold bytes that are not."""
    return text.encode("utf-8", "backslashreplace")


def _diff(params: t.Mapping[str, t.Any], result: Result) -> list[Json]:
    """From each source to its output, for the files that change; never the text of a file with a Secret in it."""
    found = []
    for file in result.files:
        text = file.text()
        if text is None or not file.changed:
            continue
        before = "".join(chunk.text for chunk in file.chunks)
        if any(doc.kind == "Secret" for doc in file.docs):
            before, text = "<hidden: the file holds a Secret>\n", "<hidden: the file holds a Secret, changed>\n"
        found.append(
            {
                "before_header": _encoded(_source(params, file)).decode(),
                "after_header": _encoded(os.path.join(params["dest"], file.name)).decode(),
                "before": before,
                "after": text,
            }
        )
    return found
