# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API tells of namespaces, as text for people who look for the cause of a failure."""

from __future__ import annotations

import typing as t

from .._kube import ApiError, Client

# Of each container's log, its last.
_LINES = 300


def snapshot(client: Client, namespaces: t.Sequence[str]) -> dict[str, bytes]:
    """The version, pods, events and logs of containers, by the name of a file. Raises ApiError.

    A log that cannot be read is replaced by the reason.
    """
    files: dict[str, bytes] = {"api.txt": f"Kubernetes {client.server_version()['gitVersion']}\n".encode()}
    pods = [pod for namespace in namespaces for pod in client.list("v1", "Pod", namespace)]
    files["pods.txt"] = "\n".join(pod_line(pod) for pod in pods).encode()
    events = [event for namespace in namespaces for event in client.list("v1", "Event", namespace)]
    files["events.txt"] = "\n".join(sorted(event_line(event) for event in events)).encode()
    for pod in pods:
        metadata, spec = pod["metadata"], pod["spec"]
        for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
            path = f"logs/{metadata['namespace']}/{metadata['name']}/{container['name']}.log"
            try:
                files[path] = client.logs(metadata["namespace"], metadata["name"], container["name"], tail_lines=_LINES)
            except ApiError as error:
                files[path] = str(error).encode()
    return files


def pod_line(pod: dict[str, t.Any]) -> str:
    """One pod's state in a line: phase, and per container ready, restarts and why it waits or ended."""
    metadata, status = pod["metadata"], pod.get("status", {})
    parts = [f"{metadata.get('namespace')}/{metadata['name']} {status.get('phase', 'Unknown')}"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        detail = ""
        for key in ("waiting", "terminated"):
            if key in state:
                detail = f" {key}: {state[key].get('reason', '')} {state[key].get('message', '')}".rstrip()
        ready = "ready" if container.get("ready") else "not ready"
        parts.append(f"  {container['name']}: {ready}, {container.get('restartCount', 0)} restarts{detail}")
    for condition in status.get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            parts.append(f"  {condition['type']}: {condition['message']}")
    return "\n".join(parts)


def event_line(event: dict[str, t.Any]) -> str:
    """One event in a line."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    when = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
    return (
        f"{when} {event.get('type', '')} {event.get('reason', '')} "
        f"{about.get('kind', '')}/{about.get('namespace', '')}/{about.get('name', '')}: "
        f"{event.get('message') or event.get('note') or ''}"
    )
