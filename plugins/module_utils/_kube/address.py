# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of API servers and proxies: anything else is refused where it is read."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from .errors import ConfigError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where something that speaks HTTP is. The host is ASCII (IDNA), the path percent-encoded without a last slash."""

    scheme: str
    host: str
    port: int
    path: str
    has_user: bool

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        """host:port, as messages have it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server_address(server: str, source: str) -> Address:
    """The API server's address. Raises ConfigError, which names `source`."""
    found = _parse(server)
    if found is None:
        raise ConfigError(
            f"{source} names the server {shown(server)!r}, which is not an http(s) address; "
            "write it like https://api.example.com:6443."
        )
    if found.has_user:
        raise ConfigError(
            f"{source} has a user name in the server's address {shown(server)!r}; use username and password instead."
        )
    return found


def proxy_address(proxy: str, source: str) -> Address:
    """The proxy's address. Raises ConfigError, which names `source`."""
    found = _parse(proxy)
    if found is None:
        raise ConfigError(
            f"{source} is {shown(proxy)!r}, which is not an HTTP proxy; write it like http://proxy.example.com:3128."
        )
    return found


def _parse(text: str) -> Address | None:
    if any(character.isspace() or not character.isprintable() for character in text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:  # UnicodeError, of a name that no host can have, is one
        return None
    if parts.scheme not in _PORTS or not host or parts.query or parts.fragment:
        return None
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return Address(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path, "@" in parts.netloc)


def shown(address: str) -> str:
    """The address without the user name and password that it may hold."""
    head, at, tail = address.rpartition("@")
    if not at:
        return address
    scheme, slashes, _user = head.partition("//")
    return f"{scheme}//***@{tail}" if slashes else f"***@{tail}"


def bypasses(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY covers the host: names, suffixes, addresses and CIDR ranges; loopback always."""
    import ipaddress

    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address | None = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for item in (part.strip() for part in no_proxy.split(",")):
        if not item:
            continue
        if item == "*":
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(item, strict=False):
                    return True
            except ValueError:
                continue
        elif host == item.lstrip("*.") or host.endswith("." + item.lstrip("*.")):
            return True
    return False


def choose_proxy(
    server: Address,
    wanted: tuple[str, str] | None,
    own: tuple[str, str] | None,
    no_proxy: str,
    environ: t.Mapping[str, str],
) -> tuple[str, str] | None:
    """The proxy for the API server, and what to call where it is from.

    That is `wanted` (the option) or `own` (the kubeconfig's), else what the environment names.
    """
    if wanted is not None:
        return None if bypasses(server.host, no_proxy) else wanted
    if own is not None:
        return own
    name = "HTTPS_PROXY" if server.secure else "HTTP_PROXY"
    for variable in (name, name.lower()):
        if environ.get(variable):
            text = environ[variable]
            # As curl and Go read it, a variable may lack the scheme.
            proxy = text if "://" in text else f"http://{text}"
            return None if bypasses(server.host, no_proxy) else (proxy, f"the variable {variable}")
    return None
