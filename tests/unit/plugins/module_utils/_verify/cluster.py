# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of a test: as much of a client as checks use, and an exec that runs the probe here."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import types
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.workload import (
    NAME,
)
from ansible_collections.mesh.workshop.tests.unit.servers import Site

Json = dict[str, t.Any]


def pod(name: str, address: str = "10.0.0.1", ready: bool = True, flush: str | None = "0s", **labels: str) -> Json:
    """A pod with a sidecar that writes its log out at once, unless told otherwise; None leaves that to Istio."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    told = [] if flush is None else [{"name": "PROXY_CONFIG", "value": json.dumps({"fileFlushInterval": flush})}]
    return {
        "metadata": {"name": name, "namespace": "bookinfo", "labels": labels},
        "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "istio-proxy", "env": told}]},
        "status": {"phase": "Running", "conditions": conditions, "podIP": address, "podIPs": [{"ip": address}]},
    }


class Barred:
    """The client of a user who may not do anything in the cluster: requests from the host need no right there."""

    def __getattr__(self, name: str) -> t.Callable[..., t.NoReturn]:
        def refuse(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
            raise ApiError(403, "Forbidden", f"no right to {name}")

        return refuse


class Cluster:
    """As much of a client as the checks use."""

    def __init__(self) -> None:
        self.pods = [
            pod("productpage-1", app="productpage", version="v1"),
            pod("liar-1", "127.0.0.1", app="liar", version="v2"),
        ]
        self.deployments: list[Json] = [
            {
                "metadata": {"name": "productpage-v1", "namespace": "bookinfo"},
                "spec": {"selector": {"matchLabels": {"app": "productpage"}}},
            }
        ]
        self.service = {"metadata": {"name": "liar"}, "spec": {"selector": {"app": "liar"}}}
        self.images: list[str] = []
        self.starts_as: Json = {"running": {}}
        self.patched: list[Json] = []
        self.applied: list[Json] = []
        self.execs = 0
        self.exec_fails = 0
        self.exits: list[int] = []
        """Exit codes of the next programs, which do nothing else."""
        self.goes = False
        """Whether a pod is deleted while it is waited for."""
        self.agents: list[str] = []
        self.logging = ["productpage-1", "liar-1"]
        """Pods whose proxies write what they see."""
        self.host = "127.0.0.1"
        """The service that the caller's proxy asks."""
        self.details = "via_upstream"
        self.late = 0
        """So many of the newest records are not written out yet."""
        self.another_every = 0
        """Each n-th request goes to a pod of version v1."""

    def resources(self, _version: str) -> list[t.Any]:
        return []

    def get(self, _version: str, kind: str, name: str, namespace: str | None = None) -> Json | None:
        found = {"Deployment": self.deployments, "Pod": self.pods, "Service": [self.service]}[kind]
        return next((copy.deepcopy(one) for one in found if one["metadata"]["name"] == name), None)

    def list(self, _version: str, kind: str, namespace: str | None = None, label_selector: str | None = None) -> t.Any:
        if kind == "Node":
            return [{"status": {"images": [{"names": self.images}]}}]
        found = {"Deployment": self.deployments, "Pod": self.pods}.get(kind, [])
        wanted = dict(part.split("=") for part in (label_selector or "").split(",") if part)
        labels = [one["metadata"].get("labels", {}) for one in found]
        return [one for one, have in zip(found, labels, strict=True) if wanted.items() <= have.items()]

    def patch(self, _version: str, _kind: str, name: str, _namespace: str, body: Json, **options: t.Any) -> Json:
        assert options == {
            "content_type": "application/strategic-merge-patch+json",
            "subresource": "ephemeralcontainers",
        }
        self.patched.append(body)
        target = next(one for one in self.pods if one["metadata"]["name"] == name)
        for entry in body["spec"]["ephemeralContainers"]:
            target["spec"].setdefault("ephemeralContainers", []).append(entry)
            states = target["status"].setdefault("ephemeralContainerStatuses", [])
            states.append({"name": entry["name"], "state": self.starts_as})
        return target

    def apply(self, document: Json) -> Json:
        self.applied.append(document)
        if document["kind"] == "Pod":
            states = [{"name": NAME, "state": {"running": {}}}]
            self.pods.append({**document, "status": {"containerStatuses": states}})
        return document

    def wait(self, version: str, kind: str, name: str, namespace: str, predicate: t.Any, *, timeout: float) -> t.Any:
        one = self.get(version, kind, name, namespace)
        if one is not None and self.goes:
            one["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if not predicate(one):
            raise ApiError(0, "Timeout", "it did not come to the state that was waited for")
        return one

    def forward(self, _namespace: str, _pod: str, _port: int, _timeout: float = 10) -> t.Any:
        raise ApiError(403, "Forbidden", "no right to forward")

    def exec(
        self, namespace: str, _pod: str, container: str, command: list[str], stdin: bytes = b"", timeout: float = 60
    ) -> t.Any:
        if command[0] == "pilot-agent":
            raise ApiError(403, "Forbidden", "no right to exec")
        self.execs += 1
        if self.exec_fails:
            self.exec_fails -= 1
            raise ApiError(404, "NotFound", "container not found")
        assert container.startswith(NAME)
        if self.exits:
            return types.SimpleNamespace(exit_code=self.exits.pop(), stdout=b"", stderr=b"")
        done = subprocess.run([sys.executable, "-I", *command[1:]], input=stdin, capture_output=True, check=False)
        return types.SimpleNamespace(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def logs(self, _namespace: str, name: str, container: str, *, since_time: str) -> bytes:
        assert container == "istio-proxy"
        if name not in self.logging:
            return b""
        chosen = "inbound|9080||" if name.startswith("liar") else f"outbound|9080||{self.host}.bookinfo"
        line = (
            f'[t] "GET / HTTP/1.1" 200 - {self.details} - "-" 0 4 2 2 "-" "%s" "id" "127.0.0.1" "%s:9080" '
            f"{chosen} a b c - default"
        )
        written = self.agents[: len(self.agents) - self.late]
        every = self.another_every
        asked = ["10.0.0.1" if every and n % every == 0 else "127.0.0.1" for n in range(len(written))]
        return "\n".join(line % pair for pair in zip(written, asked, strict=True)).encode()


def ask(cluster: t.Any, site: Site, **check: t.Any) -> t.Any:
    body = {
        "name": "c",
        "from": "productpage",
        "request": {"url": f"http://127.0.0.1:{site.port}/"},
        "expect": {"status": 200},
        "deadline": 0,
    }
    return run_checks(cluster, parse_checks([{**body, **check}], default_namespace="bookinfo"), probe_image="probe:1")
