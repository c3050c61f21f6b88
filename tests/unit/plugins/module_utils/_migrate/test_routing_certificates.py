# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .routings import service

OWN = "privateKey: /etc/certs/key.pem, caCertificates: /etc/certs/root-cert.pem"


def gateway(tls: str) -> str:
    port = "{number: 443, name: https, protocol: HTTPS}"
    return service(f"  servers: [{{port: {port}, hosts: ['*'], tls: {{{tls}}}}}]\n", "Gateway")


def rule(tls: str) -> str:
    return service(f"  host: a\n{tls}", "DestinationRule")


def test_a_gateways_certificate_in_a_file_is_told_its_successor(converter: Converter) -> None:
    tls = "mode: SIMPLE, server_certificate: /etc/istio/ingressgateway-certs/tls.crt, private_key: /etc/tls.key"
    result = converter.result(gateway(tls))
    (note,) = result.docs[0].differences
    assert note.field == "spec.servers[0].tls.serverCertificate"
    assert "credentialName names a Secret" in note.text
    # It is valid today, where somebody mounts it.
    assert result.docs[0].outputs[0]["spec"]["servers"][0]["tls"]["privateKey"] == "/etc/tls.key"
    again = converter.result(result.files[0].text() or "")
    assert (again.docs[0].status, again.docs[0].differences) == ("unchanged", [])


@pytest.mark.parametrize(
    "text",
    [
        gateway(f"mode: MUTUAL, serverCertificate: /etc/certs/cert-chain.pem, {OWN}, subjectAltNames: [b]"),
        rule(f"  trafficPolicy: {{tls: {{mode: MUTUAL, clientCertificate: /etc/certs/cert-chain.pem, {OWN}}}}}\n"),
        rule(
            "  subsets: [{name: v1, traffic_policy: {port_level_settings: [{port: {number: 1}, tls: {mode: MUTUAL, "
            "client_certificate: /etc/certs/cert-chain.pem, private_key: /etc/certs/key.pem}}]}}]\n"
        ),
    ],
)
def test_the_proxys_own_certificate_is_istios(converter: Converter, text: str) -> None:
    result = converter.result(text)
    assert result.refusals() == []
    written = result.files[0].text() or ""
    assert "ISTIO_MUTUAL" in written
    assert "/etc/certs" not in written
    said = str(result.docs[0].differences)
    assert "is in no file since Istio 1.5" in said
    assert ("The server's identity is checked" in said) == ("DestinationRule" in written)


def test_another_authority_beside_the_proxys_own_certificate_is_refused(converter: Converter) -> None:
    tls = "mode: MUTUAL, clientCertificate: /etc/certs/cert-chain.pem, privateKey: /etc/certs/key.pem"
    text = rule(f"  trafficPolicy: {{tls: {{{tls}, caCertificates: /etc/ca.pem}}}}\n")
    assert "another authority than the mesh's" in converter.refusal(text)


def test_a_file_beside_a_credentials_name_is_none(converter: Converter) -> None:
    tls = "mode: SIMPLE, serverCertificate: sds, privateKey: sds, credentialName: web"
    result = converter.result(gateway(tls))
    assert (result.docs[0].status, result.docs[0].differences) == ("converted", [])


def test_files_of_the_users_stay(converter: Converter) -> None:
    tls = "mode: MUTUAL, clientCertificate: /etc/certs/myclientcert.pem, privateKey: /etc/certs/client_private_key.pem"
    result = converter.result(rule(f"  trafficPolicy: {{tls: {{{tls}}}}}\n"))
    assert (result.docs[0].status, result.docs[0].differences) == ("converted", [])
