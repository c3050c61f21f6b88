# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An oracle that shares nothing with the collection: HTTP by the standard library, Kubernetes by its own client.

The collection is only ever *run*, as a user runs it: playbooks and modules from the command line.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import http.client
import json
import os
import re
import subprocess
import time
import typing as t
import urllib.parse
from pathlib import Path

import kubernetes
import kubernetes.stream
import pytest
from oracle import callers

CLUSTER = os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test")
KUBECONFIG = Path.home() / ".kube" / CLUSTER
NAMESPACE = "bookinfo"
HOST = "mybookstore.com"
ROOT = Path(__file__).resolve().parents[2]

# What a user's shell does not have: molecule's own configuration, and colours in what the tests read.
for variable in ("ANSIBLE_CONFIG", "ANSIBLE_FORCE_COLOR", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_ROLES_PATH"):
    os.environ.pop(variable, None)
os.environ["ANSIBLE_NOCOLOR"] = "1"
# Results are read from what Ansible prints by default, which the repository's ansible.cfg replaces.
os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
# Results are read here; molecule's own output is YAML, for people.
os.environ["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "json"


@dataclasses.dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: str
    seconds: float

    def json(self) -> t.Any:
        return json.loads(self.body)


class Gateway:
    """A user at the gateway: one new connection per request, so that every request may be balanced anew."""

    def __init__(self, address: str, port: int = 80) -> None:
        self.address = address
        self.port = port

    def request(
        self, method: str, path: str, *, host: str = HOST, body: str = "", headers: t.Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=15)
        start = time.monotonic()
        try:
            connection.request(method, path, body=body or None, headers={"Host": host, **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, text, time.monotonic() - start)

    def get(self, path: str, **options: t.Any) -> Answer:
        return self.request("GET", path, **options)

    def login(self, user: str, host: str = HOST) -> dict[str, str]:
        """Log in as a browser does; the headers carry the session from then on."""
        answer = self.request(
            "POST",
            "/login",
            host=host,
            body=f"username={user}&passwd=anything",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status == 302, f"login as {user} answered {answer.status}"
        return {"Cookie": answer.headers["set-cookie"].split(";")[0]}

    def versions(self, count: int, headers: t.Mapping[str, str] | None = None) -> collections.Counter[str]:
        """Which versions of reviews served how many pages, by the pod that each page names."""
        seen: collections.Counter[str] = collections.Counter()
        for _number in range(count):
            page = self.get("/productpage", headers=headers)
            assert page.status == 200, f"the page answered {page.status}"
            pods = set(re.findall(r"\breviews-(v\d)-[a-z0-9]+-[a-z0-9]+\b", page.body))
            assert len(pods) == 1, f"the page names {len(pods)} versions of reviews instead of one: {sorted(pods)}"
            version = pods.pop()
            stars = set(re.findall(r"stars-(black|red)", page.body))
            assert stars == {"v1": set(), "v2": {"black"}, "v3": {"red"}}[version], f"{version} came with {stars} stars"
            seen[version] += 1
        return seen


class Kube:
    """The Kubernetes API through its own client."""

    def __init__(self, kubeconfig: Path) -> None:
        client = kubernetes.config.new_client_from_config(str(kubeconfig))
        self.core = kubernetes.client.CoreV1Api(client)
        self.apps = kubernetes.client.AppsV1Api(client)
        self.custom = kubernetes.client.CustomObjectsApi(client)
        self.rbac = kubernetes.client.RbacAuthorizationV1Api(client)
        self.version = kubernetes.client.VersionApi(client)

    def gateway(self) -> Gateway:
        """Where users come in, by the Service's published address."""
        (service,) = self.core.list_service_for_all_namespaces(label_selector="istio=ingressgateway").items
        return Gateway(service.status.load_balancer.ingress[0].ip)

    def istio(self, plural: str, namespace: str = NAMESPACE) -> dict[str, dict[str, t.Any]]:
        """Istio's objects of one kind by name."""
        found = self.custom.list_namespaced_custom_object("networking.istio.io", "v1", namespace, plural)
        return {item["metadata"]["name"]: item for item in found["items"]}

    def service_get(self, service: str, path: str) -> t.Any:
        """GET from a Service by way of the API server's proxy."""
        answer = self.core.connect_get_namespaced_service_proxy_with_path(
            f"{service}:9080", NAMESPACE, path.lstrip("/"), _preload_content=False
        )
        return json.loads(answer.data)

    def prometheus(self, query: str) -> float:
        """What a query gives the Prometheus of the role metrics, by the API server's proxy; 0 for nothing."""
        api = self.core.api_client
        place = "namespaces/mesh-workshop-metrics/services/http:prometheus:9090/proxy/api/v1/query"
        answer = api.call_api(
            "GET", f"{api.configuration.host}/api/v1/{place}?{urllib.parse.urlencode({'query': query})}"
        )
        answer.read()
        assert answer.status == 200, f"Prometheus answered {answer.status} to {query}"
        found = json.loads(answer.data)["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def execute(self, pod: str, container: str, *command: str, seconds: float = 120, namespace: str = NAMESPACE) -> str:
        """What a command in a container prints."""
        said = kubernetes.stream.stream(
            self.core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container=container,
            command=list(command),
            stdout=True,
            stderr=True,
            # The client would take JSON for its own and give back Python.
            _preload_content=False,
        )
        said.run_forever(timeout=seconds)
        return str(said.read_stdout())

    def generations(self) -> dict[str, tuple[str, int]]:
        """Identity and generation of what setup makes: both stay as they are where nothing is changed."""
        objects: list[tuple[str, t.Any]] = []
        for kind, items in {
            "Deployment": self.apps.list_deployment_for_all_namespaces().items,
            "DaemonSet": self.apps.list_daemon_set_for_all_namespaces().items,
            "Service": self.core.list_service_for_all_namespaces().items,
            "ServiceAccount": self.core.list_service_account_for_all_namespaces().items,
        }.items():
            objects += [
                (f"{kind} {item.metadata.namespace}/{item.metadata.name}", item.metadata.to_dict()) for item in items
            ]
        for plural in ("gateways", "virtualservices", "destinationrules"):
            objects += [(f"{plural} {name}", item["metadata"]) for name, item in self.istio(plural).items()]
        return {name: (metadata["uid"], metadata.get("generation") or 0) for name, metadata in objects}


@dataclasses.dataclass(frozen=True)
class Run:
    """How a command of Ansible's ended."""

    status: int
    output: str

    @property
    def result(self) -> dict[str, t.Any]:
        """What a module returned."""
        _head, _arrow, document = self.output.partition(" => ")
        return t.cast(dict[str, t.Any], json.JSONDecoder().raw_decode(document)[0])

    @property
    def changed(self) -> int:
        (count,) = re.findall(r"^localhost\s+:.*\bchanged=(\d+)", self.output, flags=re.MULTILINE)
        return int(count)

    @property
    def message(self) -> str:
        """What the failed task says to the user."""
        (last, *_rest) = re.findall(r'"msg": "((?:[^"\\]|\\.)*)"', self.output)[::-1] or [""]
        return str(json.loads(f'"{last}"'))


class Ansible:
    """Ansible's command line, run as a user runs it."""

    def __init__(self, host: t.Any) -> None:
        self._host = host

    def play(self, name: str, *options: str, **variables: t.Any) -> Run:
        named = {} if name == "migrate" else {"cluster_name": CLUSTER}  # a conversion is about no workshop
        extra = json.dumps({**named, **variables})
        return self._run(" ".join([f"ansible-playbook mesh.workshop.{name}", *options, "-e %s"]), extra)

    def role(self, name: str, **variables: t.Any) -> Run:
        """A role, with what it does by default where no variables are given."""
        extra = json.dumps({"cluster_name": CLUSTER, **variables})
        return self._run(f"ansible localhost -m ansible.builtin.include_role -a name=mesh.workshop.{name} -e %s", extra)

    def begin(
        self, name: str, *, log: Path | None = None, callback: str = "ansible.builtin.default", **variables: t.Any
    ) -> subprocess.Popen[bytes]:
        """A playbook that runs beside the test. Its output goes to a file or nowhere: a pipe would have to be read."""
        extra = json.dumps({"cluster_name": CLUSTER, **variables})
        with log.open("wb") if log else contextlib.nullcontext(subprocess.DEVNULL) as output:
            return subprocess.Popen(
                ["ansible-playbook", f"mesh.workshop.{name}", "-e", extra],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": callback},
            )

    def module(self, module: str, /, *, check: bool = False, **arguments: t.Any) -> Run:
        arguments = {"kubeconfig": str(KUBECONFIG), **arguments}
        mode = " --check" if check else ""
        return self._run(f"ansible localhost{mode} -m mesh.workshop.{module} -a %s", json.dumps(arguments))

    def lookup(self, name: str, term: str, **options: t.Any) -> t.Any:
        """What a lookup returns."""
        options = {"kubeconfig": str(KUBECONFIG), **options}
        text = ", ".join(
            [f"'mesh.workshop.{name}'", f"'{term}'", *(f"{key}='{value}'" for key, value in options.items())]
        )
        run = self._run(
            "ansible localhost -m ansible.builtin.debug -a %s", json.dumps({"msg": f"{{{{ lookup({text}) }}}}"})
        )
        assert run.status == 0, run.output
        return run.result["msg"]

    def _run(self, command: str, argument: str) -> Run:
        result = self._host.run(command, argument)
        output = result.stdout + result.stderr
        assert "Traceback" not in output, output
        return Run(result.rc, output)


@dataclasses.dataclass(frozen=True)
class Machine:
    """The machine beneath the cluster."""

    host: t.Any

    def run(self, command: str, *arguments: str) -> str:
        """Run as root; the command must succeed."""
        with contextlib.nullcontext() if os.geteuid() == 0 else self.host.sudo():
            return str(self.host.check_output(command, *arguments))

    def processes(self, name: str | None = None) -> dict[int, str]:
        """The cluster's processes: every one of them is in a cgroup below that of its cluster."""
        found = {}
        for directory in Path("/proc").iterdir():
            if not directory.name.isdecimal():
                continue
            try:
                groups = (directory / "cgroup").read_text()
                program = (directory / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            if re.search(rf"/mesh-workshop/{re.escape(CLUSTER)}(/|$)", groups, flags=re.MULTILINE):
                found[int(directory.name)] = program
        return {pid: program for pid, program in found.items() if name in (None, Path(program).name)}


def eventually(condition: t.Callable[[], t.Any], what: str | t.Callable[[], str], seconds: float = 60) -> t.Any:
    """Ask again until the answer is true; the pause only spares the processor. ``what`` says what never came."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        said = what if isinstance(what, str) else what()
        assert time.monotonic() < deadline, f"{said}: not within {seconds:g} s"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def cluster() -> str:
    return CLUSTER


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    return KUBECONFIG


@pytest.fixture(scope="session")
def kube(kubeconfig: Path) -> Kube:
    return Kube(kubeconfig)


@pytest.fixture(scope="session")
def gateway(kube: Kube) -> Gateway:
    return kube.gateway()


@pytest.fixture(scope="module")
def ansible(host: t.Any) -> Ansible:
    return Ansible(host)


@pytest.fixture
def machine(host: t.Any) -> Machine:
    return Machine(host)


@pytest.fixture(name="eventually", scope="session")
def eventually_fixture() -> t.Callable[..., t.Any]:
    return eventually


@pytest.fixture
def ask_from(kube: Kube) -> t.Callable[..., list[Answer]]:
    """Requests from a pod of an app, whose container has its name."""

    def ask(
        app: str,
        *urls: str,
        version: str = "",
        namespace: str = NAMESPACE,
        method: str = "GET",
        body: str = "",
        headers: t.Mapping[str, str] | None = None,
        count: int = 1,
        seconds: int = 0,
        within_a_second: bool = False,
    ) -> list[Answer]:
        """Ask each URL that many times, one after another, or the first as often as possible for some seconds."""
        labels = f"app={app},version={version}" if version else f"app={app}"
        pods = kube.core.list_namespaced_pod(namespace, label_selector=labels).items
        pod = next(pod for pod in pods if not pod.metadata.deletion_timestamp)
        plan = {"urls": urls * count, "method": method, "body": body, "headers": dict(headers or {})}
        plan |= {"seconds": seconds, "within_a_second": within_a_second}
        command = ("python3", "-c", callers.CLIENT, json.dumps(plan))
        said = kube.execute(pod.metadata.name, app, *command, namespace=namespace)
        return [Answer(**answer) for answer in json.loads(said)]

    return ask
