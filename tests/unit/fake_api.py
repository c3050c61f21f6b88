# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server for unit tests: speaks HTTP, keeps objects in memory, and fails on demand.

It follows the real one where the client depends on it: resource versions, server-side apply with
owners per field (lists are atomic here), dry runs, pages, watches, preconditions, Status bodies.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import time
import typing as t
import uuid
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Json = dict[str, t.Any]
Path = tuple[str, ...]

# (group/version, plural, kind, namespaced)
KINDS = [
    ("v1", "namespaces", "Namespace", False),
    ("v1", "nodes", "Node", False),
    ("v1", "resourcequotas", "ResourceQuota", True),
    ("v1", "configmaps", "ConfigMap", True),
    ("v1", "secrets", "Secret", True),
    ("v1", "services", "Service", True),
    ("v1", "serviceaccounts", "ServiceAccount", True),
    ("v1", "pods", "Pod", True),
    ("v1", "events", "Event", True),
    ("apps/v1", "deployments", "Deployment", True),
    ("apps/v1", "replicasets", "ReplicaSet", True),
    ("apps/v1", "statefulsets", "StatefulSet", True),
    ("apps/v1", "daemonsets", "DaemonSet", True),
    ("batch/v1", "jobs", "Job", True),
    ("coordination.k8s.io/v1", "leases", "Lease", True),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", False),
    ("networking.istio.io/v1", "virtualservices", "VirtualService", True),
    ("networking.istio.io/v1", "destinationrules", "DestinationRule", True),
    ("networking.istio.io/v1", "gateways", "Gateway", True),
    ("security.istio.io/v1", "authorizationpolicies", "AuthorizationPolicy", True),
]
SPEC_FIELDS = {"VirtualService": {"hosts", "gateways", "http", "tcp", "tls", "exportTo"}}


class Fault:
    """What to answer instead, for the next `times` requests that fit."""

    def __init__(
        self, method: str, part: str, status: int, times: int, headers: Json, body: Json | bytes | None
    ) -> None:
        self.method, self.part, self.status, self.times = method, part, status, times
        self.headers, self.body = headers, body

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (method, "*") and self.part in path


# A term of a label selector: a key that is there, has one value, or one of several.
LABEL_TERM = re.compile(r"([^,=\s]+)(?: in \(([^)]*)\)|(=)([^,]*))?(?:,|$)")


def status_body(code: int, reason: str, message: str, causes: list[Json] | None = None, **details: t.Any) -> Json:
    if causes:
        details["causes"] = causes
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return {**body, "details": details, "code": code}


def leaves(value: t.Any, path: Path = ()) -> dict[Path, t.Any]:
    if isinstance(value, dict) and value:
        found: dict[Path, t.Any] = {}
        for key, item in value.items():
            found.update(leaves(item, (*path, key)))
        return found
    return {path: value}


def set_leaf(obj: Json, path: Path, value: t.Any) -> None:
    for key in path[:-1]:
        obj = obj.setdefault(key, {})
    obj[path[-1]] = value


def fields_of(paths: t.Iterable[Path]) -> Json:
    """Paths in the form that managedFields have them."""
    found: Json = {}
    for path in paths:
        set_leaf(found, tuple(f"f:{key}" for key in path), {})
    return found


def paths_of(fields: Json) -> set[Path]:
    """What fields_of() has been made of."""
    return {tuple(key.removeprefix("f:") for key in path) for path in leaves(fields) if path}


def drop_leaf(obj: Json, path: Path) -> None:
    trail = [obj]
    for key in path[:-1]:
        if not isinstance(trail[-1].get(key), dict):
            return
        trail.append(trail[-1][key])
    trail[-1].pop(path[-1], None)
    for depth in range(len(path) - 1, 0, -1):
        if trail[depth] == {}:
            trail[depth - 1].pop(path[depth - 1], None)


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str, causes: list[Json] | None = None) -> None:
        super().__init__(message)
        self.code, self.body = code, status_body(code, reason, message, causes)


