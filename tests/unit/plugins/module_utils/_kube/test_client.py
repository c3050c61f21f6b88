# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import threading
import time

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.client import yaml_of
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

NETWORK = "networking.istio.io/v1"


def config_map(name: str, data: dict[str, str], **labels: str) -> dict[str, object]:
    meta = {"name": name, "namespace": "bookinfo", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_get_says_none_for_what_is_not_there(client: Client) -> None:
    assert client.get("v1", "ConfigMap", "nothing", "bookinfo") is None


def test_apply_creates_then_keeps_the_version(client: Client, api: FakeApi) -> None:
    status, made = client.apply_with_status(config_map("a", {"x": "1"}))
    again, same = client.apply_with_status(config_map("a", {"x": "1"}))
    assert (status, again) == (201, 200)
    assert made["metadata"]["resourceVersion"] == same["metadata"]["resourceVersion"]


def test_apply_asks_for_strict_validation_with_our_manager(client: Client, api: FakeApi) -> None:
    client.apply(config_map("a", {}))
    method, path, headers = api.asked("PATCH")[0]
    assert "fieldValidation=Strict" in path
    assert "fieldManager=mesh-workshop" in path
    assert "force=false" in path
    assert headers["Content-Type"] == "application/apply-patch+yaml"


@pytest.mark.parametrize("text", ["\N{LOCK}", "ü \u2028 \x85 \ufeff \x7f", "\\ud83d\\udd12", "tab\tand\nline", '"'])
def test_what_is_applied_is_the_same_in_json_and_in_yaml(client: Client, api: FakeApi, text: str) -> None:
    """The API server reads an apply as YAML, in which two surrogates are no character."""
    doc = config_map("a", {"x": text})
    assert yaml.safe_load(yaml_of(doc)) == json.loads(yaml_of(doc)) == doc
    client.apply(doc)
    assert api.find("ConfigMap", "a", "bookinfo")["data"] == {"x": text}


def test_a_field_that_is_dropped_is_released(client: Client, api: FakeApi) -> None:
    client.apply(config_map("a", {"x": "1", "y": "2"}))
    client.apply(config_map("a", {"x": "1"}))
    assert api.find("ConfigMap", "a", "bookinfo")["data"] == {"x": "1"}


def test_dry_run_changes_no_version(client: Client, api: FakeApi) -> None:
    client.apply(config_map("a", {"x": "1"}))
    before = api.versions()
    answer = client.apply(config_map("a", {"x": "2"}), dry_run=True)
    client.apply(config_map("b", {}), dry_run=True)
    client.delete("v1", "ConfigMap", "a", "bookinfo", dry_run=True)
    assert answer["data"] == {"x": "2"}
    assert api.versions() == before


def test_a_conflict_names_manager_and_field(client: Client) -> None:
    client.apply(config_map("a", {"x": "1"}), field_manager="kubectl")
    with pytest.raises(ApiError) as caught:
        client.apply(config_map("a", {"x": "2"}))
    assert caught.value.is_conflict_of_managers
    assert caught.value.sentence() == (
        "ConfigMap bookinfo/a: field manager kubectl owns data.x; "
        "leave these fields out, or set force to true to take them over."
    )
    assert client.apply(config_map("a", {"x": "2"}), force=True)["data"] == {"x": "2"}


def test_what_others_write_at_the_same_moment_does_not_fail_an_apply(client: Client, api: FakeApi) -> None:
    text = 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified'
    api.fail(409, method="PATCH", times=3, body=status_body(409, "Conflict", text))
    assert client.apply(config_map("a", {}))["metadata"]["name"] == "a"
    assert len(api.asked("PATCH")) == 4


@pytest.mark.parametrize(
    ("reason", "causes", "tries"),
    [
        ("Conflict", [], 5),
        ("AlreadyExists", [], 1),
        ("Conflict", [{"reason": "FieldManagerConflict", "message": 'conflict with "x"', "field": ".a"}], 1),
    ],
)
def test_conflicts_that_stay_are_said(
    client: Client, api: FakeApi, reason: str, causes: list[dict[str, str]], tries: int
) -> None:
    api.fail(409, method="PATCH", times=9, body=status_body(409, reason, "it is in the way", causes))
    with pytest.raises(ApiError) as caught:
        client.apply(config_map("a", {}))
    assert caught.value.status == 409
    assert len(api.asked("PATCH")) == tries


def test_an_unknown_field_is_named(client: Client) -> None:
    doc = {"apiVersion": NETWORK, "kind": "VirtualService", "metadata": {"name": "r", "namespace": "bookinfo"}}
    with pytest.raises(ApiError, match=r"VirtualService bookinfo/r: the API has no field spec\.htttp;"):
        client.apply({**doc, "spec": {"htttp": []}})


def test_lists_are_read_page_by_page(client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.mesh.workshop.plugins.module_utils._kube import client as module

    monkeypatch.setattr(module, "_PAGE", 3)
    for number in range(8):
        api.put(config_map(f"m{number}", {}))
    found = client.list("v1", "ConfigMap", "bookinfo")
    assert [item["metadata"]["name"] for item in found] == [f"m{number}" for number in range(8)]
    assert all(item["kind"] == "ConfigMap" and item["apiVersion"] == "v1" for item in found)
    assert len(api.asked("GET", "/configmaps")) == 3


def test_lists_by_label(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}, lab="one"))
    api.put(config_map("b", {}, lab="two"))
    assert [item["metadata"]["name"] for item in client.list("v1", "ConfigMap", label_selector="lab=two")] == ["b"]


