# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that no answer came from the API server: whose failure it is, and what to say of it."""

from __future__ import annotations

import re
import socket
import ssl

from .address import Address
from .errors import ApiError, ConfigError
from .settings import Settings

try:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ProxyError, SSLError
    from urllib3.exceptions import TimeoutError as PoolTimeout
except ImportError:  # Transport says so
    pass

_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (?P<said>(?P<status>\d{3}).*)", re.S)


class NoAnswer(Exception):
    """The connection failed.

    `sent`: the server may have seen the request. `at_proxy`: the connection did not get beyond the proxy.
    """

    def __init__(self, cause: Exception, *, sent: bool, at_proxy: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.sent = sent
        self.at_proxy = at_proxy


class Blame:
    """Tells failures of the proxy from those of the API server."""

    def __init__(self, settings: Settings, server: Address, proxy: Address | None) -> None:
        self._settings = settings
        self._server = server
        self._proxy = proxy

    def meaning(self, exc: Exception) -> NoAnswer | ConfigError:
        """What an exception of urllib3 means: the failure beneath its wrappers, and whose it is."""
        cause, sent, at_proxy = exc, True, False
        while True:
            beneath: object = None
            if isinstance(cause, ProxyError):
                beneath, sent, at_proxy = cause.original_error, False, True
            elif isinstance(cause, (NewConnectionError, ConnectTimeoutError)):
                beneath, sent = cause.__cause__, False
            elif isinstance(cause, (SSLError, ProtocolError)):
                beneath = cause.args[-1]
            if not isinstance(beneath, Exception) or beneath is cause:
                break
            cause = beneath
        if isinstance(cause, PoolTimeout):
            cause = TimeoutError()
        refused = _REFUSED_TUNNEL.search(str(cause)) if at_proxy else None
        if refused and refused["status"] < "500":
            return ConfigError(self.unlet(refused["said"], asks=refused["status"] == "407"))
        return NoAnswer(cause, sent=sent, at_proxy=at_proxy)

    def unlet(self, said: str, *, asks: bool) -> str:
        """What to say of a proxy that does not let us through; `asks` for a user and a password if so."""
        source = self._settings.proxy_source or "its address"
        remedy = (
            "give the user and password that it asks for (proxy_headers.proxy_basic_auth)"
            if asks
            else f"check its rules, or correct {source}"
        )
        return f"the proxy at {self._proxy} does not let us through to {self._server} ({said}); {remedy}."

    def told(self, failure: NoAnswer) -> ApiError:
        """What to say when there was no answer."""
        cause, settings = failure.cause, self._settings
        if failure.at_proxy:
            who, address = "the proxy", self._proxy
            source = settings.proxy_source or "its address"
            runs = f"check that it runs and is reachable, or correct {source}"
            trust = f"correct {source}, or let this machine trust its CA"
        else:
            who, address = "the API server", self._server
            source = f"the server in {settings.server_source}"
            runs = "check that the cluster runs and is reachable"
            trust = "set ca_cert (or certificate-authority in the kubeconfig) to its CA"
        refused = _REFUSED_TUNNEL.search(str(cause)) if failure.at_proxy else None
        if refused:
            text = self.unlet(refused["said"], asks=False)
        elif isinstance(cause, ssl.SSLCertVerificationError):
            text = f"the certificate of {who} at {address} cannot be verified ({cause.verify_message}); {trust}."
        elif isinstance(cause, ssl.SSLError):
            text = f"TLS with {who} at {address} failed ({cause.reason}); check address and certificates."
        elif isinstance(cause, socket.gaierror):
            host = address.host if address else ""
            text = f"{who}'s name {host} cannot be resolved; correct {source}."
        elif isinstance(cause, TimeoutError):
            text = f"{who} at {address} does not answer in time; {runs}."
        else:
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
            text = f"{who} at {address} cannot be reached ({why.lower()}); {runs}."
        return ApiError(0, "Unreachable", text)


def may_pass(cause: Exception) -> bool:
    """Whether trying again can help: a refused or broken connection, not a wrong name or certificate."""
    if isinstance(cause, (ssl.SSLCertVerificationError, socket.gaierror)):
        return False
    if isinstance(cause, ssl.SSLError):
        # A server that goes down in the middle of a handshake.
        return isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    return True
