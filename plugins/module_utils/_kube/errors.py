# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import typing as t

from .constraints import constraint_refusal, constraint_remedy

_CONFLICT = re.compile(r'conflict with "(?P<manager>[^"]+)"')
_DENIED = re.compile(r'admission webhook "(?P<hook>[^"]+)" denied the request: (?P<why>.*)', re.S)
_HOOK_DOWN = re.compile(r'failed calling webhook "(?P<hook>[^"]+)": (?P<why>.*)', re.S)
# A path begins a word. Without saying so, the search of a long one begins anew at each of its dots.
_UNDECLARED = re.compile(r"(?<!\S)(?P<path>\.\S+): field not declared in schema")
_MISTYPED = re.compile(r"failed to create typed patch object \([^)]*\): (?P<faults>.*)", re.S)
_FAULT = re.compile(r"(?<!\S)\.(?P<path>\S+): expected (?P<wanted>[^,]+), got (?P<got>.*?)(?=\s+\.\S+: |$)", re.S)
# k8s.io/pod-security-admission: the level is that of the namespace's label pod-security.kubernetes.io/enforce.
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]*)": (?P<faults>.*)', re.S)
_NO_PROGRAM = re.compile(r'exec: "(?P<program>[^"]+)": (?:executable file not found|stat [^:]*: no such file)')
_WANTED = {"list": "a list", "map": "an object", "numeric (int or float)": "a number", "string": "text"}
_UNKNOWN_FIELD = re.compile(r'unknown field "(?P<path>[^"]+)"')


class ApiError(Exception):
    """A failure that the API server reports, or no answer from it at all (status 0)."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: t.Sequence[t.Mapping[str, t.Any]] = (),
        *,
        subject: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = [dict(cause) for cause in causes]
        self.subject = subject
        self.retry_after = retry_after

    def about(self, subject: str) -> ApiError:
        """Name the object that the request was for, unless a layer beneath did already."""
        if not self.subject:
            self.subject = subject
        return self

    def sentence(self) -> str:
        """One sentence: object, cause, remedy."""
        text = _explain(self)
        return f"{self.subject}: {text}" if self.subject else text

    def __str__(self) -> str:
        return self.sentence()

    @property
    def is_conflict_of_managers(self) -> bool:
        return self.status == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in self.causes)

    @property
    def is_conflict_of_writes(self) -> bool:
        """Somebody else wrote the object (or the quota that counts it) at the same moment."""
        return self.status == 409 and self.reason != "AlreadyExists" and not self.is_conflict_of_managers


class ConfigError(ApiError):
    """The kubeconfig or an option is wrong, so that no object is to blame. The message ends with the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Configuration", message)

    def about(self, subject: str) -> ApiError:
        return self


