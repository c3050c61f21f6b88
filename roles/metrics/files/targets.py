# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a file with the pods that Prometheus reads: Debian's Prometheus has no discovery of Kubernetes built in.

The labels are those that Prometheus' own discovery gives a pod, so the rest of its configuration is the same with both
(https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config).
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import ssl
import sys
import time
import typing as t
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SCRAPE = "prometheus.io/scrape"
WATCH_SECONDS = 300
PAUSE = 1.0
"""Seconds before the API server is asked again after a failure."""
READ_PER_SECOND = 20
"""How many pods are read per second at most: each costs some 16 ms, so a room of attendees costs a third of a core."""

Json = dict[str, t.Any]


def target_of(pod: Json) -> Json | None:
    """The entry of a pod in Prometheus' file; None for one that has no address or does not want to be read."""
    meta, status = pod["metadata"], pod.get("status") or {}
    annotations = meta.get("annotations") or {}
    if not status.get("podIP") or annotations.get(SCRAPE) != "true":
        return None
    owner = next((one for one in meta.get("ownerReferences") or () if one.get("controller")), {})
    labels = {
        "namespace": meta["namespace"],
        "pod_name": meta["name"],
        "pod_ip": status["podIP"],
        "pod_phase": status.get("phase", ""),
        "pod_controller_kind": owner.get("kind", ""),
        "pod_controller_name": owner.get("name", ""),
    }
    for kind, pairs in (("label", meta.get("labels") or {}), ("annotation", annotations)):
        for name, value in pairs.items():
            if kind == "label" or name.startswith("prometheus.io/"):
                labels[f"pod_{kind}_{re.sub('[^a-zA-Z0-9_]', '_', name)}"] = value
    return {
        "targets": [status["podIP"]],
        "labels": {f"__meta_kubernetes_{name}": value for name, value in labels.items() if value},
    }


def interval_of(pods: int, least: int) -> int:
    """Seconds between two readings of a pod, where there are so many of them, and no fewer than ``least``."""
    return max(least, math.ceil(pods / READ_PER_SECOND))


class Targets:
    """The pods as the API server tells of them."""

    def __init__(self, path: str, interval: int) -> None:
        self.path = path
        self.interval = interval
        self.pods: Json = {}
        self.written: str | None = None

    def put(self, pod: Json, there: bool = True) -> None:
        """Take in what one pod is now."""
        key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        entry = target_of(pod) if there else None
        if entry is None:
            self.pods.pop(key, None)
        else:
            self.pods[key] = entry

    def replace(self, pods: t.Iterable[Json]) -> None:
        """Take in all pods that there are."""
        self.pods.clear()
        for pod in pods:
            self.put(pod)

    def write(self) -> None:
        """Write the file where it has changed. Prometheus sees the old one or the new one, never a part of it."""
        interval = {"__scrape_interval__": f"{interval_of(len(self.pods), self.interval)}s"}
        entries = [self.pods[key] for key in sorted(self.pods)]
        text = json.dumps([{**entry, "labels": entry["labels"] | interval} for entry in entries])
        if text != self.written:
            with open(f"{self.path}.new", "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(f"{self.path}.new", self.path)
            self.written = text


def ask(query: str) -> t.Any:
    """The API server's answer about the cluster's pods, to be read line by line."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    with open(f"{ACCOUNT}/token", encoding="ascii") as stream:
        token = stream.read().strip()
    request = urllib.request.Request(f"https://{host}:{port}/api/v1/pods?{query}")
    request.add_header("Authorization", f"Bearer {token}")
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    return urllib.request.urlopen(request, timeout=WATCH_SECONDS + 30, context=context)


def follow(targets: Targets) -> None:
    """List the pods, then follow their changes until the API server ends that."""
    with ask("resourceVersion=0") as answer:
        listed = json.load(answer)
    targets.replace(listed["items"])
    targets.write()
    version = listed["metadata"]["resourceVersion"]
    with ask(f"watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}") as answer:
        for line in answer:
            event = json.loads(line)
            if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                return  # the version is too old: what was missed is in the next list
            targets.put(event["object"], event["type"] != "DELETED")
            targets.write()


def main() -> None:
    targets = Targets(sys.argv[1], int(sys.argv[2]))
    while True:
        try:
            follow(targets)
        # HTTPException: the API server ended in the middle of an answer.
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(f"The API server does not tell of the pods: {error}", file=sys.stderr, flush=True)
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
