# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan's jobs: their requests in phases, over kept-alive connections, and what came back."""

from __future__ import annotations

import base64
import json
import re
import ssl
import sys
import threading
import time
import typing as t
import uuid
from urllib.parse import urlencode, urljoin, urlsplit

from .http1 import Connection
from .http2 import Connection2
from .tls import tls_context
from .wire import SECURE, Headers, ProbeError

MOST_REQUESTS = 100_000
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
REDIRECTS = (301, 302, 303, 307, 308)

Pool = dict[tuple[str, str, int], Connection]


class Jar:
    """The cookies of one session, shared by its workers. Names and values only: one host, one check."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lock = threading.Lock()

    def take(self, headers: Headers) -> None:
        """Keep what an answer sets, forget what it takes back."""
        with self.lock:
            for name, value in headers:
                if name != "set-cookie":
                    continue
                pair, _semicolon, attributes = value.partition(";")
                key, _equals, content = pair.strip().partition("=")
                if re.search(r"max-age\s*=\s*(0|-)", attributes, re.I) or not content:
                    self.values.pop(key, None)
                else:
                    self.values[key] = content

    def header(self) -> str:
        """The value of the Cookie header."""
        with self.lock:
            return "; ".join("{}={}".format(*pair) for pair in self.values.items())


def redirected(url: str, location: str) -> str | None:
    """Where a redirect leads to; None where that is not an HTTP URL."""
    try:
        parts = urlsplit(urljoin(url, location))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts.geturl() if usable else None


class Job:
    """One check's requests: ``phases`` one after the other, each over new connections."""

    def __init__(self, spec: dict[str, t.Any], run: str) -> None:
        self.spec = spec
        self.run = run
        self.id = spec["id"]
        self.method = spec.get("method", "GET")
        self.url = spec["url"]
        self.headers = [(str(name), str(value)) for name, value in spec.get("headers", [])]
        self.body = base64.b64decode(spec.get("body", ""))
        self.timeout = float(spec.get("timeout", 15))
        self.max_body = int(spec.get("max_body", 1 << 20))
        self.keep_body = int(spec.get("keep_body", 0))
        self.follow = int(spec.get("follow_redirects", 0))
        self.extract = {name: [re.compile(p, re.S) for p in found] for name, found in spec.get("extract", {}).items()}
        address = spec.get("address")
        self.address = (address[0], int(address[1])) if address else None
        self.jar = Jar() if spec.get("session") else None
        self.tls = self.context() if urlsplit(self.url).scheme in SECURE else None
        self.observations: list[dict[str, t.Any]] = []
        self.lock = threading.Lock()
        self.clock = threading.Event()
        self.begun = 0.0
        self.limit = float(spec.get("limit", "inf"))
        self.until = 0.0
        self.first = 0
        self.next = 0
        self.end = 0

    def execute(self) -> dict[str, t.Any]:
        """Log in if asked to, send all phases, return what was seen."""
        started = time.perf_counter()
        self.until = started + self.limit
        number = int(self.spec.get("first", 0))
        error: dict[str, str] | None = None
        try:
            if self.spec.get("session"):
                self.login(self.spec["session"])
        except ProbeError as failure:
            error = {"kind": "login_failed", "detail": (f"{failure.kind} {failure.detail}").strip()}
        if error is None:
            for index, phase in enumerate(self.spec["phases"]):
                # A phase has a number of requests, or a number of seconds and a rate.
                count = int(phase.get("count", MOST_REQUESTS))
                self.first = self.next = number
                self.end = number + count
                self.begun = time.perf_counter()
                workers = max(1, min(int(phase.get("concurrency", 1)), count))
                threads = [threading.Thread(target=self.work, args=(index, phase)) for _worker in range(workers)]
                for thread in threads:
                    thread.daemon = True
                    thread.start()
                for thread in threads:
                    thread.join()
                number = self.next
        self.observations.sort(key=lambda seen: seen["n"])
        return {"observations": self.observations, "error": error, "seconds": time.perf_counter() - started}

    def login(self, session: dict[str, t.Any]) -> None:
        """Log in like a browser: POST the form, keep the cookies. A redirect is the usual answer to it."""
        body = urlencode(session["form"]).encode()
        headers = [("content-type", "application/x-www-form-urlencoded")]
        seen = self.request({}, "POST", urljoin(self.url, session["login"]), headers, body, "login", keep=200)
        if seen["error"]:
            raise ProbeError(seen["error"]["kind"], seen["error"]["detail"])
        if seen["status"] >= 400:
            raise ProbeError(f"status {seen['status']}", "to the login at " + session["login"])
        if self.jar is None or not self.jar.values:
            raise ProbeError("no cookie", "in the answer to the login at " + session["login"])

    def work(self, index: int, phase: dict[str, t.Any]) -> None:
        """One worker of a phase: take the next number, send, write down."""
        pool: Pool = {}
        discard = bool(phase.get("discard"))
        first, rate = self.first, float(phase.get("rate", 0))
        seconds = float(phase.get("seconds", "inf"))
        while True:
            with self.lock:
                n = self.next
                due = (n - first) / rate if rate else 0.0
                now = time.perf_counter()
                if n >= self.end or due > seconds or now - self.begun > seconds or now > self.until:
                    break
                self.next += 1
            wait = self.begun + due - time.perf_counter()
            if wait > 0:
                self.clock.wait(wait)
            seen = self.request(pool, self.method, self.url, self.headers, self.body, n, self.keep_body)
            seen["n"] = n
            seen["phase"] = index
            seen["discard"] = discard
            with self.lock:
                self.observations.append(seen)
            if phase.get("fresh"):
                self.drop(pool)
        self.drop(pool)

    @staticmethod
    def drop(pool: Pool) -> None:
        """Close all connections of a worker."""
        for connection in pool.values():
            connection.close()
        pool.clear()

    def request(
        self, pool: Pool, method: str, url: str, headers: Headers, body: bytes, n: int | str, keep: int
    ) -> dict[str, t.Any]:
        """One request, with its redirects when asked for; the observation of its last answer."""
        seen: dict[str, t.Any] = {"started": time.time(), "status": None, "error": None, "agent": f"{self.run}-{n}"}
        trace = uuid.uuid4().hex
        begun = time.perf_counter()
        for _hop in range(self.follow + 1):
            answer = self.hop(pool, method, url, headers, body, trace, seen, keep)
            if answer is None or self.follow == 0 or answer[0] not in REDIRECTS or "location" not in answer[1]:
                break
            target = redirected(url, answer[1]["location"])
            if target is None:
                break
            url = target
            if answer[0] != 307 and answer[0] != 308 and method != "HEAD":
                method, body = "GET", b""
        seen["trace"] = trace
        seen["seconds"] = time.perf_counter() - begun
        return seen

    def hop(
        self,
        pool: Pool,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        trace: str,
        seen: dict[str, t.Any],
        keep: int,
    ) -> tuple[int, dict[str, str]] | None:
        """One request and its answer, written into the observation; None where there was none."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in SECURE else 80)
        key = (parts.scheme, parts.hostname or "", port)
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        fields = self.fields(parts.netloc.rpartition("@")[2], headers, body, method, str(seen["agent"]), trace)
        for attempt in (1, 2):
            connection = pool.get(key) or self.connection(*key)
            pool[key] = connection
            reused = connection.sock is not None
            try:
                if not reused:
                    connection.open()
                sent = time.perf_counter()
                if parts.scheme in ("tcp", "tls"):
                    exchanged = connection.talk(body, self.timeout, self.max_body)
                else:
                    exchanged = connection.exchange(method, target, fields, body, self.timeout, self.max_body)
                status, answer, content, truncated, first, ended = exchanged
            except ProbeError as error:
                connection.close()
                if attempt == 1 and reused and error.kind == "reset_before_response" and method in IDEMPOTENT:
                    continue  # the peer closed an idle connection: every HTTP client asks again on a new one
                seen["error"] = {"kind": error.kind, "detail": error.detail}
                seen["reused"] = reused
                seen["connect"] = connection.connect_seconds
                return None
            break
        if self.jar is not None:
            self.jar.take(answer)
        text = content.decode("utf-8", "replace") if keep or self.extract else ""
        seen["status"] = status or None
        seen["headers"] = answer
        if connection.peer:
            seen["peer"] = connection.peer
        seen["reused"] = reused
        seen["connection"] = connection.local
        seen["connect"] = 0.0 if reused else connection.connect_seconds
        seen["first_byte"] = first - sent
        seen["total"] = ended - sent
        seen["size"] = len(content)
        seen["truncated"] = truncated or len(text) > keep
        seen["body"] = text[:keep]
        seen["extracted"] = {name: self.find(found, text) for name, found in self.extract.items()}
        return status, dict(answer)

    def context(self) -> ssl.SSLContext:
        """How TLS is spoken in this job."""
        context = tls_context(self.spec.get("tls") or {})
        if self.spec.get("protocol") == "HTTP/2":
            context.set_alpn_protocols(["h2"])
        return context

    def connection(self, scheme: str, host: str, port: int) -> Connection:
        """A connection to where the job says, in the name of the URL's host."""
        tls = (self.tls or self.context()) if scheme in SECURE else None
        kind = Connection2 if self.spec.get("protocol") == "HTTP/2" else Connection
        made = kind(scheme, host, port, self.address, self.timeout, tls)
        made.name = (self.spec.get("tls") or {}).get("name")
        return made

    def fields(self, host: str, headers: Headers, body: bytes, method: str, agent: str, trace: str) -> Headers:
        """The request's headers: the user's own, and what makes it recognisable in the proxies' logs."""
        given = {name.lower() for name, _value in headers}
        fields = [] if "host" in given else [("host", host)]
        own = {name.lower(): value for name, value in headers}.get("user-agent")
        fields.append(("user-agent", (own + " " if own else "") + agent))
        if "accept" not in given:
            fields.append(("accept", "*/*"))
        for name, value in (
            ("x-request-id", str(uuid.UUID(trace))),
            ("x-b3-traceid", trace),
            ("x-b3-spanid", trace[16:]),
        ):
            if name not in given:
                fields.append((name, value))
        fields += [(name, value) for name, value in headers if name.lower() != "user-agent"]
        if self.jar is not None:
            cookies = self.jar.header()
            if cookies:
                fields.append(("cookie", cookies))
        if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in given:
            fields.append(("content-length", str(len(body))))
        return fields

    @staticmethod
    def find(patterns: list[re.Pattern[str]], text: str) -> str | None:
        """What the first pattern that is found has in its group."""
        for pattern in patterns:
            match = pattern.search(text)
            if match:
                return match.group(1).strip()
        return None


def run_plan(plan: dict[str, t.Any]) -> dict[str, t.Any]:
    """Send a plan's requests; its jobs run together."""
    jobs = [Job(spec, spec.get("agent") or plan["agent"]) for spec in plan["jobs"]]
    results: dict[str, t.Any] = {}

    def execute(job: Job) -> None:
        results[job.id] = job.execute()

    threads = [threading.Thread(target=execute, args=(job,)) for job in jobs]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join()
    return {"jobs": results}


def main() -> None:
    """Read a plan from standard input, up to its end or its newline; write the result as one line."""
    plan = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(run_plan(plan)) + "\n")
    sys.stdout.flush()
