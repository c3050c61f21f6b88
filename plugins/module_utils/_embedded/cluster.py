# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees what there is of an embedded cluster and carries out what the plan says."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import time
import typing as t
from pathlib import Path

from . import coredns, kubeadm, limits, machine, network, node, system
from .api import Api
from .layout import VOLUMES, EmbeddedError, Layout
from .machine import CommandError
from .plan import Action, Observed, Wanted, plan

_SVC = {"containerd": f"{node.SCAN_DIR}/containerd", "kubelet": f"{node.SCAN_DIR}/kubelet"}
_CONFIG = "mesh-workshop.yaml"
_SUBNETS_LOCK = "subnets.lock"
_POLL = 0.1

# The parts of kubeadm's init that need no API server, and those that do; the rest (its own waiting, tokens for more
# nodes, checks that concern systemd) is not wanted.
_FILES_SKIP = (
    "preflight,wait-control-plane,upload-config,upload-certs,mark-control-plane,bootstrap-token,kubelet-finalize,"
    "addon,show-join-command"
)
_OBJECTS_SKIP = (
    "preflight,certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane,upload-certs,bootstrap-token,"
    "kubelet-finalize,addon,show-join-command"
)

# What `kubeadm init` must have left on disk, below /etc/kubernetes, besides what its certificates phase makes.
_CONFIGURED = (
    _CONFIG,
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
    "manifests/etcd.yaml",
    "manifests/kube-apiserver.yaml",
    "manifests/kube-controller-manager.yaml",
    "manifests/kube-scheduler.yaml",
    "pki/ca.crt",
    "pki/ca.key",
    "pki/apiserver.crt",
    "pki/apiserver.key",
    "pki/apiserver-kubelet-client.crt",
    "pki/apiserver-kubelet-client.key",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-client.crt",
    "pki/front-proxy-client.key",
    "pki/sa.key",
    "pki/sa.pub",
    "pki/etcd/ca.crt",
    "pki/etcd/server.crt",
    "pki/etcd/server.key",
    "pki/apiserver-etcd-client.crt",
    "pki/apiserver-etcd-client.key",
)


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asked for."""

    artifacts: t.Mapping[str, t.Any]
    subnet: str = ""
    listen: str = ""
    listen_http_port: int = 80
    listen_https_port: int = 443
    listen_api_port: int | None = None
    kubeconfig: str = ""
    kubeconfig_owner: int = 0
    kubeconfig_group: int = 0
    timeout: float = 180.0


@dataclasses.dataclass
class Outcome:
    actions: list[str] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)


def images_of(artifacts: t.Mapping[str, t.Any]) -> list[node.Image]:
    """The images among the artifacts, each once; the ones that have no archive are not ours to import."""
    return [
        node.Image(name=entry["ref"], archive=entry["archive"], digest=entry.get("digest", ""))
        for entry in artifacts["images"].values()
        if isinstance(entry, dict) and entry.get("archive")
    ]


def missing_images(wanted: t.Sequence[node.Image], listing: str) -> list[node.Image]:
    """Of the wanted images those that `ctr images ls` does not show with the wanted content."""
    there: dict[str, str] = {}
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) > 2:
            there[fields[0]] = fields[2]
    return [image for image in wanted if there.get(image.name) is None or image.digest not in ("", there[image.name])]


class Cluster:
    """One cluster on this machine; the methods see and act, and decide nothing."""

    def __init__(self, layout: Layout, request: Request) -> None:
        self.layout = layout
        self.request = request

    # --- settings

    def _settings(self, path: Path | None = None) -> dict[str, t.Any]:
        """A cluster's, this one's by default; empty where there are none, or not any more."""
        text = machine.read(path or self.layout.settings)
        if text is None:
            return {}
        try:
            settings = json.loads(text)
        except ValueError:
            return {}
        return settings if isinstance(settings, dict) else {}

    def _choose_settings(self) -> None:
        """One cluster at a time, so that two that start together do not take the same subnet."""
        with machine.lock(self.layout.run_root / _SUBNETS_LOCK):
            settings = self._settings()
            in_use = network.networks_in_use(machine.addresses(), machine.routes(), self.layout.link)
            others: dict[str, network.Network] = {}
            for path in sorted(self.layout.data_root.glob("*/cluster.json")):
                other = self._settings(path).get("subnet") if path != self.layout.settings else None
                if other:
                    others[path.parent.name] = network.parse_subnet(other)
            subnet = network.choose_subnet(self.request.subnet, str(settings.get("subnet", "")), in_use, others)
            self._save({**settings, "subnet": str(subnet)})

    def _save(self, settings: t.Mapping[str, t.Any]) -> None:
        # The user's shell looks here for kubectl; keys and data lie in directories of their own. Whose umask is strict
        # would keep it out of what is made on the way.
        if not self.layout.data_root.exists():
            self.layout.data_root.mkdir(parents=True)
            self.layout.data_root.chmod(0o755)
        for directory, mode in ((self.layout.data, 0o755), (self.layout.volumes, 0o700), (self.layout.upper, 0o700)):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(mode)
        machine.write(self.layout.settings, json.dumps(settings, indent=1, sort_keys=True) + "\n")

    def refuse_impossible(self) -> None:
        """Refuse what cannot be had, before anything is changed."""
        if self.request.subnet:
            asked = network.parse_subnet(self.request.subnet)
            remembered = str(self._settings().get("subnet", ""))
            if remembered and network.parse_subnet(remembered) != asked:
                network.choose_subnet(self.request.subnet, remembered, {}, {})
        if self.request.listen:
            node.parse_listen(self.request.listen)
        for kind in ("rootfs", "images", "bin"):
            if kind not in self.request.artifacts:
                raise EmbeddedError(
                    f"The artifacts of cluster {self.layout.name} lack {kind!r}: "
                    "pass on what the module embedded_artifacts returns, built without its option only."
                )

    def facts(self) -> dict[str, t.Any]:
        """Where the cluster is, for those who come after."""
        found: dict[str, t.Any] = {"kubeconfig": self.request.kubeconfig, "context": self.layout.name}
        if "subnet" in self._settings():
            cable = self.cable
            address = cable.node_address
            listen = self.request.listen
            if listen == "0.0.0.0":
                listen = network.address_towards_others(machine.addresses(), machine.routes())
            if listen:
                port = self.request.listen_http_port
                address = listen if port == 80 else f"{listen}:{port}"
            found |= {
                "subnet": str(cable.subnet),
                "host_address": cable.host_address,
                "node_address": cable.node_address,
                "gateway_address": address,
            }
        return found

    @property
    def cable(self) -> network.Cable:
        return network.Cable(self.layout.link, network.parse_subnet(str(self._settings()["subnet"])))

    # --- what is wanted

    @property
    def control(self) -> kubeadm.Control:
        images = self.request.artifacts["images"]
        cable = self.cable
        return kubeadm.Control(
            name=self.layout.name,
            node_address=cable.node_address,
            kubernetes_version=images["kube_version"],
            image_repository=images["registry"],
            etcd_tag=images["etcd"]["tag"],
            coredns_repository=images["coredns"]["repository"].rpartition("/")[0],
            coredns_tag=images["coredns"]["tag"],
            server_names=(cable.node_address, cable.host_address, "localhost", "127.0.0.1", self.layout.name),
        )

    def node_container(self) -> node.Container:
        cable = self.cable
        return node.node_container(
            self.layout,
            lower=self.request.artifacts["rootfs"]["node"],
            caps=node.capabilities(Path("/proc/self/status").read_text()),
            node_address=cable.node_address,
            host_address=cable.host_address,
            pause_image=self.request.artifacts["images"]["pause"]["ref"],
        )

    def _publication(self) -> node.Publication | None:
        request = self.request
        return node.Publication.of(
            request.listen, request.listen_http_port, request.listen_https_port, request.listen_api_port
        )

    def publish_container(self, publication: node.Publication) -> node.Container:
        artifacts = self.request.artifacts
        return node.publish_container(
            self.layout,
            lower=artifacts["rootfs"]["node"],
            envoy=os.path.join(artifacts["bin"]["envoy"], "envoy"),
            publication=publication,
            node_address=self.cable.node_address,
        )

    def kubeconfig_text(self) -> str | None:
        admin = machine.read(self.layout.admin_kubeconfig)
        if admin is None:
            return None
        server = f"https://{self.cable.node_address}:6443"
        return kubeadm.user_kubeconfig(admin, self.layout.name, server)

    # --- containers

    def _runc(self, *arguments: str, **options: t.Any) -> t.Any:
        self.layout.runc_root.mkdir(parents=True, exist_ok=True)
        return machine.run(["runc", "--root", str(self.layout.runc_root), *arguments], **options)

    def state(self, container: str) -> dict[str, t.Any]:
        """What runc knows of a container; empty when nothing."""
        if not (self.layout.runc_root / container).exists():
            return {}
        done = self._runc("state", container, check=False)
        if done.returncode != 0:
            # Something of it is there that runc cannot read: it was killed while it wrote.
            return {"status": "broken"}
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else {"status": "broken"}

    def _bundle(self, container: str) -> Path:
        return self.layout.run / container

    def _upper(self, container: str) -> Path:
        return self.layout.upper / container / "upper"

    def _programs(self) -> dict[str, str]:
        """What the user's shell finds in the cluster's directory of programs: links into the cache."""
        programs = self.request.artifacts["bin"]
        return {
            "kubectl": os.path.join(programs["kubernetes"], "kubectl"),
            "istioctl": os.path.join(programs["istio"], "istioctl"),
        }

    def _programs_offered(self) -> bool:
        for name, target in self._programs().items():
            link = self.layout.programs / name
            if not link.is_symlink() or os.readlink(link) != target:
                return False
        return True

    def _offer_programs(self) -> None:
        self.layout.programs.mkdir(exist_ok=True)
        self.layout.programs.chmod(0o755)
        for name, target in self._programs().items():
            link = self.layout.programs / name
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def _made_from(self, container: str, wanted: node.Container) -> bool:
        if machine.read(self._bundle(container) / "config.json") != wanted.spec_text():
            return False
        upper = self._upper(container)
        return all(machine.read(upper / path) == text for path, text in wanted.files.items())

    def _remove_container(self, container: str) -> None:
        if self.state(container):
            self._runc("delete", "--force", container, check=False)
        machine.remove_cgroup(self.layout.cgroup(container))
        machine.remove_tree(self.layout.runc_root / container)
        machine.remove_tree(self._bundle(container))
        machine.remove_tree(self._upper(container).parent)

    def _create_container(self, container: str, wanted: node.Container) -> int:
        """Make a container up to, but without, the start of its first process; the answer is that process's id.

        The root file system is put together in a mount namespace that nobody but the container keeps: so no mount of
        it shows on the host, and it is gone when the container is.
        """
        if not Path(wanted.lower, "usr/bin/s6-svscan").exists():
            raise EmbeddedError(
                f"The cached node file system {wanted.lower} is missing or incomplete: "
                "remove it and run setup again to have it built."
            )
        upper = self._upper(container)
        work = upper.parent / "work"
        bundle = self._bundle(container)
        for directory in (upper, work, bundle / "rootfs", *(self.layout.volumes / volume for volume in VOLUMES)):
            directory.mkdir(parents=True, exist_ok=True)
        for path, text in wanted.files.items():
            machine.write(upper / path, text, 0o755 if text.startswith("#!") else 0o644)
        machine.write(bundle / "config.json", wanted.spec_text(), 0o600)
        self.layout.runc_root.mkdir(parents=True, exist_ok=True)
        script = (
            'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4/rootfs" && '
            'exec runc --root "$5" create --bundle "$4" "$6"'
        )
        arguments = [wanted.lower, str(upper), str(work), str(bundle), str(self.layout.runc_root), container]
        log = self.layout.volumes / "log" / f"{container}.log"
        with log.open("wb") as output:
            argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *arguments]
            try:
                machine.run(argv, output=output)
            except CommandError as exc:
                said = (machine.read(log) or "").strip().splitlines()
                raise EmbeddedError(
                    f"The container {container} of cluster {self.layout.name} cannot be made: "
                    f"{said[-1] if said else exc.said}; run setup again, and look at {log} if it stays so."
                ) from exc
        return int(self.state(container)["pid"])

    def execute(self, *argv: str, **options: t.Any) -> t.Any:
        """Run a command inside the node."""
        return self._runc("exec", node.NODE, *argv, **options)

    def _script(self, script: str, **options: t.Any) -> t.Any:
        return self.execute("sh", "-c", script, **options)

    # --- seeing

    def observe(self) -> Observed:
        settings = self._settings()
        if "subnet" not in settings:
            return Observed(
                limits=limits.sufficient(),
                container=bool(self.state(node.NODE)),
                published=bool(self.state(node.PUBLISH)),
            )
        state = self.state(node.NODE)
        seen = Observed(
            settings=True,
            limits=limits.sufficient(),
            container=bool(state) or bool(machine.cgroup_directories(self.layout.cgroup(node.NODE))),
            running=state.get("status") == "running",
            as_wanted=self._made_from(node.NODE, self.node_container()),
            cabled=network.connected(machine.addresses(), self.cable),
            configured=self._is_configured(),
            kubeconfig=self._kubeconfig_written(),
            programs=self._programs_offered(),
        )
        if seen.running and seen.as_wanted and seen.cabled:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                inside = pool.submit(self._observe_inside)
                objects = pool.submit(self._observe_objects, system.moment(state.get("created")))
                seen = dataclasses.replace(seen, **inside.result(), **objects.result())
        publication = self._publication()
        published = self.state(node.PUBLISH)
        return dataclasses.replace(
            seen,
            published=bool(published),
            published_as_wanted=publication is not None
            and published.get("status") == "running"
            and self._made_from(node.PUBLISH, self.publish_container(publication))
            and self._published(publication),
        )

    def _observe_inside(self) -> dict[str, bool]:
        """Services and images, by one look into the node."""
        script = f"s6-svstat -o up {_SVC['containerd']}; s6-svstat -o up {_SVC['kubelet']}; ctr -n k8s.io images ls"
        try:
            done = self._script(script, timeout=20, check=False)
        except CommandError:
            return {}
        lines = done.stdout.splitlines()
        if len(lines) < 2:
            return {}
        answers = done.returncode == 0
        return {
            "containerd": lines[0] == "true" and answers,
            "kubelet": lines[1] == "true",
            "images": answers and not missing_images(self._images, "\n".join(lines[2:])),
        }

    def _observe_objects(self, created: float) -> dict[str, bool]:
        if not self._is_configured():
            return {}
        api = Api(self.layout, self.cable.node_address)
        try:
            if not api.ready():
                return {}
            return {
                "api": True,
                "registered": self._registered(api),
                "addons": self._addons(api),
                "ready": not self._unready(api, created),
            }
        finally:
            api.close()

    def _registered(self, api: Api) -> bool:
        own = api.get(f"/api/v1/nodes/{self.layout.name}")
        labelled = own is not None and system.CONTROL_PLANE_LABEL in own["metadata"].get("labels", {})
        return labelled and all(api.get(path) is not None for path in system.REGISTERED)

    def _addons(self, api: Api) -> bool:
        images = self.request.artifacts["images"]
        dns = images["coredns"]["ref"]
        paths = (system.KUBELET_ACCESS, *system.PROXY_NEEDS, f"{coredns.CONFIG}/coredns", *coredns.objects(dns))
        return (
            system.runs_image(api.get(coredns.DEPLOYMENT), dns)
            and system.runs_image(api.get(system.PROXY_DAEMONSET), images["kube_proxy"]["ref"])
            and all(api.get(path) is not None for path in paths)
        )

    def _unready(self, api: Api, created: float) -> str:
        """What is still to come; empty when the cluster is ready to be used."""
        problem = system.node_ready(api.get(f"/api/v1/nodes/{self.layout.name}"), created)
        if problem:
            return problem
        sets, pods = api.items("/apis/apps/v1/replicasets"), api.items("/api/v1/pods")
        for app in ("kube-dns", "kube-proxy"):
            if not system.ready_pod([pod for pod in pods if pod["metadata"]["namespace"] == "kube-system"], app):
                return f"no pod of {app} is ready"
        stale = system.stale_pods(pods, created)
        if stale:
            return f"{len(stale)} pods have not started again yet, {stale[0]} among them"
        unseen = system.stale_sets(sets, pods)
        return f"the controllers have not looked at {unseen[0]} again yet" if unseen else ""

    def _is_configured(self) -> bool:
        kubernetes = self.layout.volumes / "kubernetes"
        if machine.read(kubernetes / _CONFIG) != kubeadm.config_text(self.control):
            return False
        flags = self.layout.volumes / "kubelet" / "kubeadm-flags.env"
        config = self.layout.volumes / "kubelet" / "config.yaml"
        return all(path.is_file() for path in (flags, config, *(kubernetes / name for name in _CONFIGURED)))

    def _kubeconfig_written(self) -> bool:
        if not self.request.kubeconfig:
            return True
        path = Path(self.request.kubeconfig)
        text = self.kubeconfig_text()
        try:
            status = path.stat()
            current = path.read_text()
        except OSError:
            return False
        return (
            current == text
            and status.st_mode & 0o777 == 0o600
            and (status.st_uid, status.st_gid) == (self.request.kubeconfig_owner, self.request.kubeconfig_group)
        )

    @functools.cached_property
    def _images(self) -> list[node.Image]:
        return images_of(self.request.artifacts)

    # --- acting

    def todo(self) -> list[Action]:
        return plan(self.observe(), Wanted(publish=self._publication() is not None))

    def bring_up(self) -> Outcome:
        outcome = Outcome()
        todo = self.todo()
        while todo:
            action = todo.pop(0)
            begin = time.monotonic()
            self._act(action)
            outcome.actions.append(action.value)
            outcome.seconds[action.name.lower()] = round(time.monotonic() - begin, 2)
            if action is Action.CONTROL_PLANE:
                # Only now can be seen what the API server has kept.
                needed = self.todo()
                todo = [left for left in todo if left in needed or left is Action.READY]
        return outcome

    def _act(self, action: Action) -> None:
        acts: dict[Action, t.Callable[[], None]] = {
            Action.SETTINGS: self._choose_settings,
            Action.LIMITS: lambda: limits.raise_limit(self.layout.limit_memory),
            Action.REMOVE_NODE: self._remove_node,
            Action.CREATE_NODE: self._create_node,
            Action.CABLE: self._connect,
            Action.CONTAINERD: self._start_containerd,
            Action.IMAGES: self._import_images,
            Action.CONFIGURE: self._configure,
            Action.KUBELET: self._start_kubelet,
            Action.CONTROL_PLANE: self._await_control_plane,
            Action.REGISTER: self._register,
            Action.ADDONS: self._install_addons,
            Action.READY: self._await_ready,
            Action.KUBECONFIG: self._write_kubeconfig,
            Action.PROGRAMS: self._offer_programs,
            Action.UNPUBLISH: lambda: self._remove_container(node.PUBLISH),
            Action.PUBLISH: self._publish,
        }
        try:
            acts[action]()
        except CommandError as exc:
            raise EmbeddedError(
                f"Cluster {self.layout.name}: the step '{action.value}' failed because {' '.join(exc.argv[:6])} "
                f"said '{exc.said}'; run setup again, and look at the logs in {self.layout.volumes / 'log'} "
                "if it stays so."
            ) from exc

    def _remove_node(self) -> None:
        self._remove_container(node.NODE)
        machine.remove_link(self.layout.link)

    def _create_node(self) -> None:
        # What an interrupted start has left of either.
        self._remove_container(node.NODE)
        machine.remove_link(self.layout.link)
        self._seed_images()
        self._create_container(node.NODE, self.node_container())

    def _connect(self) -> None:
        pid = int(self.state(node.NODE)["pid"])
        for argv in network.lay_commands(self.cable, pid, self.layout.name):
            machine.run(argv)
        self._runc("start", node.NODE)

    def _start_containerd(self) -> None:
        self._script(
            f"until [ -p {_SVC['containerd']}/supervise/control ]; do sleep {_POLL}; done; "
            f"s6-svc -u {_SVC['containerd']}; "
            f"until ctr version > /dev/null 2>&1; do sleep {_POLL}; done",
            timeout=self.request.timeout,
        )

    def _import_images(self) -> None:
        listing = self.execute("ctr", "-n", "k8s.io", "images", "ls").stdout
        missing = missing_images(self._images, listing)
        archives = list(dict.fromkeys(image.archive for image in missing))
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(self._import_archive, archives))
        left = missing_images(self._images, self.execute("ctr", "-n", "k8s.io", "images", "ls").stdout)
        if left:
            raise EmbeddedError(
                f"The cached archive {left[0].archive} does not hold the image {left[0].name} that it is there for: "
                "remove the archive and run setup again to have it built."
            )
        self._keep_images()

    def _import_archive(self, archive: str) -> None:
        try:
            with open(archive, "rb") as stream:
                self.execute("ctr", "-n", "k8s.io", "images", "import", "-", stdin=stream, timeout=600)
        except OSError as exc:
            raise EmbeddedError(
                f"The cached image archive {archive} cannot be read ({exc.strerror}): run setup again to have it built."
            ) from exc

    def _configure(self) -> None:
        kubernetes = self.layout.volumes / "kubernetes"
        text = kubeadm.config_text(self.control)
        if machine.read(kubernetes / _CONFIG) not in (None, text):
            # Names and addresses may have changed, and kubeadm keeps what it finds; what it makes from the kept
            # authorities is accepted by everyone who knows them.
            for name in ("pki/apiserver.crt", "pki/apiserver.key", "pki/etcd/server.crt", "pki/etcd/server.key"):
                (kubernetes / name).unlink(missing_ok=True)
            for path in kubernetes.glob("*.conf"):
                path.unlink()
        draft = f"{_CONFIG}.new"
        machine.write(kubernetes / draft, text, 0o600)
        self.execute(
            "kubeadm", "init", f"--config=/etc/kubernetes/{draft}", f"--skip-phases={_FILES_SKIP}", timeout=120
        )
        # The name under which it counts as done.
        (kubernetes / draft).replace(kubernetes / _CONFIG)

    def _start_kubelet(self) -> None:
        self._script(
            f"until [ -p {_SVC['kubelet']}/supervise/control ]; do sleep {_POLL}; done; "
            f"s6-svc -ru {_SVC['kubelet']}; s6-svwait -u -t 10000 {_SVC['kubelet']}",
            timeout=30,
        )

    def _wait(self, what: str, problem: t.Callable[[], str]) -> None:
        deadline = time.monotonic() + self.request.timeout
        while True:
            said = problem()
            if not said:
                return
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Cluster {self.layout.name}: {what} did not happen within {self.request.timeout:.0f} s ({said}); "
                    f"look at the logs in {self.layout.volumes / 'log'}, or tear the cluster down and set it up anew."
                )
            time.sleep(_POLL)

    def _await_control_plane(self) -> None:
        api = Api(self.layout, self.cable.node_address)
        self._wait("the start of the API server", lambda: "" if api.ready() else "it is not ready")
        api.close()

    def _register(self) -> None:
        self.execute(
            "kubeadm", "init", f"--config=/etc/kubernetes/{_CONFIG}", f"--skip-phases={_OBJECTS_SKIP}", timeout=120
        )

    def _install_addons(self) -> None:
        arguments = ["init", "phase", "addon", "kube-proxy", f"--config=/etc/kubernetes/{_CONFIG}"]
        self.execute("kubeadm", *arguments, timeout=120)
        api = Api(self.layout, self.cable.node_address)
        self._wait(
            "the API server's access to the kubelet",
            functools.partial(self._apply, api, system.KUBELET_ACCESS, dict(system.KUBELET_ACCESS_BINDING)),
        )
        self._wait(
            "the recording of CoreDNS' configuration", lambda: self._create(api, coredns.CONFIG, coredns.config())
        )
        for path, document in coredns.objects(self.request.artifacts["images"]["coredns"]["ref"]).items():
            self._wait("the installation of CoreDNS", functools.partial(self._apply, api, path, document))
        api.close()

    def _create(self, api: Api, path: str, document: dict[str, t.Any]) -> str:
        # The namespace is made a moment after the server calls itself ready.
        status, body = api.request("POST", path, document)
        return "" if status in (201, 409) else body.decode(errors="replace")[:200] or "no answer"

    def _apply(self, api: Api, path: str, document: dict[str, t.Any]) -> str:
        status, body = api.request(
            "PATCH", f"{path}?fieldManager=mesh-workshop-cluster&force=true", document, "application/apply-patch+yaml"
        )
        return "" if status in (200, 201) else body.decode(errors="replace")[:200] or "no answer"

    def _await_ready(self) -> None:
        created = system.moment(self.state(node.NODE).get("created"))
        api = Api(self.layout, self.cable.node_address)
        self._wait("the node's readiness", lambda: self._unready(api, created))
        api.close()

    def _write_kubeconfig(self) -> None:
        text = self.kubeconfig_text()
        if not self.request.kubeconfig or text is None:
            return
        path = Path(self.request.kubeconfig)
        owner, group = self.request.kubeconfig_owner, self.request.kubeconfig_group
        current = machine.read(path)
        if current is not None and not self._is_own_kubeconfig(current):
            raise EmbeddedError(
                f"The file {path} exists and is not the kubeconfig of cluster {self.layout.name}: "
                "move it away, or name another file with cluster_kubeconfig."
            )
        made = [parent for parent in path.parents if not parent.exists()]
        machine.write(path, text, 0o600)
        for created in [path, *made]:
            os.chown(created, owner, group, follow_symlinks=False)
        for directory in made:
            directory.chmod(0o700)
        settings = self._settings()
        self._save({**settings, "kubeconfig": str(path)})

    def _is_own_kubeconfig(self, text: str) -> bool:
        return f"current-context: {self.layout.name}\n" in text and "tls-server-name: kubernetes" in text

    def _publish(self) -> None:
        publication = self._publication()
        if publication is None:
            return
        self._remove_container(node.PUBLISH)
        for port in publication.ports:
            machine.refuse_taken(publication.address, port)
        self._create_container(node.PUBLISH, self.publish_container(publication))
        self._runc("start", node.PUBLISH)
        self._wait(
            "the publication of the cluster's ports", lambda: "" if self._published(publication) else "no answer"
        )

    def _published(self, publication: node.Publication) -> bool:
        """Whether the forwarder listens; what is behind it is none of its business."""
        return all(machine.listens(publication.address, port) for port in publication.ports)

    # --- the end

    def traces(self) -> list[str]:
        """What there is of the cluster on this machine, in the words of the report; empty when nothing."""
        layout = self.layout
        found = []
        if any(self.state(name) for name in (node.NODE, node.PUBLISH)) or self._cgroup_directories():
            found.append("containers and their processes")
        if Path("/sys/class/net", layout.link).exists():
            found.append(f"network link {layout.link}")
        if layout.run.exists():
            found.append(f"run-time files {layout.run}")
        if layout.data.exists():
            found.append(f"data {layout.data}")
        found += [f"kubeconfig {path}" for path in self._own_kubeconfigs()]
        return found

    def _cgroup_directories(self) -> list[Path]:
        return machine.cgroup_directories(self.layout.cluster_cgroup)

    def _own_kubeconfigs(self) -> list[Path]:
        """The files that setup has written, if they are still about this cluster."""
        named = {str(self._settings().get("kubeconfig", "")), self.request.kubeconfig} - {""}
        return [path for path in map(Path, sorted(named)) if self._is_own_kubeconfig(machine.read(path) or "")]

    def remove(self) -> list[str]:
        """Remove every trace; what was removed. The data, which knows of the rest, goes last."""
        layout = self.layout
        found = self.traces()
        for container in (node.PUBLISH, node.NODE):
            self._remove_container(container)
        machine.remove_cgroup(layout.cluster_cgroup)
        machine.remove_link(layout.link)
        for path in self._own_kubeconfigs():
            path.unlink()
        machine.remove_tree(layout.run)
        machine.remove_tree(layout.data)
        for directory in (*machine.cgroup_directories(f"/{layout.cgroup_root}"), layout.data_root):
            machine.remove_if_empty(directory)
        return found

    def remove_lock(self, *, gone: bool) -> None:
        """The last of it, by the one who holds it; what all clusters share goes when the last one is ``gone``."""
        run_root = self.layout.run_root
        self.layout.lock.unlink(missing_ok=True)
        if gone and not self.others():
            (run_root / _SUBNETS_LOCK).unlink(missing_ok=True)
            limits.restore_limit(self.layout.limit_memory)
        machine.remove_if_empty(run_root)

    def others(self) -> list[str]:
        """The other clusters of this machine: with data in the same folder, or running from another one."""
        stored = {path.parent.name for path in self.layout.data_root.glob("*/cluster.json")}
        running = {path.name for path in self.layout.run_root.glob("*") if path.is_dir()}
        return sorted((stored | running) - {self.layout.name})

    # --- the store of unpacked images

    def _store_key(self) -> str:
        material = sorted((image.name, image.digest or image.archive) for image in self._images)
        return hashlib.sha256(json.dumps(material).encode()).hexdigest()[:12]

    def _seed_images(self) -> None:
        """Start a new cluster with the images that an earlier one has unpacked."""
        own = self.layout.volumes / "containerd"
        store = self.layout.store / self._store_key()
        if own.is_dir() and any(own.iterdir()):
            return
        with machine.lock(self.layout.cache / "containerd.lock"):
            if store.is_dir():
                copy_store(store, own)

    def _keep_images(self) -> None:
        """Keep what was unpacked for the next cluster: only of a new one, in which no pod has run yet."""
        store = self.layout.store / self._store_key()
        if store.is_dir() or self._is_configured():
            return
        stop = f"s6-svc -d {_SVC['containerd']}; s6-svwait -d -t 10000 {_SVC['containerd']}"
        self._script(stop, timeout=30)
        with machine.lock(self.layout.cache / "containerd.lock"):
            if not store.is_dir():
                copy_store(self.layout.volumes / "containerd", store)
                for other in self.layout.store.iterdir():
                    if other != store:
                        machine.remove_tree(other)
        self._start_containerd()


def copy_store(source: Path, target: Path) -> None:
    """Copy containerd's root: unpacked layers and blobs are never written again, so links will do for them.

    Its databases are written, and are copied. The copy has its name only when it is whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    machine.remove_tree(partial)
    try:
        machine.run(["cp", "-a", "--link", str(source), str(partial)], timeout=600)
    except CommandError:
        # Another file system.
        machine.remove_tree(partial)
        machine.run(["cp", "-a", str(source), str(partial)], timeout=600)
    for database in partial.rglob("*.db"):
        if "snapshots" not in database.parts:
            shutil.copy2(database, database.with_suffix(".own"))
            database.with_suffix(".own").replace(database)
    if target.exists():
        target.rmdir()
    partial.replace(target)