def test_wait_returns_as_soon_as_it_holds(client: Client, api: FakeApi) -> None:
    threading.Timer(0.2, lambda: api.put(config_map("a", {"x": "1"}))).start()
    started = time.monotonic()
    found = client.wait("v1", "ConfigMap", "a", "bookinfo", lambda obj: obj is not None, timeout=60)
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert time.monotonic() - started < 30


def test_wait_says_when_it_is_over(client: Client) -> None:
    with pytest.raises(ApiError, match="ConfigMap bookinfo/a: it did not reach the expected state within"):
        client.wait("v1", "ConfigMap", "a", "bookinfo", lambda obj: obj is not None, timeout=0.3)


def test_threads_share_a_client(client: Client, api: FakeApi) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.apply(config_map(f"m{number}", {})), range(64)))
    assert len(client.list("v1", "ConfigMap")) == 64
    assert len(api._sockets) <= 8


def test_logs(client: Client, api: FakeApi) -> None:
    assert client.logs("bookinfo", "p", "c", tail_lines=2) == b"one\ntwo\n"
    assert "tailLines=2" in api.requests[-1][1]


def test_impersonation_is_sent(api: FakeApi) -> None:
    made = connect({"host": api.url, "impersonate_user": "jane", "impersonate_groups": ["a", "b"]}, {})
    made.server_version()
    headers = api.requests[-1][2]
    assert headers["Impersonate-User"] == "jane"
    assert headers["Impersonate-Group"] == "b"  # the fake keeps the last of several headers of one name


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>welcome</html>", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b"{}", "an object without metadata"),
        (b'{"metadata": []}', "an object without metadata"),
    ],
)
def test_an_answer_that_no_api_server_gives_is_said(client: Client, api: FakeApi, body: bytes, said: str) -> None:
    for method, act in (
        ("GET", lambda: client.get("v1", "ConfigMap", "a", "bookinfo")),
        ("PATCH", lambda: client.apply(config_map("a", {}))),
    ):
        client.resource("v1", "ConfigMap")
        api.fail(200, method=method, part="/configmaps", body=body)
        with pytest.raises(ApiError) as caught:
            act()
        assert caught.value.sentence() == (
            f"ConfigMap bookinfo/a: what answers in the API server's place sent {said}; "
            "check the server's address and the proxy."
        )


@pytest.mark.parametrize("items", [5, [5], {"a": 1}])
def test_a_list_that_no_api_server_gives_is_said(client: Client, api: FakeApi, items: object) -> None:
    client.resource("v1", "ConfigMap")
    api.fail(200, part="/configmaps", body={"items": items})
    with pytest.raises(ApiError, match="ConfigMap in bookinfo: what answers .* sent a list without objects;"):
        client.list("v1", "ConfigMap", "bookinfo")
