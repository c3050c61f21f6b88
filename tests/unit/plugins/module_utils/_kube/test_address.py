# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.address import (
    Address,
    bypasses,
    choose_proxy,
    proxy_address,
    server_address,
    shown,
)


@pytest.mark.parametrize(
    ("text", "expected", "where"),
    [
        ("https://h", Address("https", "h", 443, "", False), "h:443"),
        ("http://H:8080/a b/".replace(" ", "ä"), Address("http", "h", 8080, "/a%C3%A4b", False), "h:8080"),
        ("https://[::1]:6443", Address("https", "::1", 6443, "", False), "[::1]:6443"),
        ("https://käse.example", Address("https", "xn--kse-qla.example", 443, "", False), "xn--kse-qla.example:443"),
        ("https://h/a%20b", Address("https", "h", 443, "/a%20b", False), "h:443"),
    ],
)
def test_addresses(text: str, expected: Address, where: str) -> None:
    found = server_address(text, "x")
    assert (found, str(found), found.secure) == (expected, where, expected.scheme == "https")


NONE = [
    "garbage",
    "ftp://x",
    "https://",
    "https://x:port",
    "https://x:99999",
    "https://[zz]",
    "https://..",
    "https://x y",
]
NONE += ["https://x\r\n", f"https://{'a' * 64}", "https://x?a=b", "https://x#a", "https://\ud800", "socks5://x:1", ""]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address_names_what_said_so(text: str) -> None:
    with pytest.raises(
        ConfigError, match="the option host names the server .* which is not an http.* address; write it like"
    ):
        server_address(text, "the option host")
    with pytest.raises(ConfigError, match="the option proxy is .* which is not an HTTP proxy; write it like http://"):
        proxy_address(text, "the option proxy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h:1", "https://h:1"),
        ("https://me:secret@h", "https://***@h"),
        ("https://me:s/e@cret@h", "https://***@h"),
        ("me:secret@h", "***@h"),
    ],
)
def test_a_password_in_an_address_is_never_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_server_with_a_user_name_in_it_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"in the server's address 'https://\*\*\*@h'; use username and password"
    ) as caught:
        server_address("https://me:secret@h", "the option host")
    assert "secret" not in str(caught.value)
    assert proxy_address("http://me:secret@h", "the option proxy").has_user


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "", True),
        ("::1", "", True),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("apiexample.com", "example.com", False),
        ("10.1.2.3", "10.0.0.0/8, x", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "example.com", False),
        ("anything", "*", True),
    ],
)
def test_no_proxy(host: str, no_proxy: str, expected: bool) -> None:
    assert bypasses(host, no_proxy) is expected


def test_the_proxy_of_the_option_wins_over_the_kubeconfigs_and_that_over_the_environments() -> None:
    server, far = server_address("https://192.0.2.1", "x"), {"HTTPS_PROXY": "http://e:1"}
    option, own = ("http://o:1", "option"), ("http://k:1", "kubeconfig")
    assert choose_proxy(server, option, own, "", far) == option
    assert choose_proxy(server, None, own, "", far) == own
    assert choose_proxy(server, None, None, "", far) == ("http://e:1", "the variable HTTPS_PROXY")
    assert choose_proxy(server, None, None, "", {"https_proxy": "e:1"}) == ("http://e:1", "the variable https_proxy")
    assert choose_proxy(server_address("http://192.0.2.1", "x"), None, None, "", far) is None


def test_what_no_proxy_names_is_reached_without() -> None:
    server = server_address("https://192.0.2.1", "x")
    assert choose_proxy(server, ("http://o:1", "option"), None, "192.0.2.0/24", {}) is None
    assert choose_proxy(server, None, None, "192.0.2.1", {"HTTPS_PROXY": "http://e:1"}) is None
    # As with kubectl, the kubeconfig's proxy is for its cluster only, so nothing makes an exception of it.
    assert choose_proxy(server, None, ("http://k:1", "kubeconfig"), "*", {}) == ("http://k:1", "kubeconfig")
