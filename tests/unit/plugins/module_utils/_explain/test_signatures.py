# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import sys
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.matching import Unknown
from ansible_collections.mesh.workshop.plugins.module_utils._explain.signatures import (
    KEY_MISMATCH,
    VERIFICATION,
    decoded,
    signature_fault,
)
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, t.Any]
Signer = t.Callable[[bytes], bytes]


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def of_number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def by_rsa(algorithm: str) -> tuple[Json, Signer]:
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    filled: t.Any = padding.PKCS1v15()
    if algorithm == "PS256":
        filled = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return {"kty": "RSA", "n": of_number(numbers.n), "e": of_number(numbers.e)}, lambda text: key.sign(
        text, filled, hashes.SHA256()
    )


def by_curve(_algorithm: str) -> tuple[Json, Signer]:
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()

    def sign(text: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return {"kty": "EC", "crv": "P-256", "x": of_number(numbers.x), "y": of_number(numbers.y)}, sign


def by_edwards(_algorithm: str) -> tuple[Json, Signer]:
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw)}, key.sign


def provider(*keys: Json) -> Json:
    return {"local_jwks": {"inline_string": json.dumps({"keys": keys})}}


@pytest.mark.parametrize(
    ("algorithm", "make"), [("RS256", by_rsa), ("PS256", by_rsa), ("ES256", by_curve), ("EdDSA", by_edwards)]
)
def test_a_signature_is_that_of_its_key_alone(
    algorithm: str, make: t.Callable[[str], tuple[Json, Signer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, sign), (other, _sign) = make(algorithm), make(algorithm)
    head = {"alg": algorithm, "kid": "1"}
    body = f"{encoded(json.dumps(head).encode())}.{encoded(b'{}')}"
    text = f"{body}.{encoded(sign(body.encode()))}"
    assert signature_fault(text, head, provider(other, {**key, "kid": "1", "alg": algorithm})) == ""
    assert signature_fault(text, head, provider(other)) == VERIFICATION
    assert signature_fault(text, head, provider({**key, "kid": "2"})) == KEY_MISMATCH
    assert signature_fault(text, head, provider({"kty": "oct", "k": "AA"})) == VERIFICATION
    assert signature_fault(text, head, provider({"kty": key["kty"]})) == VERIFICATION
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(Unknown, match="without the Python package cryptography"):
        signature_fault(text, head, provider(key))


@pytest.mark.parametrize("local", [{}, {"filename": "keys"}, {"inline_string": "[]"}, {"inline_string": "{"}])
def test_keys_that_are_not_here_are_unknown(local: Json) -> None:
    with pytest.raises(Unknown, match="the keys"):
        signature_fault("a.b.c", {"alg": "HS256"}, {"local_jwks": local})


def test_keys_may_be_bytes() -> None:
    text = base64.b64encode(json.dumps({"keys": []}).encode()).decode()
    assert signature_fault("a.b.c", {"alg": "HS256"}, {"local_jwks": {"inline_bytes": text}}) == KEY_MISMATCH


def test_base64url_has_no_padding() -> None:
    assert decoded("_-8") == decoded("_ -8") == b"\xff\xef"
    for wrong in ("a", "a?bc"):
        with pytest.raises(ValueError, match=r".+"):
            decoded(wrong)
