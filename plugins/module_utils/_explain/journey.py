# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the way of one request: what each proxy on it does, and what it may send to."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._kube.objects import name_of
from .access import Access
from .gateway import Server
from .limits import Limit
from .mesh import ServiceName
from .origin import Origin
from .request import Request
from .routing import Routed
from .sampling import Sampling
from .tokens import TokenResult

Json = t.Mapping[str, t.Any]
PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"


@dataclass(frozen=True)
class Handshake:
    """What a client says when it begins to speak TLS."""

    server_name: str = ""
    protocols: tuple[str, ...] = ()
    mutual: bool = True
    """Whether it is the mesh's mTLS."""


@dataclass(frozen=True)
class Endpoint:
    """One address that a cluster may send to."""

    address: str
    port: int
    healthy: bool
    mtls: bool
    pod: Json | None = None
    state: str = ""
    """Why it is not healthy, such as ``ejected``; empty where that is not known."""
    handshake: Handshake | None = None
    """How TLS is begun with it; None for plain text."""

    @property
    def name(self) -> str:
        """Its pod, else its address."""
        return name_of(self.pod) if self.pod is not None else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Target:
    """A cluster that a request may be sent to."""

    cluster: str
    share: float
    known: bool
    """Whether the proxy has this cluster."""
    service: ServiceName | None = None
    subset: str = ""
    origin: Origin | None = None
    """The DestinationRule that holds for it."""
    endpoints: tuple[Endpoint, ...] = ()
    tls: str = ""
    """``mtls``, ``tls`` (SIMPLE or MUTUAL), or empty for plain text; of the first endpoint."""
    breaker: str = ""
    """What its circuit breaker lets through at once."""
    outliers: str = ""
    """When its outlier detection ejects a pod."""


@dataclass(frozen=True)
class Sent:
    """What the proxy at the beginning of a hop does with the request: a caller's or a gateway's."""

    proxy: str
    role: str
    """``gateway`` or ``caller``."""
    namespace: str
    listener: str = ""
    service: ServiceName | None = None
    """The Service whose address is asked, where it is one."""
    port: Json | None = None
    http: bool = True
    """Whether the listener routes HTTP, and does not pass connections on as TCP."""
    why: str = ""
    """Why it takes the port's traffic so."""
    routed: Routed | None = None
    origin: Origin | None = None
    """The VirtualService of the route."""
    targets: tuple[Target, ...] = ()
    delay: float = 0.0
    """Seconds, where a fault delays the request."""
    delay_share: float = 0.0
    abort: str = ""
    """HTTP or gRPC status that a fault answers."""
    abort_share: float = 0.0
    timeout: float | None = None
    per_try: float | None = None
    retries: int = 0
    mirrors: tuple[tuple[Target, float], ...] = ()
    redirect: str = ""
    retry_on: str = ""
    unreached: str = ""
    """Why nobody outside reaches the port of a gateway, though it may be open."""
    normalized: str = ""
    """The path that routes see, where it is another than was sent."""
    rewrite: str = ""
    """Method, host and path as they are sent on, where a rule changes one of them."""
    rule: int | None = None
    """The number of the route's rule in its VirtualService, from 0, where it can be told."""
    server: Server | None = None
    """What a gateway's listener is made of."""
    policy: str = ""
    """The outboundTrafficPolicy, where the request leaves for what the mesh does not know."""
    policy_origin: Origin | None = None
    """The Sidecar that sets it; None where the mesh's configuration does."""
    token: TokenResult = field(default_factory=TokenResult)
    access: tuple[Access, ...] = ()
    """Of policies that hold at a gateway."""
    limits: tuple[Limit, ...] = ()
    limiters: tuple[Origin, ...] = ()
    """EnvoyFilters that may have set the limits."""
    strange: tuple[str, ...] = ()
    """Filters whose doing is not known here."""
    synced: bool = True
    """Whether the proxy has ever got a configuration."""
    sampling: Sampling | None = None
    """What it decides about traces, where it is the first to decide."""

    @property
    def met(self) -> tuple[Target, ...]:
        """The targets that requests are sent to: those with a weight of 0 get none."""
        return tuple(one for one in self.targets if one.share > 0 or len(self.targets) == 1)

    @property
    def route(self) -> Json | None:
        return self.routed.route if self.routed else None

    @property
    def denying(self) -> Access | None:
        return _denying(self.access)


@dataclass(frozen=True)
class Received:
    """What the proxy before the callee does with the request."""

    proxy: str
    namespace: str
    port: int
    mtls: bool
    """Whether the connection is the mesh's mTLS."""
    accepted: bool
    """Whether a filter chain takes such a connection."""
    http: bool = True
    mode: str = "PERMISSIVE"
    mode_origin: Origin | None = None
    mode_field: str = ""
    token: TokenResult = field(default_factory=TokenResult)
    access: tuple[Access, ...] = ()
    limits: tuple[Limit, ...] = ()
    limiters: tuple[Origin, ...] = ()
    """EnvoyFilters that may have set the limits."""
    strange: tuple[str, ...] = ()
    """Filters whose doing is not known here."""
    synced: bool = True
    """Whether the proxy has ever got a configuration."""
    tls: bool = False
    """Whether the connection is TLS of another kind, with no certificate of the mesh."""

    @property
    def how(self) -> str:
        """What comes over the connection, in words."""
        return "mTLS" if self.mtls else "TLS without the mesh's certificate" if self.tls else "plain text"

    @property
    def denying(self) -> Access | None:
        return _denying(self.access)


@dataclass(frozen=True)
class Bare:
    """A pod that answers and has no proxy that could decide about it."""

    pod: str
    namespace: str
    ambient: bool
    """Whether its node's ztunnel takes its connections."""
    aside: str = ""
    """The annotation that lets traffic bypass its proxy, where it has one."""
    port: int = 0
    mtls: bool = False
    """Whether it is sent the mesh's mTLS, which nobody there takes."""


def _denying(access: t.Iterable[Access]) -> Access | None:
    return next((one for one in access if one.denies and not one.uncertain), None)


@dataclass(frozen=True)
class Journey:
    """One request from a caller to the callees that it may reach."""

    request: Request
    caller: str
    sent: Sent | None
    """None where the caller has no proxy."""
    received: tuple[Received, ...] = ()
    """By each pod that it may reach and whose configuration is known."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, as sentences."""
    bare: tuple[Bare, ...] = ()
    """Pods that it may reach and that have no sidecar."""
    aside: str = ""
    """The annotation of the caller's pod that lets the request bypass its proxy."""
    through: tuple[Journey, ...] = ()
    """Its way on through gateways that it is sent to."""

    @property
    def proxies(self) -> tuple[Sent | Received, ...]:
        """The proxies that it meets, in their order."""
        behind = (proxy for one in self.through for proxy in one.proxies)
        return (*((self.sent,) if self.sent is not None else ()), *self.received, *behind)

    @property
    def parts(self) -> tuple[Journey, ...]:
        """It, and its ways through gateways, each from the proxy that it begins at."""
        return (self, *(part for one in self.through for part in one.parts))
