# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a conversion must know of the cluster: Services, workloads and their accounts."""

from __future__ import annotations

import copy
import dataclasses
import os.path
import typing as t

from .model import Doc, Missing, Place, Refused

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@dataclasses.dataclass(frozen=True)
class Port:
    """A port of a Service; the target is the workload's port, by number or by name."""

    number: int
    name: str = ""
    target: int | str = 0


@dataclasses.dataclass(frozen=True)
class Service:
    """A Service: whom it selects and on which ports they listen."""

    namespace: str
    name: str
    selector: tuple[tuple[str, str], ...]
    ports: tuple[Port, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.selector)

    @property
    def host(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def target_ports(self) -> list[str]:
        """The workload's ports as text; empty if one of them is only known by name."""
        if any(isinstance(port.target, str) for port in self.ports):
            return []
        return list(dict.fromkeys(str(port.target) for port in self.ports))


@dataclasses.dataclass(frozen=True)
class Workload:
    """Pods that are alike, with the service account that they run as."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    account: str


class Facts:
    """Services and workloads, from documents of the input, a variable, or a cluster."""

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace or "default"
        self.services: dict[tuple[str, str], Service] = {}
        self.workloads: dict[Workload, None] = {}
        # The files that say something of a Service, with what they say of it.
        self._said: dict[tuple[str, str], dict[str, Service]] = {}
        self._unclear: dict[tuple[str, str], str] = {}

    def near(self, file: str) -> Facts:
        """What is known to the documents of a file: of the Services of one name the one in the nearest folder."""
        differing = {key: said for key, said in self._said.items() if len(set(said.values())) > 1}
        if not differing:
            return self
        found = copy.copy(self)
        found.services = dict(self.services)
        found._unclear = {}
        here = os.path.dirname(file).split("/")
        for key, said in differing.items():
            shared = {name: _shared(here, os.path.dirname(name).split("/")) for name in said}
            nearest = [name for name in said if shared[name] == max(shared.values())]
            found.services[key] = said[nearest[-1]]
            if len({said[name] for name in nearest}) > 1:
                found._unclear[key] = " and ".join(nearest[-2:])
        return found

    def add_document(self, document: t.Mapping[str, t.Any], file: str = "") -> None:
        """Takes what a Service, a workload or a Pod says; anything else is passed over.

        :param file: where it comes from, if that is the input
        """
        kind = document.get("kind")
        meta = document.get("metadata")
        spec = document.get("spec")
        if not isinstance(meta, dict) or not isinstance(spec, dict) or not meta.get("name"):
            return
        namespace = str(meta.get("namespace") or self.namespace)
        if kind == "Service" and document.get("apiVersion") == "v1":
            self._add_service(namespace, str(meta["name"]), spec)
            if file:
                key = (namespace, str(meta["name"]))
                self._said.setdefault(key, {})[file] = self.services[key]
        elif kind in _WORKLOADS:
            template = spec.get("template")
            if isinstance(template, dict):
                self._add_pod(namespace, template.get("metadata"), template.get("spec"))
        elif kind == "Pod":
            self._add_pod(namespace, meta, spec)

    def add_variable(self, given: t.Mapping[str, t.Any]) -> None:
        """Takes `services` (name, namespace, selector, ports) and `workloads` (namespace, labels, service_account).

        :raises Refused: if it has another form
        """
        for key in given:
            if key not in ("services", "workloads"):
                raise Refused(f"facts.{key} is not known; facts has services and workloads.", f"facts.{key}")
        for item in given.get("services") or []:
            if not isinstance(item, dict) or not item.get("name") or not isinstance(item.get("selector"), dict):
                raise Refused("each of facts.services needs name and selector.", "facts.services")
            ports = [
                {
                    "port": port.get("port"),
                    "name": port.get("name"),
                    "targetPort": port.get("target_port", port.get("targetPort")),
                }
                for port in item.get("ports") or []
                if isinstance(port, dict)
            ]
            namespace = str(item.get("namespace") or self.namespace)
            self._add_service(namespace, str(item["name"]), {"selector": item["selector"], "ports": ports})
        for item in given.get("workloads") or []:
            if not isinstance(item, dict) or not isinstance(item.get("labels"), dict):
                raise Refused("each of facts.workloads needs labels and service_account.", "facts.workloads")
            self._add_pod(
                str(item.get("namespace") or self.namespace),
                {"labels": item["labels"]},
                {"serviceAccountName": item.get("service_account")},
            )

    def _add_service(self, namespace: str, name: str, spec: t.Mapping[str, t.Any]) -> None:
        selector = spec.get("selector")
        ports = []
        for port in spec.get("ports") or []:
            if not isinstance(port, dict) or not isinstance(port.get("port"), int):
                continue
            target = port.get("targetPort")
            ports.append(Port(port["port"], str(port.get("name") or ""), port["port"] if target is None else target))
        labels = {str(k): str(v) for k, v in selector.items()} if isinstance(selector, dict) else {}
        self.services[namespace, name] = Service(namespace, name, tuple(sorted(labels.items())), tuple(ports))

    def _add_pod(self, namespace: str, meta: t.Any, spec: t.Any) -> None:
        labels = meta.get("labels") if isinstance(meta, dict) else None
        if not isinstance(labels, dict) or not isinstance(spec, dict):
            return
        account = str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")
        found = Workload(namespace, tuple(sorted((str(k), str(v)) for k, v in labels.items())), account)
        self.workloads[found] = None

    def of(self, doc: Doc) -> str:
        """The namespace that a document is in."""
        return doc.namespace or doc.home or self.namespace

    def service(self, namespace: str, name: str, field: str, place: Place) -> Service:
        """A Service that selects pods.

        :raises Refused: if it is not known, naming what is missing
        """
        found = self.known(namespace, name, field, place)
        if found is None:
            raise Missing(
                f"the selector and ports of the Service {namespace}/{name} are not known; put the Service's document "
                "into the input, name it in facts.services, or have the cluster asked.",
                field,
                place,
            )
        if not found.selector:
            raise Refused(
                f"the Service {namespace}/{name} has no selector, so no workload is known for it; "
                "give one in facts.services.",
                field,
                place,
            )
        return found

    def known(self, namespace: str, name: str, field: str, place: Place) -> Service | None:
        """A Service, if it is known.

        :raises Refused: if it is not clear which of several is meant
        """
        if (namespace, name) in self._unclear:
            raise Refused(
                f"the Service {namespace}/{name} is in {self._unclear[namespace, name]}, with another selector or "
                "other ports; keep one of them, or convert the folders apart.",
                field,
                place,
            )
        return self.services.get((namespace, name))

    def selecting(self, outside: t.Container[str], field: str, place: Place) -> list[Service]:
        """All Services that select pods, but for those of some namespaces.

        :raises Refused: if it is not clear what one of them selects
        """
        found = [item for item in self.services.values() if item.selector and item.namespace not in outside]
        return [self.service(item.namespace, item.name, field, place) for item in found]

    def accounts(self, labels: t.Mapping[str, str], field: str, place: Place) -> list[str]:
        """The identities of exactly the workloads with these labels, such as `cluster.local/ns/shop/sa/cart`.

        :raises Refused: if none is known, or others share an account with them
        """
        wanted = ", ".join(f"{key}={value}" for key, value in labels.items())
        inside: set[str] = set()
        outside: set[str] = set()
        for workload in self.workloads:
            have = dict(workload.labels)
            side = inside if all(have.get(k) == v for k, v in labels.items()) else outside
            side.add(f"{workload.namespace}/sa/{workload.account}")
        if not inside:
            raise Missing(
                f"the service account of the workloads with {wanted} is not known; put their Deployments into the "
                "input, name them in facts.workloads, or have the cluster asked.",
                field,
                place,
            )
        shared = sorted(inside & outside)
        if shared:
            raise Refused(
                f"the workloads with {wanted} share the service account {shared[0].replace('/sa/', '/')} with others, "
                "so a certificate does not tell them apart; give them one of their own.",
                field,
                place,
            )
        return [f"cluster.local/ns/{item}" for item in sorted(inside)]


def _shared(one: t.Sequence[str], other: t.Sequence[str]) -> int:
    """How many folders two paths begin with alike."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def service_of(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host stands for; None if it is not a Service's name."""
    parts = host.split(".")
    if len(parts) == 1:
        return namespace, host
    if len(parts) == 2 or parts[2] == "svc":
        return parts[1], parts[0]
    return None
