# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `tls`: what proxies insist on, and HTTPS at the gateway."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl

import kubernetes
import pytest

HOST = "mybookstore.com"


def peer_mode(kube):
    found = kube.custom.get_namespaced_custom_object(
        "security.istio.io", "v1", "bookinfo", "peerauthentications", "default"
    )
    return found["spec"]["mtls"]["mode"]


def modes(kube):
    rules = kube.istio("destinationrules")
    return {name: item["spec"]["trafficPolicy"]["tls"]["mode"] for name, item in rules.items()}


def listens(gateway, port):
    try:
        socket.create_connection((gateway.address, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture(name="credential")
def credential_fixture(kube, tmp_path):
    """A file that holds one of the workshop's credentials."""

    def file(name):
        data = kube.core.read_namespaced_secret("workshop-credentials", "bookinfo").data
        path = tmp_path / f"{name}.pem"
        path.write_bytes(base64.b64decode(data[name]))
        return str(path)

    return file


def page_by_https(gateway, context):
    """Status of the page, by a connection to the gateway's address that names the host."""
    raw = socket.create_connection((gateway.address, 443), timeout=10)
    with context.wrap_socket(raw, server_hostname=HOST) as connection:
        connection.sendall(f"GET /productpage HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert "The Comedy of Errors" in response.read().decode()
        return response.status


def word_after_the_handshake(gateway, context):
    """What the gateway says to a client that only listens.

    Under TLS 1.3 a server refuses a client's certificate after the handshake; a client that was writing by then may
    see a broken connection in place of the reason.
    """
    raw = socket.create_connection((gateway.address, 443), timeout=10)
    with context.wrap_socket(raw, server_hostname=HOST) as connection:
        return connection.recv(1)


# The API server's proxy has no sidecar.


@pytest.mark.stage("tls", "permissive")
def test_permissive_answers_a_client_without_a_sidecar(kube):
    assert peer_mode(kube) == "PERMISSIVE"
    assert kube.service_get("details", "/details/0")["id"] == 0


@pytest.mark.stage("tls", "strict")
def test_strict_refuses_a_client_without_a_sidecar(kube, gateway, eventually):
    assert peer_mode(kube) == "STRICT"
    assert gateway.get("/productpage").status == 200

    def refused():
        try:
            kube.service_get("details", "/details/0")
        except kubernetes.client.ApiException as error:
            return error.status in (500, 502, 503)
        return False

    eventually(refused, "a client without a sidecar is refused")


@pytest.mark.stage("tls", "mutual")
def test_mutual_names_the_mesh_certificates_and_the_versions(kube, gateway):
    assert set(modes(kube).values()) == {"ISTIO_MUTUAL"}
    subsets = kube.istio("destinationrules")["reviews"]["spec"]["subsets"]
    assert [item["name"] for item in subsets] == ["v1", "v2", "v3"]
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


@pytest.mark.stage("tls", "mutual")
def test_mutual_tells_the_callee_who_calls(ask_from):
    account = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-"
    forged = {"X-Forwarded-Client-Cert": f"URI={account}productpage"}
    for caller, headers in (("productpage", {}), ("details", {}), ("details", forged)):
        (answer,) = ask_from(caller, "http://echo:9080/", headers=headers)
        assert answer.status == 200
        shown = answer.json()["x-forwarded-client-cert"]
        # Who has shown a certificate, and no second element that the caller has written itself.
        assert re.findall(r"URI=([^;,]+)", shown) == [f"{account}{caller}"], shown


@pytest.mark.stage("tls", "mismatch")
def test_mismatch_leaves_the_page_without_details(kube, gateway):
    assert modes(kube) == {"details": "DISABLE"}
    page = gateway.get("/productpage")
    assert page.status == 200
    assert "Error fetching product details" in page.body
    assert "Error fetching product reviews" not in page.body


@pytest.mark.stage("tls", "secure_gateway")
def test_secure_gateway_is_believed_by_its_ca_alone(gateway, credential):
    assert page_by_https(gateway, ssl.create_default_context(cafile=credential("ca_crt"))) == 200
    for context in (ssl.create_default_context(), ssl.create_default_context(cafile=credential("stranger_ca_crt"))):
        with pytest.raises(ssl.SSLCertVerificationError):
            page_by_https(gateway, context)
    assert gateway.get("/productpage").status == 200


@pytest.mark.stage("tls", "mutual_gateway")
def test_mutual_gateway_wants_a_certificate_of_its_ca(gateway, credential):
    def client(crt="", key=""):
        context = ssl.create_default_context(cafile=credential("ca_crt"))
        if crt:
            context.load_cert_chain(credential(crt), credential(key))
        return context

    assert page_by_https(gateway, client("client_crt", "client_key")) == 200
    with pytest.raises(ssl.SSLError, match="(?i)certificate.required"):
        word_after_the_handshake(gateway, client())
    with pytest.raises(ssl.SSLError, match="(?i)unknown.ca"):
        word_after_the_handshake(gateway, client("stranger_crt", "stranger_key"))


@pytest.mark.stage("tls", "mutual_gateway")
def test_baseline_leaves_neither_secret_nor_listener(ansible, gateway, kube, eventually):
    def secrets():
        found = kube.core.list_secret_for_all_namespaces(label_selector="mesh.workshop/attendee").items
        return {item.metadata.name for item in found}

    assert "workshop-credentials" in secrets()
    assert listens(gateway, 443)
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    assert secrets() == set()
    eventually(lambda: not listens(gateway, 443), "the secure port is closed")
