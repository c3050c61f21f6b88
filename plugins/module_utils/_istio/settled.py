# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import threading
import time
import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from .._kube import FIELD_MANAGER, ApiError, Client, Json, Ref
from .._kube.objects import first_few
from .durations import parse_time
from .istiod import Istiod, ProxyStatus, find_istiods, parse_syncz

# Istio's kinds have no status that says so, therefore istiod is asked: whether it
# has read the objects (/debug/configz), whether it has pushed since (/metrics), and
# whether every proxy has acknowledged what it was sent and rejected none of it
# (/debug/syncz, what `istioctl proxy-status` shows).
_FIRST_PAUSE, _LAST_PAUSE = 0.03, 0.5
# Between the first two looks at the proxies, however long was waited until then.
_SECOND_LOOK = 0.06
# How much longer the proxies of others are waited for: what was applied may reach them too, but so may anything else.
_OTHERS_GRACE = 2.0
# How long a rejection must stand: until a proxy answers what was sent last, istiod shows the error of what was sent
# before (pilot/pkg/xds: only an acknowledgement clears it).
_ANSWER_GRACE = 0.5


def changed_at(obj: Json) -> datetime | None:
    """When we last changed the object, by the clock of the API server."""
    times = [
        parse_time(entry.get("time"))
        for entry in obj["metadata"].get("managedFields") or ()
        if entry.get("manager") == FIELD_MANAGER
    ]
    return max((one for one in times if one is not None), default=None)


