# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.lookup import credentials
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "room"}})
    yield server
    server.stop()


def look_up(api: FakeApi, host: str = "shop.example") -> dict[str, t.Any]:
    options = {"host": api.url, "api_key": "the-token"}
    return t.cast(dict[str, t.Any], credentials.credentials(options, "room", host))


def test_what_a_stage_has_applied_is_found_again(api: FakeApi) -> None:
    made = look_up(api)
    assert look_up(api)["ca_crt"] != made["ca_crt"], "nothing is written by the lookup"
    metadata = {"name": "workshop-credentials", "namespace": "room"}
    api.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": made["secret"]})
    assert look_up(api) == made
    assert look_up(api, "other.example")["ca_crt"] != made["ca_crt"]
