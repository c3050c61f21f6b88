# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: failures that are told apart, client certificates, identities."""

from __future__ import annotations

import pathlib
import socket
import ssl

import pytest
from ansible_collections.mesh.workshop.tests.unit.authority import Authority
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.probe.sending import send
from ansible_collections.mesh.workshop.tests.unit.servers import Rude, Site, after


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One authority for all tests of this file."""
    return Authority()


def tls_server(rude: Rude, certificate: pathlib.Path, client_ca: str | None = None) -> None:
    """Answer over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca)

    def act(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.recv(65536)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    rude.act = act


def test_tls_failures_are_told_apart(rude: Rude, site: Site, authority: Authority, tmp_path: pathlib.Path) -> None:
    url = "https://shop.example/"
    ours = {"ca": authority.pem()}
    good = authority.issue(tmp_path, "shop.example")
    tls_server(rude, good)
    assert send(rude.port, url=url, tls=ours)[0]["body"] == "ok"
    assert send(rude.port, url=url, tls={"insecure": True})[0]["body"] == "ok"
    assert send(rude.port, url=url)[0]["error"]["kind"] == "tls_untrusted_ca"
    assert send(rude.port, url=url, tls={"ca": Authority().pem()})[0]["error"]["kind"] == "tls_untrusted_ca"
    assert send(rude.port, url="https://other.example/", tls=ours)[0]["error"]["kind"] == "tls_wrong_name"
    tls_server(rude, authority.issue(tmp_path, "shop.example", days=-1))
    assert send(rude.port, url=url, tls=ours)[0]["error"]["kind"] == "tls_expired"
    assert send(site.port, url=url, tls=ours)[0]["error"]["kind"] == "tls_not_spoken"


def test_a_missing_client_certificate(rude: Rude, authority: Authority, tmp_path: pathlib.Path) -> None:
    url = "https://shop.example/"
    tls_server(rude, authority.issue(tmp_path, "shop.example"), client_ca=authority.pem())
    missing = send(rude.port, url=url, tls={"ca": authority.pem()})[0]
    assert missing["error"]["kind"] == "tls_certificate_required"
    mine = authority.issue(tmp_path, "me.example").read_text()
    assert send(rude.port, url=url, tls={"ca": authority.pem(), "cert": mine})[0]["body"] == "ok"


def test_the_peers_identity_is_read(rude: Rude, authority: Authority, tmp_path: pathlib.Path) -> None:
    tls_server(rude, authority.issue(tmp_path, "shop.example"))
    for tls in ({"ca": authority.pem()}, {"insecure": True}, {"ca": authority.pem(), "name": "shop.example"}):
        seen = send(rude.port, url="https://shop.example/", tls=tls)[0]
        assert seen["peer"] == ["spiffe://cluster.local/ns/shop/sa/shop.example"]


def test_tcp_and_tls_without_http(rude: Rude, authority: Authority, tmp_path: pathlib.Path, nowhere: str) -> None:
    def echo(sock: socket.socket) -> None:
        sock.sendall(b"hello " + sock.recv(100))

    rude.act = echo
    seen = send(rude.port, url="tcp://shop.example:7", body="eW91")[0]
    assert (seen["status"], seen["body"], seen["error"]) == (None, "hello you", None)
    rude.act = lambda sock: sock.sendall(b"220 ready") and None
    assert send(rude.port, url="tcp://shop.example:7")[0]["body"] == "220 ready"
    rude.act = lambda sock: after(1) and None
    assert send(rude.port, url="tcp://shop.example:7")[0]["error"] is None, "connected, and nobody speaks"
    assert send(rude.port, url="tcp://s:7", body="eA==", timeout=0.2)[0]["error"]["kind"] == "timeout_response"
    rude.act = lambda sock: None
    assert send(rude.port, url="tcp://shop.example:7")[0]["error"]["kind"] == "reset_before_response"
    port = int(nowhere.rpartition(":")[2])
    assert send(port, url="tcp://shop.example:7")[0]["error"]["kind"] == "connection_refused"
    tls_server(rude, authority.issue(tmp_path, "shop.example"))
    spoken = send(rude.port, url="tls://shop.example:7", body="eA==", tls={"ca": authority.pem()})[0]
    assert spoken["body"].startswith("HTTP/1.1 200")
