# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's settings become a kubeconfig that leads to the same server as the same user, and can be read again."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.credentials import ClientPair, Credentials
from ansible_collections.mesh.workshop.plugins.module_utils._kube.export import kubeconfig_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube.kubeconfig import from_kubeconfig
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings


def settings(**parts: t.Any) -> Settings:
    return Settings(**{"server": "https://a.example:6443", "ca": b"CA", "credentials": Credentials(), **parts})


@pytest.mark.parametrize(
    "given",
    [
        settings(credentials=Credentials(token="t")),
        settings(credentials=Credentials(basic="me:pass:word")),
        settings(credentials=Credentials(pair=ClientPair(b"CERT", b"KEY"))),
        settings(tls_server_name="b.example", proxy="http://proxy:3128"),
        settings(headers={"Impersonate-User": "jane", "Impersonate-Group": "a\nb", "Impersonate-Uid": "7"}),
    ],
)
def test_what_is_read_again_is_the_same(given: Settings) -> None:
    config = kubeconfig_of(given)
    assert config is not None
    again = from_kubeconfig([("", json.loads(json.dumps(config)))], None)
    assert again.credentials is not None
    assert given.credentials is not None
    assert (again.server, again.ca, again.verify, again.tls_server_name, again.proxy, again.headers) == (
        given.server,
        given.ca,
        given.verify,
        given.tls_server_name,
        given.proxy,
        given.headers,
    )
    assert again.credentials.authorization() == given.credentials.authorization()
    ours, theirs = again.credentials.pair(), given.credentials.pair()
    assert (ours and (ours.cert, ours.key)) == (theirs and (theirs.cert, theirs.key))


def test_a_server_that_is_not_verified_needs_no_ca() -> None:
    config = kubeconfig_of(settings(verify=False))
    assert config is not None
    assert config["clusters"][0]["cluster"] == {"server": "https://a.example:6443", "insecure-skip-tls-verify": True}


@pytest.mark.parametrize(
    "given",
    [
        settings(proxy_headers={"Proxy-Authorization": "Basic x"}),
        settings(headers={"Authorization": "Basic x"}),
    ],
)
def test_what_a_kubeconfig_cannot_say_gives_none(given: Settings) -> None:
    assert kubeconfig_of(given) is None


def test_the_user_agent_is_no_matter_of_a_kubeconfig() -> None:
    config = kubeconfig_of(settings(headers={"User-Agent": "x"}, credentials=None))
    assert config is not None
    assert config["users"][0]["user"] == {}
