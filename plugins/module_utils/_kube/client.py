# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import re
import time
import typing as t

from .config import load_settings
from .discovery import PODS, Discovery, Resource
from .errors import ApiError, not_the_api_server
from .objects import Json, Key, key_of, subject_of
from .settings import Settings
from .transport import Query, Response, Transport
from .watch import Event, follow, states

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
# How often what others write at the same moment may get in the way of an apply, and the first pause after it.
_APPLY_ATTEMPTS = 5
_APPLY_PAUSE = 0.05

# What YAML takes as an escape only (https://yaml.org/spec/1.2.2/#51-character-set), beside what JSON escapes anyway.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def yaml_of(doc: Json) -> bytes:
    """A document in the JSON that is YAML, too: YAML knows no pairs of surrogates as escapes."""
    text = json.dumps(doc, separators=(",", ":"), ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


class Client:
    """The Kubernetes API as far as this collection needs it. Thread safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.transport = Transport(settings)
        self._discovery = Discovery(lambda path: self.request("GET", path).json())

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
            return _stored(self.request("GET", resource.path(namespace, name)))
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
            return answer.status, _stored(answer)
        except ApiError as exc:
            exc.about(subject_of(kind, name, namespace))
            raise

    def _apply(self, path: str, query: Query, doc: Json) -> Response:
        """The API server gives up after a few writes of others; an apply names no version, so it can be sent again."""
        headers, body = {"Content-Type": "application/apply-patch+yaml"}, yaml_of(doc)
        for attempt in range(1, _APPLY_ATTEMPTS):
            try:
                return self.request("PATCH", path, query=query, body=body, headers=headers)
            except ApiError as exc:
                if not exc.is_conflict_of_writes:
                    raise
            time.sleep(_APPLY_PAUSE * 2**attempt)
        return self.request("PATCH", path, query=query, body=body, headers=headers)

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
            for item in _items(page, subject_of(kind, None, namespace)):
                # Items of a list name neither their version nor their kind.
                item.setdefault("apiVersion", api_version)
                item.setdefault("kind", kind)
                items.append(item)
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                return items, str(meta.get("resourceVersion") or "")
            query["continue"] = meta["continue"]

    # -- watching --------------------------------------------------------

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
        """The current objects by key: once listed, after every change and every `tick` seconds, until time is over.

        A watch that ends is taken up where it was; one that is too old (410) lists again. It is the same dictionary
        each time.
        """
        return states(self._follow(api_version, kind, namespace, label_selector, field_selector, timeout, tick))

    def _follow(
        self,
        api_version: str,
        kind: str,
        namespace: str | None,
        label_selector: str | None,
        field_selector: str | None,
        timeout: float,
        tick: float | None,
    ) -> t.Iterator[Event]:
        return follow(
            self.transport,
            lambda: self.resource(api_version, kind).path(namespace),
            lambda: self._list(api_version, kind, namespace, label_selector, field_selector),
            {"labelSelector": label_selector, "fieldSelector": field_selector},
            subject=subject_of(kind, None, namespace),
            timeout=timeout,
            tick=tick,
        )

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
            f"it did not reach the expected state within {timeout:g} s",
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


def _stored(answer: Response) -> Json:
    """The object that the API server has sent. Raises ApiError for what no API server stores."""
    obj = answer.json()
    if not isinstance(obj.get("metadata"), dict):
        raise not_the_api_server("an object without metadata")
    return obj


def _items(page: Json, subject: str) -> Objects:
    items = page.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise not_the_api_server("a list without objects").about(subject)
    return items


def connect(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str] | None = None) -> Client:
    """A client from a module's auth options and the environment. Sends nothing yet."""
    return Client(load_settings(params, os.environ if environ is None else environ))