def parse_counter(metrics: str, name: str) -> float:
    """The sum of a counter over all its labels, from Prometheus' text format."""
    pattern = re.compile(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", re.M)
    return sum(float(value) for value in pattern.findall(metrics))


def missing_from(configs: t.Any, present: t.Mapping[Ref, Json], absent: t.Collection[Ref]) -> list[Ref]:
    """Which of the objects istiod has not read yet (or has not dropped yet), from its /debug/configz."""
    known = {}
    for item in configs or []:
        meta = item.get("metadata") or {}
        known[(item.get("kind"), meta.get("namespace") or "", meta.get("name"))] = meta
    missing = []
    for ref, obj in present.items():
        meta = known.get((ref.kind, ref.namespace, ref.name))
        wanted = obj["metadata"]
        if meta is None or not _as_new(meta, wanted):
            missing.append(ref)
    missing.extend(ref for ref in absent if (ref.kind, ref.namespace, ref.name) in known)
    return missing


def _as_new(meta: Json, wanted: Json) -> bool:
    if meta.get("resourceVersion") == wanted.get("resourceVersion"):
        return True
    # A status update or another writer may have come since.
    return meta.get("uid") == wanted.get("uid") and int(meta.get("generation") or 0) >= int(
        wanted.get("generation") or 0
    )


def is_for_gateways(ref: Ref, obj: Json | None) -> bool:
    """Whether the object is about gateways, which mostly run in another namespace; what is gone may have been."""
    if ref.kind == "VirtualService" and obj is not None:
        return any(name != "mesh" for name in (obj.get("spec") or {}).get("gateways") or ())
    return ref.kind in ("Gateway", "VirtualService")


@dataclass(frozen=True)
class Scope:
    """Whose proxies the changed objects answer for.

    Much of what is in one namespace reaches the proxies of all (a DestinationRule is exported unless it says
    otherwise), but what those reject is for the most part what somebody else has applied.
    """

    namespaces: frozenset[str]
    gateways: bool

    @classmethod
    def of(cls, present: t.Mapping[Ref, Json], absent: t.Collection[Ref]) -> Scope:
        refs = [*present, *absent]
        gateways = any(is_for_gateways(ref, present.get(ref)) for ref in refs)
        return cls(frozenset(ref.namespace for ref in refs), gateways)

    def split(
        self, proxies: t.Iterable[ProxyStatus], roots: t.Collection[str]
    ) -> tuple[list[ProxyStatus], list[ProxyStatus]]:
        """Ours and others'. What is in a root namespace is for all."""
        ours: list[ProxyStatus] = []
        others: list[ProxyStatus] = []
        everywhere = not self.namespaces.isdisjoint(roots)
        for proxy in proxies:
            meant = everywhere or proxy.namespace in self.namespaces or (self.gateways and proxy.kind == "router")
            (ours if meant else others).append(proxy)
        return ours, others


@dataclass
class Settled:
    """What waiting for the proxies has come to."""

    ok: bool = True
    error: str = ""
    warning: str = ""
    unknown: str = ""
    """Why it is not known whether the proxies have the configuration; then only traffic can tell."""
    proxies: list[ProxyStatus] = field(default_factory=list)


def wait_settled(
    client: Client, present: t.Mapping[Ref, Json], absent: t.Collection[Ref], since: datetime, deadline: float
) -> Settled:
    """Wait until the proxies have what was applied; where istiod may not be asked, that is not known.

    Raises ApiError where the credentials are not accepted any more.
    """
    try:
        istiods = find_istiods(client)
    except ApiError as exc:
        if exc.status == 401:
            raise
        return Settled(unknown=f"It is not known whether the proxies have the configuration: {exc.sentence()}")
    if not istiods:
        return Settled(warning="There is no ready istiod, so no proxy has the configuration yet.")
    outcome = Settled()
    pause = threading.Event()
    try:
        for istiod in istiods:
            one = _wait_one(istiod, present, absent, since, deadline, pause)
            outcome.proxies.extend(one.proxies)
            outcome.warning = outcome.warning or one.warning
            outcome.unknown = outcome.unknown or one.unknown
            if not one.ok:
                outcome.ok, outcome.error = False, one.error
                break
    finally:
        for istiod in istiods:
            istiod.close()
    return outcome


def _wait_one(
    istiod: Istiod,
    present: t.Mapping[Ref, Json],
    absent: t.Collection[Ref],
    since: datetime,
    deadline: float,
    pause: threading.Event,
) -> Settled:
    delay = _FIRST_PAUSE
    missing = [*present, *absent]
    scope, roots, asked = Scope.of(present, absent), {istiod.namespace}, False
    proxies: list[ProxyStatus] = []
    ours: list[ProxyStatus] = []
    pushed = _Pushed(istiod.debounce)
    calm, rejections = _Calm(), _Rejections()
    give_up = deadline
    while True:
        soon = _LAST_PAUSE
        try:
            if missing:
                missing = missing_from(istiod.json("/debug/configz"), present, absent)
            if not missing and not pushed.done:
                pushed.look(istiod.get("/metrics").decode("utf-8", "replace"), time.monotonic())
                soon = pushed.quiet_in(time.monotonic())
                delay = _SECOND_LOOK if pushed.done else delay
            if not missing and pushed.done:
                proxies = parse_syncz(istiod.json("/debug/syncz"))
                calm.look(proxies)
                ours, others = scope.split(proxies, roots)
                bad = rejection(ours, since)
                if bad and (rejections.stand(ours, time.monotonic()) or time.monotonic() >= deadline):
                    return Settled(False, bad, proxies=proxies)
                if not bad and not calm.late(ours):
                    late = calm.late(others)
                    give_up = min(give_up, time.monotonic() + _OTHERS_GRACE)
                    if not late or time.monotonic() >= give_up:
                        if asked or not (late or rejection(others, since)):
                            return Settled(proxies=proxies, warning=_warning(ours, others, late))
                        # Before they count as others': the root namespace may not be istiod's.
                        roots.add(istiod.root_namespace())
                        asked = True
                        continue
        except ApiError as exc:
            if exc.status == 401:
                raise
            if exc.status in (403, 404):
                return Settled(unknown=f"It is not known whether the proxies have the configuration: {exc.sentence()}")
            if time.monotonic() >= deadline:
                return Settled(False, f"{istiod.name} could not be asked about the proxies: {exc.sentence()}")
        left = deadline - time.monotonic()
        if left <= 0:
            return Settled(False, _late(istiod, missing, ours), proxies=proxies)
        pause.wait(min(delay, soon, left))
        delay = min(delay * 1.3, _LAST_PAUSE)


class _Calm:
    """Which proxies have acknowledged everything since they were first looked at.

    Each by itself, or one that others keep changing would hold up all; those that connect later get everything at
    once. Twice, since a push may be queued for a proxy but not sent yet.
    """

    def __init__(self) -> None:
        self._times: dict[str, int] | None = None

    def look(self, proxies: t.Sequence[ProxyStatus]) -> None:
        if self._times is None:
            self._times = {proxy.name: 0 for proxy in proxies}
        for proxy in proxies:
            if proxy.name in self._times and not proxy.waiting:
                self._times[proxy.name] += 1

    def late(self, proxies: t.Sequence[ProxyStatus]) -> list[ProxyStatus]:
        return [proxy for proxy in proxies if (self._times or {}).get(proxy.name, 2) < 2]


class _Rejections:
    """Since when proxies have been rejecting what they were sent last."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], float] = {}

    def stand(self, proxies: t.Sequence[ProxyStatus], now: float) -> bool:
        """Whether one of them has had the time to answer otherwise."""
        rejected = {(proxy.name, *one) for proxy in proxies for one in proxy.nonces.items()}
        self._since = {one: self._since.get(one, now) for one in rejected}
        return any(now - since >= _ANSWER_GRACE for since in self._since.values())


class _Pushed:
    """Whether istiod has pushed since it has read the objects.

    It pushes when nothing has come in for the debounce time (or at the latest after its maximum). So either
    nothing has come in for that long, or two pushes were completed since: the first may have begun before.
    """

    def __init__(self, debounce: float) -> None:
        self._quiet = debounce + 0.15  # a busy istiod takes a while to make of it what it sends
        self._updates = -1.0
        self._changed_at = 0.0
        self._pushes = -1.0
        self.done = False

    def look(self, metrics: str, now: float) -> None:
        updates = parse_counter(metrics, "pilot_inbound_updates")
        pushes = parse_counter(metrics, "pilot_debounce_time_count")
        if self._pushes < 0:
            self._pushes = pushes
        if updates != self._updates:
            self._updates, self._changed_at = updates, now
        self.done = now - self._changed_at >= self._quiet or pushes >= self._pushes + 2

    def quiet_in(self, now: float) -> float:
        """Seconds until it will have been quiet for long enough, if nothing more comes in; later if it has been."""
        left = self._changed_at + self._quiet - now
        return _LAST_PAUSE if self.done else max(0.0, left)


def rejection(proxies: t.Sequence[ProxyStatus], since: datetime) -> str:
    """One sentence about proxies that have rejected what was sent since then; empty if none has."""
    bad = [proxy for proxy in proxies if proxy.rejected and (proxy.rejected_at is None or proxy.rejected_at >= since)]
    if not bad:
        return ""
    first = bad[0]
    what, why = next(iter(first.rejected.items()))
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return (
        f"the proxy {first.name}{more} has rejected the {what}: {why.rstrip('. ')}; it goes on with its earlier "
        "configuration, so correct or remove what was applied (only Envoy checks what is below typed_config)."
    )


def _warning(ours: t.Sequence[ProxyStatus], others: t.Sequence[ProxyStatus], late: t.Sequence[ProxyStatus]) -> str:
    """What is not well, but not because of what was applied."""
    said = []
    old = [proxy.name for proxy in ours if proxy.rejected]
    if old:
        said.append(
            f"Some proxies have rejected an earlier configuration and not yet taken a new one: {', '.join(old[:5])}."
        )
    bad = [proxy for proxy in others if proxy.rejected]
    if bad:
        what, why = next(iter(bad[0].rejected.items()))
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        said.append(
            f"The proxy {bad[0].name}{more}, which this change is not for, has rejected the {what}: "
            f"{why.rstrip('. ')}; correct or remove what was applied there."
        )
    if late:
        said.append(
            f"Other proxies, which this change is not for, have not acknowledged it yet: {_names(late)}; "
            "see their logs."
        )
    return " ".join(said)


def _names(late: t.Sequence[ProxyStatus]) -> str:
    names = [f"{proxy.name} ({', '.join(proxy.waiting)})" if proxy.waiting else proxy.name for proxy in late]
    return first_few(names, 3)


def _late(istiod: Istiod, missing: t.Sequence[Ref], proxies: t.Sequence[ProxyStatus]) -> str:
    if missing:
        return f"{istiod.name} has not read {missing[0]} within the time given; look at its log."
    late = [proxy for proxy in proxies if proxy.waiting]
    if late:
        return (
            f"these proxies have not acknowledged their configuration within the time given: {_names(late)}; "
            "see their logs."
        )
    return f"{istiod.name} has not pushed the configuration within the time given; look at its log."
