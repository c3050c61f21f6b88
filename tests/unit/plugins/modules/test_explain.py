# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.modules import explain
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    yield server
    server.stop()


def call(api: FakeApi, capsys: pytest.CaptureFixture[str], **options: t.Any) -> Json:
    with patch_module_args({"host": api.url, "api_key": "good", **options}), pytest.raises(SystemExit):
        explain.main()
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("url", ["reviews:9080", "tcp://reviews:9080", "http://", "nonsense"])
def test_what_is_no_url_is_refused_before_anything_is_asked(
    api: FakeApi, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    result = call(api, capsys, url=url)
    assert result["failed"]
    assert result["msg"].endswith("is not an HTTP URL: write it like http://reviews:9080/reviews/0.")
    assert not api.requests


def test_a_source_that_is_not_there_is_named(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    result = call(api, capsys, url="http://reviews:9080/", source="productpge")
    assert result["failed"]
    assert result["msg"].startswith("There is no running pod of productpge in namespace bookinfo")


def test_a_mesh_without_a_gateway_is_named(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    result = call(api, capsys, url="http://mybookstore.com/productpage")
    assert result["failed"]
    assert result["msg"].startswith("No pod of an ingress gateway (label istio=ingressgateway) could be looked at")


def test_all_missing_rights_are_named_with_the_first(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.fail(403, method="GET", part="/pods", times=99)
    rules = [{"verbs": ["get"], "apiGroups": ["*"], "resources": ["*"]}]
    body = {"status": {"resourceRules": rules, "incomplete": False}}
    api.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)
    message = call(api, capsys, url="http://reviews:9080/", source="productpage")["msg"]
    assert " This user lacks rights in namespace bookinfo: " in message
    for part in ("create pods/exec", "pods", "destinationrules"):
        assert part in message


def test_nothing_is_changed(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    call(api, capsys, url="http://mybookstore.com/productpage")
    assert {method for method, _path, _headers in api.requests} == {"GET"}
