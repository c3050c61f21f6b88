# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace of its own with three small workloads, and plays in it whose results are read task by task."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t
from pathlib import Path

import pytest
import testinfra

NAMESPACE = "modules"
SERVER = Path(__file__).with_name("server.py")
# What comes and goes by itself or with others, and pods, whose status the kubelet writes when it likes.
TRANSIENT = {"endpoints", "endpointslices", "events", "leases", "pods"}

Json = dict[str, t.Any]


def workload(image: str, app: str, version: str, *, sidecar: bool) -> Json:
    labels = {"app": app, "version": version}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{app}-{version}"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": {**labels, "sidecar.istio.io/inject": "true" if sidecar else "false"}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 0,
                    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000},
                    "containers": [
                        {
                            "name": app,
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["python3", "-B", "/app/server.py"],
                            "env": [{"name": "VERSION", "value": version}],
                            "readinessProbe": {
                                "httpGet": {"path": "/", "port": 8080},
                                "periodSeconds": 1,
                                "timeoutSeconds": 5,
                                "failureThreshold": 20,
                            },
                            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                            "volumeMounts": [{"name": "app", "mountPath": "/app"}],
                        }
                    ],
                    "volumes": [{"name": "app", "configMap": {"name": "server"}}],
                },
            },
        },
    }


def service(name: str, *, target: int = 8080, **selector: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 8080, "targetPort": target}]},
    }


def program() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "server"},
        "data": {SERVER.name: SERVER.read_text()},
    }


def documents(image: str) -> list[Json]:
    """`server` has two versions, each with a Service of its own as well; `bare` has no sidecar.

    The Service `dead` has no pod, the pod of `deaf` does not listen.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}},
        },
        program(),
        workload(image, "client", "v1", sidecar=True),
        workload(image, "server", "v1", sidecar=True),
        workload(image, "server", "v2", sidecar=True),
        workload(image, "bare", "v1", sidecar=False),
        service("server", app="server"),
        service("v1", app="server", version="v1"),
        service("v2", app="server", version="v2"),
        service("bare", app="bare"),
        service("dead", app="dead"),
        service("deaf", target=9, app="bare"),
    ]


@dataclasses.dataclass(frozen=True)
class World:
    """The namespace as a user with a playbook sees it, and as the API server does."""

    kube: t.Any
    host: t.Any
    kubeconfig: Path
    folder: Path
    image: str
    namespace: str = NAMESPACE

    def workload(self, app: str, version: str) -> Json:
        """A Deployment as those that are there."""
        return workload(self.image, app, version, sidecar=True)

    def copy(self) -> list[Json]:
        """A client and version v2 of the server for another namespace, whose label decides on sidecars."""
        pods = [self.workload("client", "v1"), self.workload("server", "v2")]
        for pod in pods:
            del pod["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"]
        return [program(), *pods, service("server", app="server")]

    def play(self, *tasks: Json) -> list[Json]:
        """Run the tasks as one play, which goes on where a task fails; returns what each of them returned."""
        return self.play_and_look(*tasks)[0]

    def play_and_look(self, *tasks: Json) -> tuple[list[Json], str]:
        """The same, with what a user sees on the screen."""
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        registered = [f"step_{number}" for number in range(len(tasks))]
        written = {"dest": str(results), "content": f"{{{{ [{', '.join(registered)}] | to_json }}}}", "mode": "0600"}
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "module_defaults": {"group/mesh.workshop.mesh": {"kubeconfig": str(self.kubeconfig)}},
            "tasks": [
                *(
                    {**task, "register": name, "ignore_errors": True}
                    for name, task in zip(registered, tasks, strict=True)
                ),
                {"ansible.builtin.copy": written, "diff": False},
            ],
        }
        playbook = self.folder / "play.yml"
        playbook.write_text(json.dumps([play]))
        run = self.host.run("ansible-playbook %s", str(playbook))
        output = run.stdout + run.stderr
        assert run.rc == 0, output
        assert "Traceback" not in output, output
        return json.loads(results.read_text()), output

    def task(self, module: str, /, *, check: bool = False, **arguments: t.Any) -> Json:
        """A task that calls a module of the collection, with diff."""
        arguments = {"namespace": self.namespace, **arguments}
        return {f"mesh.workshop.{module}": arguments, "check_mode": check, "diff": True}

    def verify(self, *checks: Json, once: bool = False) -> Json:
        """A task that runs checks alone."""
        return {"mesh.workshop.verify": {"checks": list(checks), "namespace": self.namespace, "once": once}}

    def paste(self, step: int) -> Json:
        """A task that pastes the change of a step's only check into a shell, where it has one."""
        programs = Path("/var/lib/mesh-workshop") / self.kubeconfig.name / "bin"
        path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        return {
            "ansible.builtin.shell": {"cmd": f"{{{{ step_{step}.checks[0].change }}}}", "executable": "/bin/bash"},
            "environment": {"KUBECONFIG": str(self.kubeconfig), "PATH": path},
            "when": f"step_{step}.checks[0].change != ''",
        }

    def remove(self, *definitions: Json) -> None:
        """Take away what a test has applied."""
        (result,) = self.play(self.task("apply", definitions=list(definitions), state="absent"))
        assert not result["failed"], result["msg"]

    def snapshot(self) -> dict[str, str]:
        """The resourceVersion of everything in the namespace, whatever its kind."""
        found = {}
        for path, plural in self._resources():
            for item in self._get(f"{path}/namespaces/{self.namespace}/{plural}")["items"]:
                found[f"{path} {plural} {item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
        return found

    def find(self, api_version: str, plural: str, name: str) -> Json | None:
        """One object as it is now."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        items = self._get(f"{path}/namespaces/{self.namespace}/{plural}")["items"]
        return next((item for item in items if item["metadata"]["name"] == name), None)

    def _resources(self) -> t.Iterator[tuple[str, str]]:
        paths = ["/api/v1"]
        for group in self._get("/apis")["groups"]:
            paths.append(f"/apis/{group['preferredVersion']['groupVersion']}")
        for path in paths:
            for resource in self._get(path)["resources"]:
                listed = resource["namespaced"] and "list" in resource["verbs"]
                if listed and resource["name"] not in TRANSIENT:
                    yield path, resource["name"]

    def _get(self, path: str) -> Json:
        client = self.kube.core.api_client
        answer = client.call_api("GET", client.configuration.host + path, {"Accept": "application/json"})
        return t.cast(Json, json.loads(answer.read()))


@pytest.fixture(scope="session")
def world(kube: t.Any, kubeconfig: Path, tmp_path_factory: t.Any) -> t.Iterator[World]:
    names = [name for node in kube.core.list_node().items for image in node.status.images for name in image.names]
    (image, *_others) = [name for name in names if "/probe:" in name]
    found = World(kube, testinfra.get_host("local://"), kubeconfig, tmp_path_factory.mktemp("plays"), image)
    made = documents(image)
    found.remove(made[0])  # what an interrupted run has left
    (result,) = found.play(found.task("apply", definitions=made))
    assert not result["failed"], result["msg"]
    yield found
    found.remove(made[0])
