# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Header blocks, those of the RFC among them."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.hpack import HeaderReader, literal, unhuffman


def test_huffman_examples_of_the_rfc() -> None:
    # RFC 7541, C.4.1 and C.6.1
    assert unhuffman(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")) == b"www.example.com"
    assert unhuffman(bytes.fromhex("d07abe941054d444a8200595040b8166e082a62d1bff")) == b"Mon, 21 Oct 2013 20:13:21 GMT"
    assert unhuffman(bytes.fromhex("9d29ad171863c78f0b97c8e9ae82ae43d3")) == b"https://www.example.com"


def test_header_blocks_of_the_rfc() -> None:
    request = HeaderReader(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")).all()
    assert request == [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]
    plain = "400a637573746f6d2d6b65790d637573746f6d2d686561646572"  # C.2.1
    assert HeaderReader(bytes.fromhex(plain)).all() == [("custom-key", "custom-header")]
    resized = bytes.fromhex("3fe11f" + plain)  # 5.1: the table's new size in front
    assert HeaderReader(resized).all() == [("custom-key", "custom-header")]


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 300, 20_000])
def test_literals_of_any_length(size: int) -> None:
    assert HeaderReader(literal("X-Long", "v" * size)).all() == [("x-long", "v" * size)]
