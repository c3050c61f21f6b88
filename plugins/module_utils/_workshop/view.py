# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a workshop, as far as the user may see it."""

from __future__ import annotations

import dataclasses
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._istio.control_plane import version_of
from .._istio.gateways import GATEWAY_SELECTOR
from .._kube import ApiError, Client
from .._kube.labels import BASELINE
from .._verify import GatewayError, gateway_address
from .catalogue import Catalogue
from .desired import MARKER_NAME, Applied, applied_stage, desired_state
from .drift import troubles
from .forms import ISTIO
from .lease import API_VERSION, KIND, NAME, at_work, turns
from .status import summary
from .verdict import now, verdict_of

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Asked:
    """The workshop whose status is asked for, and what should be there: empty where that is not known."""

    namespace: str
    gateway_namespace: str
    gateway_host: str
    bookinfo: t.Sequence[Json] = ()
    """Bookinfo's documents."""
    lab: str = ""
    """The lab that was applied when its lab.yml was read."""
    definition: Json = dataclasses.field(default_factory=dict)
    """The content of the applied lab's lab.yml."""
    baseline: Json = dataclasses.field(default_factory=dict)
    """The same of baseline's."""
    attendee: str = ""
    """Whose it is, where there are several attendees: remedies name them."""


class View:
    """What this user may see of a cluster; what they may not is noted and left out."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.unseen: list[str] = []

    def objects(
        self, api_version: str, kind: str, *places: str | None, selector: str | None = None
    ) -> list[Json] | None:
        """The objects in the first place that this user may list, None where there is no such place.

        A place is a namespace, or None for all of them.
        """
        for place in places:
            try:
                return list(self.client.list(api_version, kind, place, label_selector=selector))
            except ApiError as error:
                if error.status != 403:
                    raise
        self.unseen.append(f"list {kind}s{f' in {places[-1]}' if places[-1] else ''}")
        return None

    def nodes(self) -> list[Json] | None:
        """The nodes; None where this user may not list them, which users of a single namespace do not need."""
        try:
            return list(self.client.list("v1", "Node"))
        except ApiError as error:
            if error.status != 403:
                raise
            return None

    def gateway(self, host: str) -> str | None:
        """Address and port of the gateway for a host, empty where it has none, None where it may not be seen."""
        try:
            return str(gateway_address(self.client, host))
        except GatewayError:
            return ""
        except ApiError as error:
            if error.status != 403:
                raise
            self.unseen.append("list Services of the gateway")
            return None

    def lease(self, namespace: str) -> Json | None:
        """The lease of a namespace; None where there is none or it may not be seen."""
        try:
            return self.client.get(API_VERSION, KIND, NAME, namespace)
        except ApiError as error:
            if error.status != 403:
                raise
            self.unseen.append(f"get {KIND}s in {namespace}")
            return None

    def pairs(self, documents: t.Sequence[Json]) -> list[tuple[Json, Json | None]]:
        """Each document with the object of its name, as far as this user may get it."""

        def live(document: Json) -> tuple[Json, Json | None] | str:
            meta = document["metadata"]
            try:
                found = self.client.get(document["apiVersion"], document["kind"], meta["name"], meta["namespace"])
            except ApiError as error:
                if error.status == 403:
                    return f"get {document['kind']}s in {meta['namespace']}"
                if error.reason != "UnknownKind":
                    raise
                found = None
            return document, found

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(live, documents))
        self.unseen += sorted({one for one in answers if isinstance(one, str)})
        return [one for one in answers if not isinstance(one, str)]


class Part(t.NamedTuple):
    """Documents that should be there, with what they make up and what puts them back."""

    documents: t.Sequence[Json]
    state: str
    remedy: str


def parts_of(asked: Asked, applied: Applied | None) -> list[Part]:
    """What should be there: Bookinfo, and the stage that is applied. Raises LabError."""
    placed = [
        {**document, "metadata": {**document["metadata"], "namespace": asked.namespace}}
        for document in asked.bookinfo
        if document["kind"] != "Namespace"
    ]
    whose = f" -e attendee={asked.attendee}" if asked.attendee else ""
    reset = f"run mesh.workshop.reset{whose}"
    parts = [Part(placed, "Bookinfo", reset if whose else f"{reset} or mesh.workshop.setup")]
    if applied and asked.baseline:
        lab, stage_name, api = applied
        catalogue = Catalogue([lab], {lab: asked.definition, BASELINE: asked.baseline}.__getitem__, api)
        stage = None if lab == BASELINE else catalogue.lab(lab).stage(stage_name)
        desired = desired_state(baseline=catalogue.baseline(), lab=lab, stage=stage, namespace=asked.namespace, api=api)
        state = f"stage {stage_name} of lab {lab}" if stage else BASELINE
        again = f"run mesh.workshop.lab -e lab={lab} -e stage={stage_name}"
        again += "" if api == ISTIO else f" -e lab_api={api}"
        parts.append(Part(desired.documents, state, again + whose if stage else reset))
    return parts


def compared(view: View, asked: Asked, applied: Applied | None) -> list[str] | None:
    """A sentence per object that is not as it was applied; None where another stage has been applied meanwhile."""
    if asked.lab and asked.lab != (applied.lab if applied else ""):
        return None
    return [
        said
        for part in parts_of(asked, applied)
        for said in troubles(view.pairs(part.documents), state=part.state, remedy=part.remedy)
    ]


def status_of(client: Client, asked: Asked) -> Json:
    """Read the live objects and put the status together. Raises ApiError and LabError.

    While a run changes the namespace, and where one has done so meanwhile, objects of several states would be compared
    with one: then the status says so instead.
    """
    view, istio = View(client), asked.gateway_namespace
    before = view.lease(asked.namespace)
    istiods = view.objects("apps/v1", "Deployment", None, istio, selector="app=istiod")
    gateways = view.objects("apps/v1", "Deployment", None, istio, selector=GATEWAY_SELECTOR)
    applied = applied_stage(client.get("v1", "ConfigMap", MARKER_NAME, asked.namespace))
    workloads = view.objects("apps/v1", "Deployment", asked.namespace)
    gateway = view.gateway(asked.gateway_host)
    drift = compared(view, asked, applied)
    lease, moment = view.lease(asked.namespace), now()
    running = at_work(before, moment) or at_work(lease, moment)
    if running:
        drift = []
    elif drift is None or turns(before) != turns(lease):
        drift = [f"Namespace {asked.namespace} was changed while it was read: run mesh.workshop.status again."]
    return summary(
        kubernetes=client.server_version()["gitVersion"],
        nodes=view.nodes(),
        control_plane=None if istiods is None or gateways is None else [*istiods, *gateways],
        istio_version=version_of(istiods[0]) if istiods else "",
        workloads=workloads,
        namespace=asked.namespace,
        gateway=gateway,
        host=asked.gateway_host,
        applied=applied,
        drift=drift,
        unseen=list(dict.fromkeys(view.unseen)),
        verdict=verdict_of(lease, applied),
        running=running,
    )