class FakeApi:
    def __init__(
        self, kinds: list[tuple[str, str, str, bool]] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.tls = tls
        self.kinds = list(KINDS if kinds is None else kinds)
        self.objects: dict[tuple[str, str, str, str], Json] = {}
        self.owners: dict[tuple[str, str, str, str], dict[str, set[Path]]] = {}
        self.version = 100
        self.compacted = 0
        self.history: list[tuple[int, str, str, Json]] = []
        self.requests: list[tuple[str, str, Json]] = []
        self.headers: list[Message] = []
        self.faults: list[Fault] = []
        self.resets = 0
        self.tokens: set[str] | None = None
        self.watch_generation = 0
        self.watches = 0
        self.protocol = "v5.channel.k8s.io"
        # What a forwarded port says to a GET of a path: messages of a channel (0: data, 1: an error) each.
        self.forwarded: dict[str, list[tuple[int, bytes]]] = {}
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._sockets: set[socket.socket] = set()
        self.start()

    # -- what tests do with it -------------------------------------------

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        api = self

        class Bound(Handler):
            fake = api

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", self.port), Bound)
        self.port = self._server.server_address[1]
        if self.tls:
            # The handshake is made by the thread of each connection.
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Go down as a killed server does: all connections are reset, then refused."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self.changed:
            self.watch_generation += 1
            self.changed.notify_all()
        for sock in list(self._sockets):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def fail(
        self,
        status: int,
        *,
        method: str = "*",
        part: str = "",
        times: int = 1,
        headers: Json | None = None,
        body: Json | bytes | None = None,
    ) -> None:
        self.faults.append(Fault(method, part, status, times, headers or {}, body))

    def end_watches(self) -> None:
        with self.changed:
            self.watch_generation += 1
            self.changed.notify_all()

    def when_watched(self, act: t.Callable[[], object]) -> None:
        """Do something as soon as somebody watches, beside the test."""

        def wait() -> None:
            with self.changed:
                if self.changed.wait_for(lambda: self.watches, 10):
                    act()

        threading.Thread(target=wait, daemon=True).start()

    def compact(self) -> None:
        """Forget the history: a watch from before now is answered by 410 Gone."""
        with self.lock:
            self.compacted = self.version
            self.history.clear()

    def put(self, obj: Json) -> Json:
        """Make or change an object as somebody else would."""
        with self.lock:
            key = self.key(obj)
            return self._store(key, copy.deepcopy(obj), self.objects.get(key))

    def remove(self, kind: str, name: str, namespace: str = "") -> None:
        with self.lock:
            self._drop(next(key for key in self.objects if key[1:] == (self._plural(kind), namespace, name)))

    def find(self, kind: str, name: str, namespace: str = "") -> Json | None:
        with self.lock:
            found = (obj for key, obj in self.objects.items() if key[1:] == (self._plural(kind), namespace, name))
            return copy.deepcopy(next(found, None))

    def asked(self, method: str, part: str = "") -> list[tuple[str, str, Json]]:
        return [item for item in self.requests if item[0] == method and part in item[1]]

    def versions(self) -> dict[str, str]:
        return {"/".join(key): obj["metadata"]["resourceVersion"] for key, obj in self.objects.items()}

    # -- the store --------------------------------------------------------

    def _plural(self, kind: str) -> str:
        return next(plural for _api, plural, known, _namespaced in self.kinds if known == kind)

    def key(self, obj: Json) -> tuple[str, str, str, str]:
        meta = obj["metadata"]
        return obj["apiVersion"], self._plural(obj["kind"]), meta.get("namespace", ""), meta["name"]

    def _store(self, key: tuple[str, str, str, str], obj: Json, old: Json | None) -> Json:
        self.version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self.version)
        meta["uid"] = old["metadata"]["uid"] if old else meta.get("uid") or str(uuid.uuid4())
        meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        generation = old["metadata"].get("generation", 1) if old else 1
        meta["generation"] = generation + (1 if old and old.get("spec") != obj.get("spec") else 0)
        if obj["kind"] == "Namespace":
            obj.setdefault("status", {"phase": "Active"})
        if obj["kind"] == "CustomResourceDefinition":
            self._serve(obj)
        self.objects[key] = obj
        self.history.append((self.version, key[1], "MODIFIED" if old else "ADDED", copy.deepcopy(obj)))
        self.changed.notify_all()
        return obj

    def _serve(self, crd: Json) -> None:
        spec = crd["spec"]
        crd["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
        api_version = f"{spec['group']}/{spec['versions'][0]['name']}"
        row = (api_version, spec["names"]["plural"], spec["names"]["kind"], spec["scope"] == "Namespaced")
        if row not in self.kinds:
            self.kinds.append(row)

    def _drop(self, key: tuple[str, str, str, str]) -> Json:
        obj = self.objects.pop(key)
        self.owners.pop(key, None)
        self.version += 1
        gone = copy.deepcopy(obj)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, key[1], "DELETED", gone))
        self.changed.notify_all()
        return obj

    def apply(
        self, key: tuple[str, str, str, str], doc: Json, manager: str, force: bool, dry: bool
    ) -> tuple[int, Json]:
        if key[2] and not any(other[1] == "namespaces" and other[3] == key[2] for other in self.objects):
            raise Refusal(404, "NotFound", f'namespaces "{key[2]}" not found')
        known = SPEC_FIELDS.get(doc["kind"])
        unknown = [name for name in doc.get("spec", {}) if known is not None and name not in known]
        if unknown:
            kind = f"{key[0]}, Kind={doc['kind']}"
            text = f".spec.{unknown[0]}: field not declared in schema"
            raise Refusal(500, "", f"failed to create typed patch object ({key[2]}/{key[3]}; {kind}): {text}")
        old = self.objects.get(key)
        new = copy.deepcopy(old) if old else {"apiVersion": doc["apiVersion"], "kind": doc["kind"], "metadata": {}}
        owners = {name: set(paths) for name, paths in self.owners.get(key, {}).items()}
        fixed = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
        wanted = {path: value for path, value in leaves(doc).items() if path not in fixed}
        current = leaves(new)
        causes = []
        for path, value in wanted.items():
            for other, paths in owners.items():
                if other != manager and path in paths and current.get(path) != value:
                    text = f'conflict with "{other}"'
                    field = "." + ".".join(path)
                    causes.append({"reason": "FieldManagerConflict", "message": text, "field": field})
                    if force:
                        paths.discard(path)
        if causes and not force:
            raise Refusal(409, "Conflict", f"Apply failed with {len(causes)} conflict", causes)
        for path in owners.get(manager, set()) - wanted.keys():
            if not any(path in paths for other, paths in owners.items() if other != manager):
                drop_leaf(new, path)
        for path, value in wanted.items():
            set_leaf(new, path, copy.deepcopy(value))
        new["metadata"].update(
            {name: doc["metadata"][name] for name in ("name", "namespace") if name in doc["metadata"]}
        )
        owners[manager] = set(wanted)
        new["metadata"]["managedFields"] = [
            {"manager": name, "operation": "Apply", "fieldsV1": fields_of(sorted(paths))}
            for name, paths in sorted(owners.items())
        ]
        if old is not None and new == old:
            return 200, old
        if dry:
            new["metadata"].setdefault("uid", str(uuid.uuid4()))
            return (200 if old else 201), new
        self.owners[key] = owners
        return (200 if old else 201), self._store(key, new, old)


