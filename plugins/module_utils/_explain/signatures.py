# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a token's signature is that of one of a provider's keys, as Envoy's JWT filter has them.

Sources: RFC 7515 (signatures), RFC 7517 and 7518 (keys and algorithms); which keys are tried is that of
``jwt_verify_lib/verify.cc``: those of the same ``kid`` and ``alg``, where a key and the token name one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import typing as t

from .matching import Json, Unknown

VERIFICATION = "Jwt verification fails"
KEY_MISMATCH = "Jwks doesn't have key to match kid or alg from Jwt"
UNFETCHED = "0xObjM0UvS_oaazjpEYlAbwctEJ4L8pH3OuTb7qth7g"
"""How the key begins that istiod gives proxies where it cannot fetch those of a ``jwksUri``: nobody has signed by it
(istio.io/istio, jwks_resolver.go: PublicOnlyJwks)."""
CURVES = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1"}
KINDS = {"ES": "EC", "RS": "RSA", "PS": "RSA", "HS": "oct", "Ed": "OKP"}


def decoded(text: str) -> bytes:
    """Base64url without padding (RFC 7515, 2), in which Envoy passes over blanks. Raises ValueError."""
    text = "".join(text.split())
    if len(text) % 4 == 1:
        raise ValueError("no length of Base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def signature_fault(text: str, head: Json, provider: Json) -> str:
    """Why no key of a provider has signed a token, in Envoy's words; empty where one has. Raises Unknown."""
    algorithm, wanted = str(head.get("alg")), head.get("kid")
    body, _dot, signature = text.rpartition(".")
    fitting = [
        one
        for one in _keys(provider)
        if (not wanted or not one.get("kid") or one["kid"] == wanted)
        and (not one.get("alg") or one["alg"] == algorithm)
    ]
    if not fitting:
        return KEY_MISMATCH
    for one in fitting:
        if one.get("kty") == KINDS[algorithm[:2]] and _signed(body.encode(), decoded(signature), algorithm, one):
            return ""
    return VERIFICATION


def is_unfetched(provider: Json) -> bool:
    """Whether istiod could not fetch a provider's keys."""
    try:
        return any(str(one.get("n", "")).startswith(UNFETCHED) for one in _keys(provider))
    except Unknown:
        return False


def _keys(provider: Json) -> list[Json]:
    """The keys that a proxy has of a provider; where it fetches them itself, they are not known here."""
    local = provider.get("local_jwks") or {}
    try:
        text = local["inline_string"] if "inline_string" in local else base64.b64decode(local["inline_bytes"])
        found = json.loads(text)["keys"]
    except (KeyError, TypeError, ValueError) as error:
        raise Unknown("the keys that tokens are verified by") from error
    return [one for one in found if isinstance(one, dict)]


def _signed(body: bytes, signature: bytes, algorithm: str, key: Json) -> bool:
    """Whether a key has signed a text. Raises Unknown."""
    digest = f"sha{algorithm[2:]}"
    try:
        if algorithm.startswith("HS"):
            return hmac.compare_digest(hmac.new(decoded(str(key["k"])), body, digest).digest(), signature)
        return _verified(body, signature, algorithm, key)
    except (KeyError, ValueError, binascii.Error):
        return False


def _verified(body: bytes, signature: bytes, algorithm: str, key: Json) -> bool:
    """As _signed(), for pairs of keys."""
    try:  # it comes with ansible-core, but a managed node may lack it, and few requests have a token
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    except ImportError as error:
        raise Unknown("the signature of a token, without the Python package cryptography") from error

    def number(name: str) -> int:
        return int.from_bytes(decoded(str(key[name])), "big")

    kind = algorithm[:2]
    try:
        if kind == "Ed":
            ed25519.Ed25519PublicKey.from_public_bytes(decoded(str(key["x"]))).verify(signature, body)
            return True
        sizes: dict[str, type[t.Any]] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
        digest = sizes[algorithm[2:]]()
        if kind == "ES":
            curve = getattr(ec, CURVES[str(key["crv"])])()
            half = len(signature) // 2
            pair = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            public = ec.EllipticCurvePublicNumbers(number("x"), number("y"), curve).public_key()
            public.verify(encode_dss_signature(*pair), body, ec.ECDSA(digest))
            return True
        filled: t.Any = padding.PKCS1v15()
        if kind == "PS":
            filled = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
        rsa.RSAPublicNumbers(number("e"), number("n")).public_key().verify(signature, body, filled, digest)
    except InvalidSignature:
        return False
    return True
