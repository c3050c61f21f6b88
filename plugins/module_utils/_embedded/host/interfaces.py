# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network interfaces, addresses, routes and ports of the host."""

from __future__ import annotations

import errno
import json
import socket
import typing as t
from pathlib import Path

from ..layout import EmbeddedError
from .commands import run


def addresses() -> list[dict[str, t.Any]]:
    """Interfaces with their addresses, as `ip -j address` prints them."""
    answer = json.loads(run(["ip", "-j", "address"]).stdout or "[]")
    return t.cast("list[dict[str, t.Any]]", answer)


def routes() -> list[dict[str, t.Any]]:
    """IPv4 routes, as `ip -j -4 route` prints them."""
    answer = json.loads(run(["ip", "-j", "-4", "route"]).stdout or "[]")
    return t.cast("list[dict[str, t.Any]]", answer)


def remove_link(link: str) -> bool:
    """Remove an interface, and return whether it was there. One whose peer is gone may vanish meanwhile."""
    if not Path("/sys/class/net", link).exists():
        return False
    run(["ip", "link", "delete", link], check=False)
    return True


def refuse_taken(address: str, port: int) -> None:
    """Raise EmbeddedError for an address and port that cannot be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Envoy does, so that lingering connections of an earlier listener do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                cause, remedy = "is taken by another program", "stop that, or choose another port"
            elif exc.errno == errno.EADDRNOTAVAIL:
                cause, remedy = "is on no interface of this machine", "choose one of its own addresses"
            else:
                cause, remedy = f"cannot be used ({exc.strerror})", "choose another address or port"
            raise EmbeddedError(
                f"Port {port} of {address}, where the cluster is to be published, {cause}: {remedy}."
            ) from exc


def listens(address: str, port: int) -> bool:
    """Whether a program accepts connections on one of this machine's addresses."""
    target = "127.0.0.1" if address == "0.0.0.0" else address
    try:
        with socket.create_connection((target, port), timeout=1):
            return True
    except OSError:
        return False