class Handler(BaseHTTPRequestHandler):
    fake: FakeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: t.Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.fake._sockets.add(self.connection)

    def finish(self) -> None:
        self.fake._sockets.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def reply(self, code: int, body: t.Any, headers: Json | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, str(value))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def answer(self) -> None:
        fake = self.fake
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        fake.requests.append((self.command, self.path, dict(self.headers.items())))
        fake.headers.append(self.headers)
        if fake.resets > 0:
            fake.resets -= 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        for fault in fake.faults:
            if fault.fits(self.command, self.path):
                fault.times -= 1
                body = fault.body or status_body(fault.status, "", f"told to answer {fault.status}")
                self.reply(fault.status, body, fault.headers)
                return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if fake.tokens is not None and token not in fake.tokens:
            self.reply(401, status_body(401, "Unauthorized", "Unauthorized"))
            return
        try:
            if parts.path == "/version":
                self.reply(200, {"gitVersion": "v1.36.0"})
            elif parts.path == "/apis":
                self.reply(200, {"kind": "APIGroupList", "groups": self.groups()})
            elif parts.path.startswith("/apis/") and parts.path.count("/") == 2:
                found = [one for one in self.groups() if one["name"] == parts.path.rpartition("/")[2]]
                self.reply(200, found[0]) if found else self.reply(404, status_body(404, "NotFound", "no such group"))
            elif parts.path.endswith("/exec"):
                self.execute(parse_qs(parts.query))
            elif parts.path.endswith("/portforward"):
                self.forward(int(query["ports"]))
            elif parts.path.endswith("/log"):
                self.reply(200, b"one\ntwo\n")
            elif query.get("watch") == "true":
                self.watch(parts.path, query)
            else:
                with fake.lock:
                    code, body = self.serve(parts.path, query, json.loads(raw) if raw else None)
                    data = json.dumps(body).encode()
                self.reply(code, data)
        except Refusal as refusal:
            self.reply(refusal.code, refusal.body)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            # The real one refuses an object whose fields have other types than its schema says.
            self.reply(422, status_body(422, "Invalid", f"the object is not as its schema says: {fault!r}"))

    # -- paths -----------------------------------------------------------

    def split(self, path: str) -> tuple[str, str, str, str, str]:
        """API version, plural, namespace, name, subresource."""
        words = path.strip("/").split("/")
        api_version, rest = (words[1], words[2:]) if words[0] == "api" else ("/".join(words[1:3]), words[3:])
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        rest = [*rest, "", "", ""][:3]
        return api_version, rest[0], namespace, rest[1], rest[2]

    def groups(self) -> list[Json]:
        """The named groups, each with its versions."""
        found: dict[str, list[Json]] = {}
        for api_version in dict.fromkeys(row[0] for row in self.fake.kinds):
            group, slash, version = api_version.rpartition("/")
            if slash:
                found.setdefault(group, []).append({"groupVersion": api_version, "version": version})
        return [{"name": name, "versions": some, "preferredVersion": some[0]} for name, some in found.items()]

    def serve(self, path: str, query: Json, body: t.Any) -> tuple[int, Json]:
        fake = self.fake
        api_version, plural, namespace, name, sub = self.split(path)
        rows = [row for row in fake.kinds if row[0] == api_version]
        if not plural:
            if not rows:
                raise Refusal(404, "NotFound", "the server could not find the requested resource")
            listed = [{"name": row[1], "kind": row[2], "namespaced": row[3]} for row in rows]
            return 200, {
                "kind": "APIResourceList",
                "resources": [*listed, {"name": f"{rows[0][1]}/status", "kind": "X"}],
            }
        row = next((item for item in rows if item[1] == plural), None)
        if row is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        key = (api_version, plural, namespace, name)
        if self.command == "GET" and not name:
            return 200, self.page(row, namespace, query)
        dry = query.get("dryRun") == "All"
        if self.command == "PATCH" and "apply-patch" in self.headers["Content-Type"]:
            return fake.apply(key, body, query["fieldManager"], query.get("force") == "true", dry)
        if self.command == "POST":
            key = (api_version, plural, namespace, body["metadata"]["name"])
            if key in fake.objects:
                raise Refusal(409, "AlreadyExists", f'{plural} "{key[3]}" already exists')
            return 201, fake._store(key, body, None)
        old = fake.objects.get(key)
        if old is None:
            raise Refusal(404, "NotFound", f'{plural} "{name}" not found')
        if self.command == "GET":
            return 200, old
        if self.command == "PUT":
            sent = body["metadata"].get("resourceVersion")
            if sent and sent != old["metadata"]["resourceVersion"]:
                raise Refusal(409, "Conflict", "the object has been modified")
            fake.owners.pop(key, None)
            return 200, fake._store(key, body, old)
        if self.command == "PATCH":
            new = copy.deepcopy(old)
            if isinstance(body, list):
                for step in body:
                    set_leaf(new, tuple(step["path"].strip("/").split("/")), step["value"])
            else:
                for leaf, value in leaves(body).items():
                    if value is None:
                        drop_leaf(new, leaf)
                    else:
                        set_leaf(new, leaf, value)
            if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
                raise Refusal(409, "Conflict", "the object has been modified")
            entries = new["metadata"].get("managedFields") or ()
            if entries != (old["metadata"].get("managedFields") or ()):
                fake.owners[key] = {one["manager"]: paths_of(one["fieldsV1"]) for one in entries}
            return 200, fake._store(key, new, old)
        wanted = {**((body or {}).get("preconditions") or {})}
        if any(old["metadata"].get(field) != value for field, value in wanted.items()):
            raise Refusal(409, "Conflict", "the precondition does not hold")
        if dry or "dryRun" in (body or {}):
            return 200, old
        if old["metadata"].get("finalizers"):
            new = copy.deepcopy(old)
            new["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
            return 200, fake._store(key, new, old)
        return 200, fake._drop(key)

    def selected(self, row: tuple[str, str, str, bool], namespace: str, query: Json) -> t.Callable[[Json], bool]:
        labels = [
            (key, set((some or one or "").split(",")) if some or equals else None)
            for key, some, equals, one in LABEL_TERM.findall(query.get("labelSelector", ""))
        ]
        fields = [part.partition("=") for part in query.get("fieldSelector", "").split(",") if part]

        def fits(obj: Json) -> bool:
            meta = obj["metadata"]
            held = meta.get("labels") or {}
            if namespace and meta.get("namespace") != namespace:
                return False
            if any(key not in held or (values is not None and held[key] not in values) for key, values in labels):
                return False
            return all(
                (meta.get("name") if key == "metadata.name" else obj.get(key)) == value
                for key, _equals, value in fields
            )

        return fits

    def page(self, row: tuple[str, str, str, bool], namespace: str, query: Json) -> Json:
        fake = self.fake
        fits = self.selected(row, namespace, query)
        items = [copy.deepcopy(obj) for key, obj in sorted(fake.objects.items()) if key[:2] == row[:2] and fits(obj)]
        for item in items:
            item.pop("apiVersion", None)
            item.pop("kind", None)
        start, limit = int(query.get("continue") or 0), int(query.get("limit") or 0) or len(items)
        meta: Json = {"resourceVersion": str(fake.version)}
        if start + limit < len(items):
            meta["continue"] = str(start + limit)
        return {"apiVersion": row[0], "kind": f"{row[2]}List", "metadata": meta, "items": items[start : start + limit]}

    # -- streams ---------------------------------------------------------

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def watch(self, path: str, query: Json) -> None:
        fake = self.fake
        _api_version, plural, namespace, _name, _sub = self.split(path)
        row = next(item for item in fake.kinds if item[1] == plural)
        fits = self.selected(row, namespace, query)
        seen, until = int(query["resourceVersion"]), time.monotonic() + float(query.get("timeoutSeconds", 60))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with fake.changed:
            generation = fake.watch_generation
            fake.watches += 1
            fake.changed.notify_all()
            if seen < fake.compacted:
                gone = status_body(410, "Expired", "too old resource version")
                self.chunk(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
                self.chunk(b"")
                return
            while generation == fake.watch_generation:
                for version, kind, event, obj in fake.history:
                    if version > seen and kind == plural:
                        seen = version
                        if fits(obj):
                            self.chunk(json.dumps({"type": event, "object": obj}).encode() + b"\n")
                left = until - time.monotonic()
                if left <= 0:
                    break
                fake.changed.wait(left)
        self.chunk(b"")

    def upgrade(self, protocol: str) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.send_header("Sec-WebSocket-Protocol", protocol)
        self.end_headers()
        self.close_connection = True

    def forward(self, port: int) -> None:
        """A port of a pod that answers GET with what `forwarded` says; any other path ends the connection."""
        self.upgrade("v4.channel.k8s.io")
        for channel in (0, 1):
            self.send_message(channel, struct.pack("<H", port))
        while True:
            channel, request = self.message()
            path = request.split(b" ")[1].decode() if channel == 0 else ""
            if path not in self.fake.forwarded:
                break
            for answering, payload in self.fake.forwarded[path]:
                self.send_message(answering, payload)
        self.wfile.write(b"\x88\x02\x03\xe8")

    def execute(self, query: dict[str, list[str]]) -> None:
        """Commands: cat gives stdin back, fail exits with 7, hang never ends, anything else cannot be started.

        echo gives stdin back while it comes; deaf ends without having read it.
        """
        self.upgrade(self.fake.protocol)
        command = query["command"]
        stdin = b""
        expects = query.get("stdin") == ["true"] and command[0] not in ("deaf", "echo")
        size = int(command[4]) if command[0] == "sh" else None
        while expects:
            channel, payload = self.message()
            if channel == 255 or channel < 0:
                break
            stdin += payload
            if size is not None and len(stdin) >= size:
                break
        name = command[5] if size is not None else command[0]
        if name == "hang":
            self.connection.recv(1)
            return
        if name == "echo":
            while (received := self.message())[0] == 0:
                self.send_message(1, received[1] * 50)
            self.send_message(3, b'{"status":"Success"}')
        elif name == "deaf":
            self.send_message(3, b'{"status":"Success"}')
        elif name == "cat":
            self.wfile.write(b"\x89\x02hi")  # a ping in between
            for start in range(0, len(stdin), 40000):
                self.send_message(1, stdin[start : start + 40000])
            self.send_message(2, b"done")
            self.send_message(3, b'{"status":"Success"}')
        elif name == "fail":
            causes = [{"reason": "ExitCode", "message": "7"}]
            self.send_message(3, json.dumps({"status": "Failure", "details": {"causes": causes}}).encode())
        else:
            self.send_message(3, json.dumps({"status": "Failure", "message": "no such program"}).encode())
        self.wfile.write(b"\x88\x02\x03\xe8")
        while self.rfile.read(1):  # a close with unread bytes would reset the connection and lose what was sent
            pass

    def send_message(self, channel: int, payload: bytes) -> None:
        data = bytes([channel]) + payload
        if len(data) < 126:
            head = struct.pack("!BB", 0x82, len(data))
        elif len(data) < 65536:
            head = struct.pack("!BBH", 0x82, 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x82, 127, len(data))
        self.wfile.write(head + data)

    def message(self) -> tuple[int, bytes]:
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 0x0F == 8:
            return -1, b""
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack("!H", self.rfile.read(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.rfile.read(8))[0]
        mask = self.rfile.read(4)
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(length)))
        return data[0], data[1:]
