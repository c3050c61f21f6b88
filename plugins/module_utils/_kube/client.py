# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import threading
import time
import typing as t

from .config import Settings, load_settings
from .discovery import PODS, Discovery, Resource
from .errors import ApiError
from .objects import Json, Key, key_of, subject_of
from .transport import Query, Response, Stream, Transport

if t.TYPE_CHECKING:
    from .exec import ExecResult, PodHttp

FIELD_MANAGER = "mesh-workshop"
# Of everything but server-side apply. With the name of the manager that applies, a
# field once patched could not be given up again by applying without it.
UPDATE_MANAGER = "mesh-workshop-update"

# Named here because inside Client the name list is the method.
Objects = list[Json]
Words = list[str]

_PAGE = 500
# The API server ends a watch by itself after this time at the latest; then it is taken up again.
_LONGEST_WATCH = 240.0
# How much later than asked a server may end a watch before the connection counts as dead.
_GRACE = 10.0
# How often what others write at the same moment may get in the way of an apply, and the first pause after it.
_APPLY_ATTEMPTS = 5
_APPLY_PAUSE = 0.05
# No watch is asked for less than a second: one that ends sooner and has told nothing was ended by something that is
# not well, and is not taken up again at once.
_AT_ONCE = 0.9
_WATCH_PAUSE, _LONGEST_WATCH_PAUSE = 0.1, 2.0


