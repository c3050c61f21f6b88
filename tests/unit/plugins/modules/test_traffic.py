# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.modules import traffic
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.servers import Site

Json = dict[str, t.Any]
URL = "http://shop.example/productpage"


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    yield server
    server.stop()


@pytest.fixture
def site() -> t.Iterator[Site]:
    server = Site()
    yield server
    server.close()


def call(api: FakeApi, capsys: pytest.CaptureFixture[str], **options: t.Any) -> Json:
    given = {"host": api.url, "api_key": "good", "url": URL, **options}
    with patch_module_args(given), pytest.raises(SystemExit):
        traffic.main()
    return dict(json.loads(capsys.readouterr().out))


def test_requests_are_sent_and_counted(api: FakeApi, capsys: pytest.CaptureFixture[str], site: Site) -> None:
    result = call(api, capsys, rate=3, seconds=1, gateway=site.address)
    assert (result["changed"], result["requests"], result["answers"]) == (False, 3, {"status 200": 3})
    assert result["message"] == "3 requests sent: status 200 (3)."
    assert len(site.requests) == 3
    assert {method for method, _path, _headers in api.requests} <= {"GET"}


def test_check_mode_sends_nothing(api: FakeApi, capsys: pytest.CaptureFixture[str], site: Site) -> None:
    result = call(api, capsys, gateway=site.address, _ansible_check_mode=True)
    assert result["message"] == f"Would send 3000 requests to {URL}, 5 per second."
    assert not site.requests


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": 0}, "rate must be a number from 1 to 50, not 0."),
        ({"rate": 51}, "rate must be a number from 1 to 50, not 51."),
        ({"seconds": 3601}, "seconds must be a number from 1 to 3600, not 3601."),
        ({"url": "shop"}, "url: 'shop' is not an HTTP URL"),
    ],
)
def test_a_load_without_bounds_is_refused(
    api: FakeApi, capsys: pytest.CaptureFixture[str], options: Json, said: str
) -> None:
    result = call(api, capsys, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert not api.requests


def test_where_nothing_answers_it_fails(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    result = call(api, capsys, rate=1, seconds=1, gateway="127.0.0.1:1")
    assert result["failed"]
    assert result["msg"].startswith(f"Nothing answered at {URL} (1 request sent: connection refused (1))")
