# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide from what was observed of a cluster what has to be done. Pure, and the only place that decides it."""

from __future__ import annotations

import dataclasses
import enum


class Action(enum.Enum):
    """The actions on a cluster in their order, each in the words of the module's report."""

    SETTINGS = "choose the subnet"
    INOTIFY_LIMIT = "raise the host's limit of inotify instances"
    REMOVE_NODE = "remove the node's container"
    CREATE_NODE = "start the node's container"
    LINK = "connect the node with the host"
    CONTAINERD = "start containerd"
    IMAGES = "import images"
    CONFIGURE = "make certificates and configuration with kubeadm"
    KUBELET = "start the kubelet"
    CONTROL_PLANE = "wait for the control plane"
    REGISTER = "record the configuration in the cluster"
    ADDONS = "install CoreDNS and kube-proxy"
    READY = "wait for the node and its system pods"
    KUBECONFIG = "write the kubeconfig"
    PROGRAMS = "offer kubectl and istioctl"
    UNPUBLISH = "withdraw the published ports"
    PUBLISH = "publish ports on the host"


ORDER = tuple(Action)


@dataclasses.dataclass(frozen=True)
class Observed:
    """What was seen. The defaults describe a machine without the cluster."""

    settings: bool = False
    """The cluster's subnet is chosen."""
    inotify_limit: bool = False
    """The host allows as many inotify instances as the proxies of several clusters need."""
    container: bool = False
    """The node's container exists, in whatever state."""
    running: bool = False
    """Its first process has started and lives."""
    as_wanted: bool = False
    """It was made from the node image and the configuration wanted now."""
    linked: bool = False
    """The link between host and node is up and has its address."""
    containerd: bool = False
    """containerd is supervised, up and answers."""
    images: bool = False
    """All images wanted are there, with the wanted content."""
    configured: bool = False
    """Certificates, kubeconfigs and static pods are there and follow from the configuration wanted now."""
    kubelet: bool = False
    api: bool = False
    """The API server says that it is ready."""
    registered: bool = False
    """The objects that kubeadm leaves in the cluster are there."""
    addons: bool = False
    """The objects of CoreDNS and kube-proxy are there, as wanted."""
    ready: bool = False
    """Node, CoreDNS and kube-proxy are ready."""
    kubeconfig: bool = False
    programs: bool = False
    """The user's shell finds kubectl and istioctl of the versions wanted now."""
    published: bool = False
    """A container that publishes ports is there."""
    published_as_wanted: bool = False
    """It runs and was made for the addresses and ports wanted now."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the request asks for beyond the node itself."""

    publish: bool = False


def plan(observed: Observed, wanted: Wanted) -> list[Action]:
    """The actions to take, in order; empty when everything is as wanted.

    An observation is void once the part beneath it starts anew. So all actions above a new container are taken again,
    except for files on disk that were seen to be right. Every action is harmless where it is not needed.
    """
    todo: set[Action] = set()
    if not observed.settings:
        todo.add(Action.SETTINGS)
    if not observed.inotify_limit:
        todo.add(Action.INOTIFY_LIMIT)

    # It takes unknown time until the kubelet drops static pods of another configuration. A new container has none.
    outdated = observed.kubelet and not observed.configured
    usable = observed.container and observed.running and observed.as_wanted and observed.linked and not outdated
    if not usable:
        if observed.container:
            todo.add(Action.REMOVE_NODE)
        todo |= {Action.CREATE_NODE, Action.LINK}
    if not usable or not observed.containerd:
        todo.add(Action.CONTAINERD)
    # Only a running containerd can say which images it has.
    if Action.CONTAINERD in todo or not observed.images:
        todo.add(Action.IMAGES)
    if not observed.configured:
        todo.add(Action.CONFIGURE)
    if not usable or not observed.kubelet:
        todo.add(Action.KUBELET)

    fresh = bool(todo & {Action.CREATE_NODE, Action.CONTAINERD, Action.CONFIGURE, Action.KUBELET})
    if fresh or not observed.api:
        # Nothing in the API could be seen, so all of it is done.
        todo |= {Action.CONTROL_PLANE, Action.REGISTER, Action.ADDONS, Action.READY}
    if not observed.registered:
        todo |= {Action.REGISTER, Action.READY}
    if not observed.addons:
        todo |= {Action.ADDONS, Action.READY}
    if not observed.ready:
        todo.add(Action.READY)

    if not observed.kubeconfig or Action.CONFIGURE in todo:
        todo.add(Action.KUBECONFIG)
    if not observed.programs:
        todo.add(Action.PROGRAMS)

    if observed.published and not (wanted.publish and observed.published_as_wanted):
        todo.add(Action.UNPUBLISH)
    if wanted.publish and not observed.published_as_wanted:
        todo.add(Action.PUBLISH)
    return [action for action in ORDER if action in todo]
