# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and tokens of one workshop namespace: a CA, what it has signed, a token issuer and its tokens.

They live in a Secret that the stages apply which use them. So there is no state but the cluster's, an attendee can
read them with kubectl, and a stage applied twice finds what it made before.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import typing as t

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:  # it comes with ansible-core, but a managed node may lack it
    HAS_CRYPTOGRAPHY = False

SECRET_NAME = "workshop-credentials"
ISSUER = "issuer@mesh.workshop"
VALID = datetime.timedelta(days=365)
LEAST_LEFT = datetime.timedelta(days=1)
SKEW = datetime.timedelta(minutes=5)

NAMES = (
    "ca_crt",
    "ca_key",
    "server_crt",
    "server_key",
    "client_crt",
    "client_key",
    "stranger_ca_crt",
    "stranger_crt",
    "stranger_key",
    "issuer_key",
    "issuer",
    "jwks",
    "token_reader",
    "token_visitor",
    "token_forged",
    "host",
    "expires",
)


def usable(data: t.Mapping[str, str] | None, *, host: str, now: datetime.datetime) -> dict[str, str] | None:
    """What a Secret holds, decoded, where it is complete, for this host, and still valid tomorrow."""
    try:
        texts = {name: base64.b64decode((data or {})[name], validate=True).decode() for name in NAMES}
        expires = datetime.datetime.fromtimestamp(int(texts["expires"]), datetime.UTC)
    except (KeyError, ValueError, binascii.Error, OverflowError):
        return None
    if texts["host"] != host or expires < now + LEAST_LEFT:
        return None
    return texts


def generate(*, host: str, now: datetime.datetime) -> dict[str, str]:
    """New credentials. The stranger is what the workshop's CA and issuer have not signed."""
    expires = now + VALID
    ca_key, ca = _authority("mesh.workshop CA", now, expires)
    stranger_ca_key, stranger_ca = _authority("a stranger's CA", now, expires)
    server_key, server = _leaf(ca_key, ca, host, [x509.DNSName(host)], ExtendedKeyUsageOID.SERVER_AUTH, now, expires)
    client_key, client = _leaf(ca_key, ca, "attendee", [], ExtendedKeyUsageOID.CLIENT_AUTH, now, expires)
    other_key, other = _leaf(
        stranger_ca_key, stranger_ca, "stranger", [], ExtendedKeyUsageOID.CLIENT_AUTH, now, expires
    )
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    forger_key = ec.generate_private_key(ec.SECP256R1())
    return {
        "ca_crt": _pem(ca),
        "ca_key": _private(ca_key),
        "server_crt": _pem(server),
        "server_key": _private(server_key),
        "client_crt": _pem(client),
        "client_key": _private(client_key),
        "stranger_ca_crt": _pem(stranger_ca),
        "stranger_crt": _pem(other),
        "stranger_key": _private(other_key),
        "issuer_key": _private(issuer_key),
        "issuer": ISSUER,
        "jwks": _key_set(issuer_key),
        "token_reader": _token(issuer_key, "ada", "readers", now, expires),
        "token_visitor": _token(issuer_key, "eve", "visitors", now, expires),
        # It says the same as the reader's, under the same key id, but another key has signed it.
        "token_forged": _token(forger_key, "ada", "readers", now, expires),
        "host": host,
        "expires": str(int(expires.timestamp())),
    }


def encoded(texts: t.Mapping[str, str]) -> dict[str, str]:
    """The texts as the data of a Secret."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in texts.items()}


def _authority(name: str, now: datetime.datetime, expires: datetime.datetime) -> tuple[t.Any, t.Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, now, expires)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _leaf(
    ca_key: t.Any,
    ca: t.Any,
    name: str,
    names: list[t.Any],
    purpose: t.Any,
    now: datetime.datetime,
    expires: datetime.datetime,
) -> tuple[t.Any, t.Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    # RFC 5280 allows a common name 64 characters; clients look at the alternative names only.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = _builder(subject, ca.subject, key, now, expires)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(issuer_id, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(ca_key, hashes.SHA256())


def _builder(subject: t.Any, issuer: t.Any, key: t.Any, now: datetime.datetime, expires: datetime.datetime) -> t.Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> t.Any:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: t.Any) -> str:
    return str(certificate.public_bytes(serialization.Encoding.PEM).decode())


def _private(key: t.Any) -> str:
    return str(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


def _key_set(key: t.Any) -> str:
    """The public key as RFC 7517 writes it."""
    numbers = key.public_key().public_numbers()
    public = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "workshop"}
    return json.dumps({"keys": [{**public, "x": _number(numbers.x), "y": _number(numbers.y)}]})


def _token(key: t.Any, subject: str, group: str, now: datetime.datetime, expires: datetime.datetime) -> str:
    """A signed token (RFC 7519) with ES256: the signature is the two numbers side by side, not DER (RFC 7518, 3.4)."""
    claims = {
        "iss": ISSUER,
        "sub": subject,
        "group": group,
        "iat": int((now - SKEW).timestamp()),
        "exp": int(expires.timestamp()),
    }
    head = {"alg": "ES256", "typ": "JWT", "kid": "workshop"}
    signed = ".".join(_url(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _number(value: int) -> str:
    return _url(value.to_bytes(32, "big"))


def _url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
