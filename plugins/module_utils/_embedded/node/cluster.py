# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cluster on this machine: observe it, plan, and carry out the plan's actions."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..host import interfaces
from ..host.commands import CommandError, run
from ..layout import EmbeddedError, Layout
from . import health, images, inotify_limit, network, programs
from .containers import Containers
from .control_plane import POLL, ControlPlane
from .desired import Desired, Request
from .kubeconfig import KubeconfigFile
from .observe import Observer, listens
from .plan import Action, Observed, Wanted, plan
from .settings import Settings
from .spec import NODE, PUBLISH, SERVICES
from .teardown import Teardown


@dataclasses.dataclass
class Outcome:
    """What was done, in the words of the report, and the seconds that each action took, by its name."""

    actions: list[str] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)


class Cluster:
    """Puts a cluster's parts together. Its actions raise EmbeddedError."""

    def __init__(self, layout: Layout, request: Request) -> None:
        self.layout = layout
        self.request = request
        self.settings = Settings(layout)
        self.desired = Desired(layout, request, self.settings)
        self.containers = Containers(layout)
        self.control_plane = ControlPlane(layout, self.settings, self.desired, self.containers, request.timeout)
        self.kubeconfig = KubeconfigFile(layout, request, self.settings)
        self.observer = Observer(
            layout, self.settings, self.desired, self.containers, self.control_plane, self.kubeconfig
        )
        self.teardown = Teardown(layout, self.containers, self.kubeconfig)

    def facts(self) -> dict[str, t.Any]:
        """Kubeconfig, context, and once the subnet is chosen also subnet and addresses, as the module returns them."""
        found: dict[str, t.Any] = {"kubeconfig": self.request.kubeconfig, "context": self.layout.name}
        if self.settings.subnet:
            veth = self.settings.veth
            address = veth.node_address
            listen = self.request.listen
            if listen == "0.0.0.0":
                listen = network.address_towards_others(interfaces.addresses(), interfaces.routes())
            if listen:
                port = self.request.listen_http_port
                address = listen if port == 80 else f"{listen}:{port}"
            found |= {
                "subnet": str(veth.subnet),
                "host_address": veth.host_address,
                "node_address": veth.node_address,
                "gateway_address": address,
            }
        return found

    def observe(self) -> Observed:
        """The cluster as it is now."""
        return self.observer.observe()

    def todo(self) -> list[Action]:
        """The actions that lead from what is there to what is wanted, in order."""
        return plan(self.observe(), Wanted(publish=self.desired.publication is not None))

    def bring_up(self) -> Outcome:
        """Carry out all that is to be done."""
        outcome = Outcome()
        todo = self.todo()
        while todo:
            action = todo.pop(0)
            begin = time.monotonic()
            self._act(action)
            outcome.actions.append(action.value)
            outcome.seconds[action.name.lower()] = round(time.monotonic() - begin, 2)
            if action is Action.CONTROL_PLANE:
                # The API server answers from here on, so what it has kept can be seen.
                needed = self.todo()
                todo = [left for left in todo if left in needed or left is Action.READY]
        return outcome

    def _act(self, action: Action) -> None:
        acts: dict[Action, t.Callable[[], None]] = {
            Action.SETTINGS: lambda: self.settings.choose_subnet(self.request.subnet),
            Action.INOTIFY_LIMIT: lambda: inotify_limit.raise_limit(self.layout.previous_inotify_limit),
            Action.REMOVE_NODE: self._remove_node,
            Action.CREATE_NODE: self._create_node,
            Action.LINK: self._link,
            Action.CONTAINERD: self._start_containerd,
            Action.IMAGES: self._import_images,
            Action.CONFIGURE: self.control_plane.configure,
            Action.KUBELET: self._start_kubelet,
            Action.CONTROL_PLANE: self.control_plane.await_api,
            Action.REGISTER: self.control_plane.register,
            Action.ADDONS: self.control_plane.install_addons,
            Action.READY: self._await_ready,
            Action.KUBECONFIG: self.kubeconfig.write,
            Action.PROGRAMS: lambda: programs.offer(self.layout.programs, self.desired.programs),
            Action.UNPUBLISH: lambda: self.containers.remove(PUBLISH),
            Action.PUBLISH: self._publish,
        }
        try:
            acts[action]()
        except CommandError as exc:
            raise EmbeddedError(
                f"Cluster {self.layout.name}: the step '{action.value}' failed because {' '.join(exc.argv[:6])} "
                f"said '{exc.said}'; run setup again, and look at the logs in {self.layout.volumes / 'log'} "
                "if that does not help."
            ) from exc

    def _remove_node(self) -> None:
        self.containers.remove(NODE)
        interfaces.remove_link(self.layout.link)

    def _create_node(self) -> None:
        # An interrupted start may have left either.
        self._remove_node()
        images.Store(self.layout, self.desired.images).seed()
        self.containers.create(NODE, self.desired.node)

    def _link(self) -> None:
        for argv in network.link_commands(self.settings.veth, self.containers.pid(NODE), self.layout.name):
            run(argv)
        self.containers.start(NODE)

    def _start_containerd(self) -> None:
        service = SERVICES["containerd"]
        self.containers.script(
            f"until [ -p {service}/supervise/control ]; do sleep {POLL}; done; "
            f"s6-svc -u {service}; "
            f"until ctr version > /dev/null 2>&1; do sleep {POLL}; done",
            timeout=self.request.timeout,
        )

    def _import_images(self) -> None:
        images.bring_in(self.containers, self.desired.images)
        store = images.Store(self.layout, self.desired.images)
        # Only a new cluster's images are kept, in which no pod has run.
        if store.exists() or self.control_plane.is_configured():
            return
        service = SERVICES["containerd"]
        self.containers.script(f"s6-svc -d {service}; s6-svwait -d -t 10000 {service}", timeout=30)
        store.keep()
        self._start_containerd()

    def _start_kubelet(self) -> None:
        service = SERVICES["kubelet"]
        self.containers.script(
            f"until [ -p {service}/supervise/control ]; do sleep {POLL}; done; "
            f"s6-svc -ru {service}; s6-svwait -u -t 10000 {service}",
            timeout=30,
        )

    def _await_ready(self) -> None:
        self.control_plane.await_ready(health.moment(self.containers.state(NODE).get("created")))

    def _publish(self) -> None:
        publication = self.desired.publication
        if publication is None:
            return
        self.containers.remove(PUBLISH)
        for port in publication.ports:
            interfaces.refuse_taken(publication.address, port)
        self.containers.create(PUBLISH, self.desired.publisher(publication))
        self.containers.start(PUBLISH)
        self.control_plane.wait(
            "the publication of the cluster's ports", lambda: "" if listens(publication) else "no answer"
        )