class InvalidName(ApiError):
    """No object or namespace can have this name, so nothing was sent. The message ends with the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "InvalidName", message)


def from_status(status: int, body: bytes, retry_after: float | None = None) -> ApiError:
    """Turn the body of a failed request into an error; a proxy in between may answer anything."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict) or parsed.get("kind") != "Status":
        text = body[:300].decode("utf-8", "replace").strip()
        return ApiError(status, "", text or f"HTTP status {status}", retry_after=retry_after)
    details = parsed.get("details")
    details = details if isinstance(details, dict) else {}
    seconds, causes = details.get("retryAfterSeconds"), details.get("causes")
    if retry_after is None and isinstance(seconds, (int, float)) and seconds > 0:
        retry_after = float(seconds)
    return ApiError(
        status,
        str(parsed.get("reason") or ""),
        str(parsed.get("message") or f"HTTP status {status}"),
        [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else (),
        retry_after=retry_after,
    )


def not_the_api_server(sent: str) -> ApiError:
    """Raised where an answer of success cannot be the API server's; `sent` says what it was."""
    text = f"what answers in the API server's place sent {sent}; check the server's address and the proxy"
    return ApiError(0, "NoApiServer", text)


def conflicting_fields(error: ApiError) -> dict[str, list[str]]:
    """Which manager owns which of the fields that server-side apply was refused for."""
    owners: dict[str, list[str]] = {}
    for cause in error.causes:
        if cause.get("reason") != "FieldManagerConflict":
            continue
        found = _CONFLICT.search(str(cause.get("message", "")))
        owners.setdefault(found["manager"] if found else "another manager", []).append(
            str(cause.get("field", "")).lstrip(".")
        )
    return owners


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(" .")


def _explain(error: ApiError) -> str:
    if error.is_conflict_of_managers:
        owners = conflicting_fields(error)
        listed = "; ".join(
            f"field manager {manager} owns {', '.join(sorted(fields))}" for manager, fields in owners.items()
        )
        return f"{listed}; leave these fields out, or set force to true to take them over."
    if error.status == 401 and error.reason == "Unauthorized":
        return (
            "the API server does not accept the credentials (401 Unauthorized); "
            "renew the token or the client certificate."
        )
    if error.status == 403:
        if any(cause.get("reason") == "NamespaceTerminating" for cause in error.causes):
            return f"{_one_line(error.message)}; wait until the namespace is gone, then run this again."
        if "exceeded quota" in error.message:
            return f"{_one_line(error.message)}; raise the quota or remove what is not needed."
        constrained = constraint_refusal(error.message)
        if constrained:
            return f"{constrained}; {constraint_remedy()}."
        insecure = _POD_SECURITY.search(error.message)
        if insecure:
            return (
                f"the namespace admits only pods of the Pod Security level {insecure['level'].split(':')[0]}, "
                f"which these are not: {_one_line(insecure['faults'])}; correct the pod's securityContext, "
                "or set the namespace's label pod-security.kubernetes.io/enforce to a level that admits it."
            )
        return f"{_one_line(error.message)}; use credentials that have this right, or ask for it to be granted."
    denied = _DENIED.search(error.message)
    if denied:
        return f"refused by the admission webhook {denied['hook']}: {_one_line(denied['why'])}; correct the document."
    down = _HOOK_DOWN.search(error.message)
    if down:
        return (
            f"the admission webhook {down['hook']} could not be asked: {_one_line(down['why'])}; "
            "check that the pods behind it (for Istio kinds: istiod) are ready."
        )
    undeclared = [match["path"].lstrip(".") for match in _UNDECLARED.finditer(error.message)]
    undeclared += [match["path"] for match in _UNKNOWN_FIELD.finditer(error.message)]
    if undeclared:
        names = ", ".join(sorted(set(undeclared)))
        return f"the API has no field {names}; correct the spelling or the place of that field."
    mistyped = _MISTYPED.search(error.message)
    if mistyped:
        faults = [
            f"{fault['path']} must be {_WANTED.get(fault['wanted'], fault['wanted'])}"
            for fault in _FAULT.finditer(mistyped["faults"])
        ]
        return f"{', '.join(faults) or _one_line(mistyped['faults'])}; correct the value."
    if error.status == 422 and error.causes:
        listed = "; ".join(
            f"{cause.get('field')}: {_one_line(str(cause.get('message', '')))}" for cause in error.causes
        )
        return f"the API server rejects it: {listed}; correct these fields."
    if error.status == 404 and error.reason == "NotFound" and error.message.startswith("namespaces "):
        return f"{_one_line(error.message)}; create the namespace first, or put it in the same set of documents."
    if error.status == 429:
        return "the API server is overloaded and refused every try (429 Too Many Requests); run this again later."
    program = _NO_PROGRAM.search(error.message)
    if program:
        return f"the container has no program {program['program']}; use another container or another image."
    text = _one_line(error.message)
    if "HTTP request to an HTTPS server" in text:
        return "the API server expects HTTPS at this address; begin the server's address with https://."
    return text + "."
