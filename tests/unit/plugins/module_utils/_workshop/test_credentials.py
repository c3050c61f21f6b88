# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime
import json

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import credentials
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
MADE = credentials.generate(host="shop.example", now=NOW)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(MADE[name].encode())


def test_what_was_made_is_found_again() -> None:
    assert set(MADE) == set(credentials.NAMES)
    assert credentials.usable(credentials.encoded(MADE), host="shop.example", now=NOW) == MADE


@pytest.mark.parametrize(
    ("data", "host", "days"),
    [
        (None, "shop.example", 0),
        ({}, "shop.example", 0),
        ({**credentials.encoded(MADE), "jwks": "%"}, "shop.example", 0),
        (credentials.encoded({**MADE, "expires": "soon"}), "shop.example", 0),
        (credentials.encoded(MADE), "other.example", 0),
        (credentials.encoded(MADE), "shop.example", 364.5),
    ],
)
def test_what_is_missing_broken_for_another_host_or_about_to_expire_is_made_anew(
    data: dict[str, str] | None, host: str, days: float
) -> None:
    assert credentials.usable(data, host=host, now=NOW + datetime.timedelta(days=days)) is None


def test_the_server_is_known_by_its_host_and_signed_by_the_ca() -> None:
    server = certificate("server_crt")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example"]
    server.verify_directly_issued_by(certificate("ca_crt"))
    certificate("client_crt").verify_directly_issued_by(certificate("ca_crt"))
    certificate("stranger_crt").verify_directly_issued_by(certificate("stranger_ca_crt"))


@pytest.mark.parametrize("token", ["token_reader", "token_visitor", "token_forged"])
def test_the_key_set_verifies_the_tokens_of_the_issuer_only(token: str) -> None:
    (key,) = json.loads(MADE["jwks"])["keys"]
    x, y = (int.from_bytes(decoded(key[name]), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    head, claims, signature = MADE[token].split(".")
    raw = decoded(signature)
    assert json.loads(decoded(head)) == {"alg": "ES256", "typ": "JWT", "kid": key["kid"]}
    assert json.loads(decoded(claims))["iss"] == MADE["issuer"]
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    signed = f"{head}.{claims}".encode()
    if token == "token_forged":
        with pytest.raises(InvalidSignature):
            public.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    else:
        public.verify(der, signed, ec.ECDSA(hashes.SHA256()))
