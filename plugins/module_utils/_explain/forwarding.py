# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose address a proxy takes for the client's, and what it tells the next one about it.

Source: Envoy, "HTTP header manipulation", ``x-forwarded-for`` (``use_remote_address``, ``xff_num_trusted_hops``), which
Istio sets at gateways (``use_remote_address``, and ``gatewayTopology.numTrustedProxies`` as the hops).
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from .matching import Json
from .request import Peer, Request

HEADER = "x-forwarded-for"
UNKNOWN = "?"
"""An address that nobody here knows."""


def seen_by(manager: Json, request: Request, peer: Peer) -> Peer:
    """The peer, with the address of the client behind it as this connection manager takes it."""
    told = request.header(HEADER)
    forwarded = told.split(",") if told else []
    hops = int(manager.get("xff_num_trusted_hops") or 0)
    if manager.get("use_remote_address"):
        hops -= 1  # its own peer is the first
    trusted = forwarded[-1 - hops].strip() if 0 <= hops < len(forwarded) else ""
    return replace(peer, client=trusted if _is_address(trusted) else peer.address)


def passed_on(manager: Json, request: Request, peer: Peer) -> Request:
    """The request with what this connection manager says about its peer."""
    if not manager.get("use_remote_address") or manager.get("skip_xff_append"):
        return request
    told = request.header(HEADER)
    address = peer.address or UNKNOWN
    return replace(request, headers={**request.headers, HEADER: f"{told},{address}" if told else address})


def _is_address(text: str) -> bool:
    if text == UNKNOWN:
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
