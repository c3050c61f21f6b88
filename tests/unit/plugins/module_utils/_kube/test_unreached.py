# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose failure it is that no answer came, and what is said of it."""

from __future__ import annotations

import socket
import ssl

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.address import proxy_address, server_address
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings
from ansible_collections.mesh.workshop.plugins.module_utils._kube.unreached import Blame, NoAnswer, may_pass
from urllib3.exceptions import ProtocolError, ProxyError, ReadTimeoutError, SSLError

SERVER = "https://192.0.2.1:6443"
PROXY = "http://192.0.2.2:3128"


@pytest.fixture(name="blame")
def blame_fixture() -> Blame:
    settings = Settings(server=SERVER, server_source="the option host", proxy=PROXY, proxy_source="the option proxy")
    return Blame(settings, server_address(SERVER, "the option host"), proxy_address(PROXY, "the option proxy"))


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "cause", "sent", "at_proxy"),
    [
        (ProtocolError("aborted", ConnectionResetError(104, "reset")), ConnectionResetError, True, False),
        (SSLError(untrusted()), ssl.SSLCertVerificationError, True, False),
        (ReadTimeoutError(None, "/", "slow"), TimeoutError, True, False),  # type: ignore[arg-type]  # no pool is needed
        (ProxyError("", ConnectionRefusedError(111, "Connection refused")), ConnectionRefusedError, False, True),
        (ProxyError("", OSError("Tunnel connection failed: 503 busy")), OSError, False, True),
    ],
)
def test_the_failure_beneath_the_wrappers_is_found(
    blame: Blame, error: Exception, cause: type[Exception], sent: bool, at_proxy: bool
) -> None:
    found = blame.meaning(error)
    assert isinstance(found, NoAnswer)
    assert (type(found.cause), found.sent, found.at_proxy) == (cause, sent, at_proxy)


@pytest.mark.parametrize(
    ("status", "remedy"), [("407 who are you", "proxy_headers.proxy_basic_auth"), ("403 no", "check its rules")]
)
def test_a_proxy_that_refuses_is_a_matter_of_configuration(blame: Blame, status: str, remedy: str) -> None:
    found = blame.meaning(ProxyError("", OSError(f"Tunnel connection failed: {status}")))
    assert isinstance(found, ConfigError)
    assert "the proxy at 192.0.2.2:3128 does not let us through to 192.0.2.1:6443" in str(found)
    assert remedy in str(found)


@pytest.mark.parametrize(
    ("cause", "server", "proxy"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            "cannot be reached (connection refused); check that the cluster runs and is reachable.",
            "cannot be reached (connection refused); check that it runs and is reachable, or correct the option proxy.",
        ),
        (
            untrusted(),
            "cannot be verified (self-signed certificate); set ca_cert (or certificate-authority in the kubeconfig) "
            "to its CA.",
            "cannot be verified (self-signed certificate); correct the option proxy, or let this machine trust its CA.",
        ),
        (
            socket.gaierror(-2, "unknown"),
            "name 192.0.2.1 cannot be resolved; correct the server in the option host.",
            "name 192.0.2.2 cannot be resolved; correct the option proxy.",
        ),
        (
            TimeoutError(),
            "does not answer in time; check that the cluster runs and is reachable.",
            "does not answer in time; check that it runs and is reachable, or correct the option proxy.",
        ),
    ],
)
def test_what_is_said_names_the_culprit_and_the_remedy(blame: Blame, cause: Exception, server: str, proxy: str) -> None:
    for at_proxy, who, expected in ((False, "the API server", server), (True, "the proxy", proxy)):
        said = blame.told(NoAnswer(cause, sent=False, at_proxy=at_proxy))
        assert (said.status, said.reason) == (0, "Unreachable")
        assert who in said.message
        assert said.message.endswith(expected)


@pytest.mark.parametrize(
    ("cause", "again"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (ssl.SSLEOFError(), True),
        (ssl.SSLError(1, "wrong version number"), False),
        (untrusted(), False),
        (socket.gaierror(-2, "unknown"), False),
    ],
)
def test_trying_again_helps_only_where_time_can_mend_it(cause: Exception, again: bool) -> None:
    assert may_pass(cause) is again
