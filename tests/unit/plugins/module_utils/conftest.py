# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client, connect
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.servers import Rude, Site


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
    yield server
    server.stop()


@pytest.fixture
def client(api: FakeApi) -> t.Iterator[Client]:
    made = connect({"host": api.url, "api_key": "good"}, {})
    yield made
    made.close()


@pytest.fixture
def eventually() -> t.Callable[[t.Callable[[], object]], None]:
    """Waits until something holds, ten seconds at most."""

    def wait(condition: t.Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "it never came to be"
            time.sleep(0.01)

    return wait


@pytest.fixture
def site() -> t.Iterator[Site]:
    """An HTTP server of our own."""
    one = Site()
    yield one
    one.close()


@pytest.fixture
def rude() -> t.Iterator[Rude]:
    """A server that can mistreat its connections."""
    one = Rude()
    yield one
    one.close()


@pytest.fixture
def nowhere() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"127.0.0.1:{port}"
