# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import interfaces
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError


def test_ports_that_are_taken_or_of_other_machines() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert interfaces.listens("127.0.0.1", port)
        assert interfaces.listens("0.0.0.0", port)
        with pytest.raises(EmbeddedError, match="taken by another program"):
            interfaces.refuse_taken("127.0.0.1", port)
    assert not interfaces.listens("127.0.0.1", port)
    interfaces.refuse_taken("127.0.0.1", port)
    with pytest.raises(EmbeddedError, match="on no interface"):
        interfaces.refuse_taken("203.0.113.1", port)


def test_an_interface_that_is_not_there_is_no_fault() -> None:
    assert not interfaces.remove_link("mw-no-such")


def test_addresses_and_routes_are_read() -> None:
    loopback = next(entry for entry in interfaces.addresses() if entry["ifname"] == "lo")
    assert any(address["local"] == "127.0.0.1" for address in loopback["addr_info"])
    assert isinstance(interfaces.routes(), list)
