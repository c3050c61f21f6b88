# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""istiod's view: which proxies on the way have not got their configuration, or have rejected it."""

from __future__ import annotations

import threading
import typing as t

from .._explain.mesh import holds_for
from .._istio.gateways import GATEWAY_LABELS
from .._kube.errors import ApiError
from .._kube.objects import home_of, labels_of, matches
from .asked import callees
from .findings import Diagnosis, Findings, Json
from .objects import is_of, listed, qualified

if t.TYPE_CHECKING:
    from .._istio.istiod import ProxyStatus
    from .._kube import Client

PATIENCE = 5.0
"""Seconds for asking istiod; it answers in tenths of one."""
LONGEST_REASON = 300


class Proxies:
    """One question to istiod for all that has failed in a run. Where it may not be asked, there is no answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._found: tuple[ProxyStatus, ...] = ()

    def begin(self) -> None:
        """Ask, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def found(self) -> tuple[ProxyStatus, ...]:
        """What istiod has said, within its time."""
        self.begin()
        if self._thread is not None:
            self._thread.join(PATIENCE)
        return self._found

    def _run(self) -> None:
        from .._istio.istiod import proxies_of  # most runs never need it

        try:
            self._found = tuple(proxies_of(self._client))
        except ApiError:
            self._found = ()


def on_the_way(findings: Findings) -> list[tuple[ProxyStatus, Json]]:
    """The proxies that the requests pass, with their pods: of the gateway or the caller, and of the callee."""
    pods = list(callees(findings)[2])
    if findings.source == "host":
        pods += [pod for pod in findings.of("Pod") if matches(GATEWAY_LABELS, labels_of(pod))]
    else:
        pods += [pod for pod in findings.of("Pod", findings.namespace) if is_of(pod, findings.source)]
    by_name = {f"{pod['metadata']['name']}.{home_of(pod)}": pod for pod in pods}
    return [(proxy, by_name[proxy.name]) for proxy in findings.proxies if proxy.name in by_name]


def rejected(findings: Findings) -> Diagnosis | None:
    """A proxy has refused what istiod sent it, and goes on with what it had."""
    for proxy, pod in on_the_way(findings):
        for what, why in proxy.rejected.items():
            filters = [one for one in findings.of("EnvoyFilter") if holds_for(one, pod)]
            reason = why if len(why) <= LONGEST_REASON else why[:LONGEST_REASON] + "..."
            return Diagnosis(
                f"The proxy of pod {qualified(pod)} has rejected the {what} and goes on with its earlier "
                f"configuration: {reason.rstrip('. ')}.",
                f"Correct or remove EnvoyFilter {listed([qualified(one) for one in filters])}: only Envoy checks "
                "what is below typed_config."
                if filters
                else "Correct or remove what was applied last.",
            )
    return None


def unacknowledged(findings: Findings) -> Diagnosis | None:
    """A proxy may still work by its earlier configuration: it has not answered what istiod sent it."""
    for proxy, pod in on_the_way(findings):
        if proxy.waiting:
            return Diagnosis(
                f"The proxy of pod {qualified(pod)} has not acknowledged its configuration yet "
                f"({listed(proxy.waiting)}).",
                f"Verify again in a moment; if it stays so, see kubectl -n {home_of(pod)} logs "
                f"{pod['metadata']['name']} -c istio-proxy, and the log of istiod.",
            )
    return None
