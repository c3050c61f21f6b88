# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as a client speaks it: whom it believes, who the peer says it is, and in which way a handshake fails."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
import typing as t


def tls_error_kind(error: Exception) -> str:
    """The kind of a failed TLS handshake, in words that a check can expect."""
    code = getattr(error, "verify_code", None)
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        if code in (10, 9):  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
            return "tls_expired"
        if code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return "tls_wrong_name"
        return "tls_untrusted_ca"
    if "CERTIFICATE_REQUIRED" in reason:
        return "tls_certificate_required"
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason or "HTTP_REQUEST" in reason:
        return "tls_not_spoken"
    return "tls_handshake"


def tls_context(options: dict[str, t.Any]) -> ssl.SSLContext:
    """A client context from a plan's ``tls``: ``ca``, ``cert`` and ``key`` as PEM, ``insecure``."""
    context = ssl.create_default_context(cadata=options.get("ca") or None)
    if options.get("insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.get("cert"):
        # The standard library loads certificates from files only; this one is gone before anything is sent.
        handle, name = tempfile.mkstemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(options["cert"] + "\n" + options.get("key", ""))
            # Without a passphrase OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(name, password="")
        finally:
            os.unlink(name)
    return context


def peer_names(certificate: bytes) -> list[str]:
    """URIs among the names of a DER certificate: [6] IA5String of a GeneralName (RFC 5280, 4.2.1.6).

    Read by hand, since the standard library shows a certificate only where it has been verified.
    """
    names = []
    for match in re.finditer(rb"\x86(.)(?=[a-z]+://)", certificate, re.S):
        names.append(certificate[match.end() : match.end() + match.group(1)[0]].decode("ascii", "replace"))
    return names
