# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as the settings want it: which CAs are trusted, and the client's certificate, which stays in memory."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import typing as t

from .credentials import ClientPair
from .errors import ConfigError
from .settings import Settings

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


class ClientContext(ssl.SSLContext):
    """A context with which threads can open connections at the same time.

    urllib3 sets the protocols again for each connection (util/ssl_.py, ssl_wrap_socket). OpenSSL then frees its list,
    which another thread may be copying: CPython releases the GIL for SSL_new (Modules/_ssl.c, newPySSLSocket). With
    eight threads, one ClientHello of 40,000 was malformed. So the list is set before there is any connection, and the
    same list is never set again.
    """

    _protocols: tuple[str, ...] = ()

    def set_alpn_protocols(self, alpn_protocols: t.Iterable[str]) -> None:
        protocols = tuple(alpn_protocols)
        if protocols != self._protocols:
            super().set_alpn_protocols(protocols)
            self._protocols = protocols


def _client_context() -> ClientContext:
    # Neither urllib3's own context nor ssl.create_default_context: from Python 3.13 on these want extensions
    # (VERIFY_X509_STRICT) that the CAs of many clusters lack.
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_context() -> ssl.SSLContext:
    """The context for connections to a proxy, which is trusted as the system says."""
    context = _client_context()
    context.load_default_certs()
    return context


def tls_context(settings: Settings) -> ssl.SSLContext:
    """The context for connections to the API server. Raises ConfigError where certificates cannot be used."""
    context = _client_context()
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca:
        _load_ca(context, settings.ca, settings.ca_source)
    else:
        context.load_default_certs()
    pair = settings.credentials.pair() if settings.credentials else None
    if pair is not None:
        _load_pair(context, pair)
    return context


def _load_ca(context: ssl.SSLContext, ca: bytes, source: str) -> None:
    """Trust the certificates in a PEM bundle, whatever stands between them (often names that are not ASCII)."""
    blocks = b"\n".join(_CERTIFICATE.findall(ca))
    try:
        context.load_verify_locations(cadata=blocks.decode("ascii"))
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigError(f"{source or 'the CA certificate'} holds no valid CA certificate (PEM); correct it.") from exc


@contextlib.contextmanager
def _pem_file(pair: ClientPair) -> t.Iterator[str]:
    """A path that ssl can load the pair from; in memory where the system can, else a file that only we can read."""
    content = pair.cert.rstrip() + b"\n" + pair.key.rstrip() + b"\n"
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        handle = os.memfd_create("client-pair", os.MFD_CLOEXEC)
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    import tempfile

    handle, path = tempfile.mkstemp(prefix="mesh-workshop-")  # mkstemp makes it with mode 0600
    try:
        os.write(handle, content)
        os.close(handle)
        yield path
    finally:
        os.unlink(path)


def _load_pair(context: ssl.SSLContext, pair: ClientPair) -> None:
    try:
        with _pem_file(pair) as path:
            context.load_cert_chain(path, password="")  # an encrypted key would ask for its password on the terminal
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigError(
            f"the client certificate and key of {pair.source or 'the options'} do not fit together or are not PEM, "
            "or the key is encrypted; correct them."
        ) from exc
