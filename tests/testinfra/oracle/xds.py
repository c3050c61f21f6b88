# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks istiod for a proxy's configuration, with a token and in whosever name: one gRPC call by hand over HTTP/2.

Runs as ``python3 -c`` in a pod, so it needs the standard library alone and no other file of these tests. Its arguments
are the kind of the proxy, its pod, its namespace, the type of what is asked for, and names of such; the token comes on
standard input. It prints what istiod sends, as far as that is text, or ``refused`` where istiod ends the call without.
"""

import socket
import ssl
import sys

DATA, HEADERS, RESET, SETTINGS, GOAWAY, WINDOW = 0, 1, 3, 4, 7, 8
END_STREAM, END_HEADERS = 1, 4
CALL = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
# As many bytes as istiod may send, for the connection and for a call; the number is the setting's (RFC 9113, 6.5.2).
ROOM = (1 << 24).to_bytes(4, "big")
ROOM_OF_A_CALL = b"\0\4" + ROOM


def varint(number):
    """A number as protobuf writes it."""
    low = bytes([number & 127 | (128 if number > 127 else 0)])
    return low + varint(number >> 7) if number > 127 else low


def field(number, body):
    """A field of protobuf that has a length: a string or a message."""
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def string(key, value):
    """An entry of a protobuf Struct: a string."""
    return field(1, field(1, key) + field(2, field(3, value)))


def request(kind, pod, namespace, wanted, *names):
    """A DiscoveryRequest, by the node's id and metadata as Istio's agent writes them."""
    labels = field(1, field(1, "LABELS") + field(2, field(5, string("istio", "ingressgateway"))))
    metadata = string("NAMESPACE", namespace) + (labels if kind == "router" else b"")
    node = field(1, f"{kind}~192.0.2.1~{pod}.{namespace}~{namespace}.svc.cluster.local") + field(3, metadata)
    return field(2, node) + b"".join(field(3, name) for name in names) + field(4, f"type.googleapis.com/{wanted}")


def length(number):
    """The length of a header's text in seven bits (RFC 7541, 5.1), which says that it is not compressed."""
    return bytes([number]) if number < 127 else b"\x7f" + varint(number - 127)


def header(name, value):
    """A header that is not indexed (RFC 7541, 6.2.2)."""
    return b"\0" + b"".join(length(len(text)) + text.encode() for text in (name, value))


def frame(kind, flags, stream, body):
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def ask(server, token, message):
    """What the first answer says, or ``refused``."""
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2"])
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": CALL,
        ":authority": server,
        "content-type": "application/grpc",
        "te": "trailers",
        "authorization": f"Bearer {token}",
    }
    with context.wrap_socket(socket.create_connection((server, 15012), timeout=30)) as connection:
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(SETTINGS, 0, 0, ROOM_OF_A_CALL)
            + frame(WINDOW, 0, 0, ROOM)
            + frame(HEADERS, END_HEADERS, 1, b"".join(header(*one) for one in headers.items()))
            + frame(DATA, 0, 1, b"\0" + len(message).to_bytes(4, "big") + message)
        )
        answer, told = connection.makefile("rb"), b""
        while True:
            start = answer.read(9)
            if len(start) < 9:
                raise SystemExit("the connection ends before the answer")
            kind, flags = start[3], start[4]
            body = answer.read(int.from_bytes(start[:3], "big"))
            told += body if kind == DATA else b""
            if len(told) > 4 and len(told) >= 5 + int.from_bytes(told[1:5], "big"):
                return told.decode("ascii", "ignore")
            if kind == HEADERS and flags & END_STREAM or kind in (RESET, GOAWAY):
                return "refused"


if __name__ == "__main__":
    print(ask("istiod.istio-system.svc", sys.stdin.read(), request(*sys.argv[1:])))