class Client:
    """The Kubernetes API as far as this collection needs it. Thread safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.transport = Transport(settings)
        self._discovery = Discovery(lambda path: self.request("GET", path).json())
        self._never = threading.Event()

    # -- the thin layer --------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        body: t.Any = None,
        headers: t.Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """One request; a body that is not bytes is sent as JSON. Raises ApiError for a status of 400 and above."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        return self.transport.request(method, path, query=query, body=body, headers=headers, timeout=timeout)

    def resource(self, api_version: str, kind: str) -> Resource:
        return self._discovery.resource(api_version, kind)

    def resources(self, api_version: str) -> list[Resource]:
        """All kinds of one group and version; empty if the cluster does not serve it."""
        return self._discovery.kinds(api_version)

    def forget_discovery(self) -> None:
        self._discovery.forget()

    def server_version(self) -> Json:
        return self.request("GET", "/version").json()

    def close(self) -> None:
        self.transport.close()

    # -- one object ------------------------------------------------------

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """The object, or None where there is none."""
        resource = self.resource(api_version, kind)
        try:
            return self.request("GET", resource.path(namespace, name)).json()
        except ApiError as exc:
            if exc.status == 404:
                return None
            exc.about(subject_of(kind, name, namespace))
            raise

    def apply(
        self, doc: Json, *, dry_run: bool = False, force: bool = False, field_manager: str = FIELD_MANAGER
    ) -> Json:
        """Server-side apply, strictly validated."""
        return self.apply_with_status(doc, dry_run=dry_run, force=force, field_manager=field_manager)[1]

    def apply_with_status(
        self, doc: Json, *, dry_run: bool = False, force: bool = False, field_manager: str = FIELD_MANAGER
    ) -> tuple[int, Json]:
        """As apply(), with the HTTP status: 201 if the object was created."""
        kind, (namespace, name) = doc["kind"], key_of(doc)
        try:
            resource = self.resource(doc["apiVersion"], kind)
            query = {
                "fieldManager": field_manager,
                "force": "true" if force else "false",
                "fieldValidation": "Strict",
            }
            if dry_run:
                query["dryRun"] = "All"
            answer = self._apply(resource.path(namespace, name), query, doc)
        except ApiError as exc:
            exc.about(subject_of(kind, name, namespace))
            raise
        return answer.status, answer.json()

    def _apply(self, path: str, query: Query, doc: Json) -> Response:
        """The API server gives up after a few writes of others; an apply names no version, so it can be sent again."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        for attempt in range(1, _APPLY_ATTEMPTS):
            try:
                return self.request("PATCH", path, query=query, body=doc, headers=headers)
            except ApiError as exc:
                if not exc.is_conflict_of_writes:
                    raise
            self._never.wait(_APPLY_PAUSE * 2**attempt)
        return self.request("PATCH", path, query=query, body=doc, headers=headers)

    def create(self, doc: Json, *, dry_run: bool = False, subresource: str | None = None) -> Json:
        kind, (namespace, name) = doc["kind"], key_of(doc)
        query = {"fieldManager": UPDATE_MANAGER, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        try:
            resource = self.resource(doc["apiVersion"], kind)
            path = resource.path(namespace, name, subresource) if subresource else resource.path(namespace)
            return self.request("POST", path, query=query, body=doc).json()
        except ApiError as exc:
            exc.about(subject_of(kind, name, namespace))
            raise

    def replace(self, doc: Json, *, dry_run: bool = False, subresource: str | None = None) -> Json:
        kind, (namespace, name) = doc["kind"], key_of(doc)
        query = {"fieldManager": UPDATE_MANAGER}
        if dry_run:
            query["dryRun"] = "All"
        try:
            path = self.resource(doc["apiVersion"], kind).path(namespace, name, subresource)
            return self.request("PUT", path, query=query, body=doc).json()
        except ApiError as exc:
            exc.about(subject_of(kind, name, namespace))
            raise

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None,
        body: t.Any,
        *,
        content_type: str = "application/merge-patch+json",
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        query = {"fieldManager": UPDATE_MANAGER}
        if dry_run:
            query["dryRun"] = "All"
        try:
            path = self.resource(api_version, kind).path(namespace, name, subresource)
            return self.request("PATCH", path, query=query, body=body, headers={"Content-Type": content_type}).json()
        except ApiError as exc:
            exc.about(subject_of(kind, name, namespace))
            raise

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        propagation: str = "Background",
        preconditions: Json | None = None,
    ) -> Json | None:
        """Delete the object; None if there is none. What the server answers otherwise: the object or a Status."""
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if dry_run:
            body["dryRun"] = ["All"]
        if preconditions:
            body["preconditions"] = preconditions
        try:
            path = self.resource(api_version, kind).path(namespace, name)
            return self.request("DELETE", path, body=body).json()
        except ApiError as exc:
            if exc.status == 404:
                return None
            exc.about(subject_of(kind, name, namespace))
            raise

    # -- many objects ----------------------------------------------------

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Objects:
        return self._list(api_version, kind, namespace, label_selector, field_selector)[0]

    def _list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None,
        label_selector: str | None,
        field_selector: str | None,
    ) -> tuple[Objects, str]:
        path = self.resource(api_version, kind).path(namespace)
        query: dict[str, t.Any] = {"limit": _PAGE}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        items: Objects = []
        while True:
            try:
                page = self.request("GET", path, query=query).json()
            except ApiError as exc:
                if exc.status == 410 and "continue" in query:  # the pages' snapshot is gone: begin again
                    del query["continue"]
                    items = []
                    continue
                exc.about(subject_of(kind, None, namespace))
                raise
            for item in page.get("items") or ():
                # Items of a list name neither their version nor their kind.
                item.setdefault("apiVersion", api_version)
                item.setdefault("kind", kind)
                items.append(item)
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                return items, str(meta.get("resourceVersion") or "")
            query["continue"] = meta["continue"]

    # -- watching --------------------------------------------------------

    def watch(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        timeout: float,
    ) -> t.Iterator[tuple[str, Json]]:
        """What is there (as ADDED), then each change, until the time is over.

        A watch that ends is taken up where it was; one that is too old (410) lists again and tells the differences.
        """
        known: dict[Key, Json] = {}
        for event, objects in self._follow(api_version, kind, namespace, label_selector, field_selector, timeout, None):
            if event == "LISTED":
                fresh = {key_of(obj): obj for obj in objects}
                for key in known.keys() - fresh.keys():
                    yield "DELETED", known[key]
                for key, obj in fresh.items():
                    if key not in known:
                        yield "ADDED", obj
                    elif known[key]["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                        yield "MODIFIED", obj
                known = fresh
                continue
            for obj in objects:
                if event == "DELETED":
                    known.pop(key_of(obj), None)
                else:
                    known[key_of(obj)] = obj
                yield event, obj

    def track(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        timeout: float,
        tick: float | None = None,
    ) -> t.Iterator[dict[Key, Json]]:
        """The current objects by key: once listed, after every change and every `tick` seconds, until time is over."""
        known: dict[Key, Json] = {}
        for event, objects in self._follow(api_version, kind, namespace, label_selector, field_selector, timeout, tick):
            if event == "LISTED":
                known = {key_of(obj): obj for obj in objects}
            for obj in objects if event != "LISTED" else ():
                if event == "DELETED":
                    known.pop(key_of(obj), None)
                else:
                    known[key_of(obj)] = obj
            yield known

    def _follow(
        self,
        api_version: str,
        kind: str,
        namespace: str | None,
        label_selector: str | None,
        field_selector: str | None,
        timeout: float,
        tick: float | None,
    ) -> t.Iterator[tuple[str, Objects]]:
        deadline = time.monotonic() + timeout
        path = self.resource(api_version, kind).path(namespace)
        version = ""
        in_vain = 0  # watches in a row that ended at once
        while True:
            if in_vain:
                pause = min(_WATCH_PAUSE * 2 ** (in_vain - 1), _LONGEST_WATCH_PAUSE)
                self._never.wait(max(0.0, min(pause, deadline - time.monotonic())))
            if not version:
                objects, version = self._list(api_version, kind, namespace, label_selector, field_selector)
                yield "LISTED", objects
            left = deadline - time.monotonic()
            if left <= 0:
                return
            span = max(1, int(min(left, tick or _LONGEST_WATCH, _LONGEST_WATCH) + 0.999))
            query: dict[str, t.Any] = {
                "watch": "true",
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": span,
            }
            if label_selector:
                query["labelSelector"] = label_selector
            if field_selector:
                query["fieldSelector"] = field_selector
            began = time.monotonic()
            told, failed = False, False
            try:
                stream = self.transport.stream("GET", path, query=query, timeout=min(left, span) + _GRACE)
            except ApiError as exc:
                if exc.status == 410:
                    version = ""
                    in_vain += 1
                    continue
                exc.about(subject_of(kind, None, namespace))
                raise
            try:
                for event, obj in _events(stream):
                    if event == "ERROR":
                        # 410 Gone, mostly; anything else is cured by a fresh list as well, or the list will say.
                        version = ""
                        failed = obj.get("code") != 410
                        break
                    version = (obj.get("metadata") or {}).get("resourceVersion") or version
                    if event != "BOOKMARK":
                        told = True
                        yield event, [obj]
                    if time.monotonic() >= deadline:
                        return
            finally:
                stream.close()
            in_vain = in_vain + 1 if failed or (not told and time.monotonic() - began < _AT_ONCE) else 0
            if tick is not None and version:
                yield "TICK", []

    def wait(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None,
        predicate: t.Callable[[Json | None], bool],
        *,
        timeout: float,
    ) -> Json | None:
        """Follow one object until the predicate holds for it (None: it is not there). Raises ApiError 'Timeout'."""
        for known in self.track(
            api_version, kind, namespace=namespace, field_selector=f"metadata.name={name}", timeout=timeout
        ):
            obj = next(iter(known.values()), None)
            if predicate(obj):
                return obj
        raise ApiError(
            0,
            "Timeout",
            f"it did not come to the state that was waited for within {timeout:g} s",
            subject=subject_of(kind, name, namespace),
        )

    # -- pods ------------------------------------------------------------

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        *,
        since_time: str | None = None,
        tail_lines: int | None = None,
        limit_bytes: int | None = None,
        previous: bool = False,
    ) -> bytes:
        query: dict[str, t.Any] = {}
        for name, value in (
            ("container", container),
            ("sinceTime", since_time),
            ("tailLines", tail_lines),
            ("limitBytes", limit_bytes),
            ("previous", "true" if previous else None),
        ):
            if value is not None:
                query[name] = value
        try:
            return self.request(
                "GET",
                PODS.path(namespace, pod, "log"),
                query=query,
                headers={"Accept": "*/*"},
            ).body
        except ApiError as exc:
            exc.about(subject_of("Pod", pod, namespace))
            raise

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        command: Words,
        stdin: bytes = b"",
        timeout: float = 60,
    ) -> ExecResult:
        """Run a command in a container, by WebSocket. Raises ApiError if it could not be started or does not end."""
        from .exec import run  # most runs of a module never need it

        query = {"stdin": "true" if stdin else "false", "stdout": "true", "stderr": "true"}
        if container:
            query["container"] = container
        try:
            path = PODS.path(namespace, pod, "exec")
            return run(self.transport, path, query, command, stdin, timeout)
        except ApiError as exc:
            exc.about(subject_of("Pod", pod, namespace))
            raise

    def forward(self, namespace: str, pod: str, port: int, timeout: float = 10) -> PodHttp:
        """A forwarded port of a pod that answers HTTP GET; to be closed by the caller."""
        from .exec import PodHttp

        try:
            path = PODS.path(namespace, pod, "portforward")
            return PodHttp(self.transport, path, port, timeout)
        except ApiError as exc:
            exc.about(subject_of("Pod", pod, namespace))
            raise


def _events(stream: Stream) -> t.Iterator[tuple[str, Json]]:
    for line in stream.lines():
        if not line.strip():
            continue
        try:
            parsed = json.loads(line)
        except ValueError:
            return
        yield str(parsed.get("type")), parsed.get("object") or {}


def connect(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str] | None = None) -> Client:
    """A client from a module's auth options and the environment. Sends nothing yet."""
    return Client(load_settings(params, os.environ if environ is None else environ))
