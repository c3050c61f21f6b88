# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter chain that is predicted is the one that Envoy takes: generated listeners and connections, on a real Envoy.

Every chain answers with its own name. A PROXY protocol header says where a connection was meant to go, as Istio's
interception does, and the inspectors that proxies have find out TLS, its server name and the protocols.
"""

from __future__ import annotations

import functools
import itertools
import random
import socket
import ssl
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.routing import Connection, choose_chain
from modules.envoys import API, CASES, SEED, free_port, listener_of, running

Json = dict[str, t.Any]

LISTENERS = 16
CHAINS = 24
PORTS = (80, 443, 9080)
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "10.1.0.1", "192.0.2.1")
RANGES = (("10.0.0.0", 8), ("10.0.0.0", 16), ("10.0.0.0", 24), ("10.0.0.1", 32))
NAMES = ("shop.example", "www.shop.example", "*.example", "*.shop.example", "*.www.shop.example", "*.other")
ASKED = (
    *("shop.example", "www.shop.example", "a.www.shop.example", "a.shop.example", "a.b.shop.example", "x.example"),
    *("example", "WWW.Shop.Example", "a.other", "none", ""),
)
OFFERED = ((), ("h2", "http/1.1"), ("http/1.1",), ("istio-http/1.1", "istio"), ("istio",), ("x",))
PLAIN = {
    ("http/1.1",): b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ("http/1.0",): b"GET / HTTP/1.0\r\n\r\n",
    ("h2c",): b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    (): b"SSH-2.0-client\r\n",
}
PROTOCOLS = ("http/1.0", "http/1.1", "h2", "h2c", "istio", "istio-http/1.1")
INSPECTORS = [
    {
        "name": f"envoy.filters.listener.{name}",
        "typed_config": {"@type": f"{API}.filters.listener.{name}.v3.{kind}"},
    }
    for name, kind in (
        ("proxy_protocol", "ProxyProtocol"),
        ("tls_inspector", "TlsInspector"),
        ("http_inspector", "HttpInspector"),
    )
]
DIRECT = "envoy.filters.network.direct_response"


def answering(name: str) -> list[Json]:
    config = {"@type": f"{API}.filters.network.direct_response.v3.Config", "response": {"inline_string": name}}
    return [{"name": DIRECT, "typed_config": config}]


class Maker:
    """Makes listeners and connections from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, among: t.Sequence[t.Any], share: float) -> list[t.Any]:
        """None, one or two of these."""
        wanted = self.random.randint(1, 2) if self.random.random() < share else 0
        return self.random.sample(among, wanted)

    def match(self, gateway: bool) -> Json:
        """What a chain is for: a gateway's mostly names servers, a sidecar's ports and addresses."""
        found: Json = {
            "prefix_ranges": [
                {"address_prefix": prefix, "prefix_len": length}
                for prefix, length in self.some(RANGES, 0.1 if gateway else 0.4)
            ],
            "server_names": self.some(NAMES, 0.8 if gateway else 0.2),
            "application_protocols": self.some(PROTOCOLS, 0.4),
        }
        if self.random.random() < (0.1 if gateway else 0.6):
            found["destination_port"] = self.random.choice(PORTS)
        if self.random.random() < 0.5:
            found["transport_protocol"] = self.random.choice(("tls", "raw_buffer"))
        return {key: value for key, value in found.items() if value}

    def listener(self, port: int, gateway: bool) -> Json:
        taken: set[t.Any] = set()
        chains: list[Json] = []
        while len(chains) < CHAINS:
            match = self.match(gateway)
            # Envoy refuses two chains for the same connections.
            places = set(
                itertools.product(
                    [match.get("destination_port")],
                    [tuple(one.values()) for one in match.get("prefix_ranges", ())] or [()],
                    match.get("server_names", [""]),
                    [match.get("transport_protocol")],
                    match.get("application_protocols", [""]),
                )
            )
            if places & taken:
                continue
            taken |= places
            name = str(len(chains))
            chains.append({"name": name, "filter_chain_match": match, "filters": answering(name)})
        found = listener_of(port, chains, listener_filters=INSPECTORS)
        if self.random.random() < 0.5:
            found["default_filter_chain"] = {"name": "default", "filters": answering("default")}
        return found

    def connection(self) -> Connection:
        tls = self.random.random() < 0.6
        return Connection(
            address=self.random.choice(ADDRESSES),
            port=self.random.choice((*PORTS, 1)),
            tls=tls,
            server_name=self.random.choice(ASKED) if tls else "",
            protocols=self.random.choice(OFFERED if tls else tuple(PLAIN)),
        )


@functools.cache
def greeting(server_name: str, protocols: tuple[str, ...]) -> bytes:
    """How a client begins to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name or None)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def taken_by(port: int, connection: Connection) -> str:
    """The name of the chain that takes a connection; empty where it is closed."""
    meant = f"PROXY TCP4 192.0.2.9 {connection.address} 40000 {connection.port}\r\n".encode()
    hello = greeting(connection.server_name, connection.protocols) if connection.tls else PLAIN[connection.protocols]
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(meant + hello)
        try:
            while part := sock.recv(100):
                answer += part
        except ConnectionResetError:
            pass
    return answer.decode()


@pytest.fixture(scope="module", name="listeners")
def listeners_fixture(tmp_path_factory, eventually):
    """Envoy with generated listeners, half of them like a gateway's."""
    maker = Maker(SEED)
    made = {port: maker.listener(port, number % 2 == 0) for number, port in enumerate(free_ports(LISTENERS))}
    with running(tmp_path_factory.mktemp("envoy"), list(made.values()), eventually):
        yield made


def free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)


def test_envoy_takes_the_chain_that_is_predicted(listeners):
    maker = Maker(SEED + 1)
    ports = list(listeners)
    wrong, outcomes = [], {"closed": 0, "default": 0, "chain": 0}
    for number in range(CASES):
        port, connection = ports[number % len(ports)], maker.connection()
        chain = choose_chain(listeners[port], connection)
        name = str((chain or {}).get("name", ""))
        outcomes[name if name == "default" else "chain" if name else "closed"] += 1
        taken = taken_by(port, connection)
        if taken != name:
            wrong.append((number, connection, name, taken))
    assert not wrong, f"{len(wrong)} of {CASES}, seed {SEED}; the first: {wrong[0]}"
    # The generated worlds are not trivial.
    assert min(outcomes.values()) > CASES / 50, outcomes
