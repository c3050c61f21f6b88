# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect, transport
from ansible_collections.mesh.workshop.plugins.module_utils._kube.exec import expected_length, parse_answer
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


def test_a_kind_that_is_not_served_is_told_apart_from_an_object(client: Client) -> None:
    with pytest.raises(ApiError, match="does not serve the kind Telemetry of telemetry.istio.io/v1; install Istio"):
        client.get("telemetry.istio.io/v1", "Telemetry", "x", "bookinfo")


def test_discovery_is_asked_once_per_version_and_again_for_a_missing_kind(client: Client, api: FakeApi) -> None:
    client.list("v1", "ConfigMap")
    client.list("v1", "Secret")
    assert len([1 for _method, path, _headers in api.requests if path == "/api/v1"]) == 1
    with pytest.raises(ApiError):
        client.resource("example.com/v1", "Book")
    api.kinds.append(("example.com/v1", "books", "Book", True))
    assert client.resource("example.com/v1", "Book").plural == "books"


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


def test_too_many_requests_is_tried_again_when_the_server_says(client: Client, api: FakeApi) -> None:
    api.fail(429, part="/configmaps", times=2, headers={"Retry-After": "0.05"})
    started = time.monotonic()
    client.apply(config_map("a", {}))
    assert time.monotonic() - started >= 0.1
    assert len(api.asked("PATCH")) == 3


def test_too_many_requests_for_too_long_is_said(client: Client, api: FakeApi) -> None:
    api.fail(429, part="/configmaps", times=9, headers={"Retry-After": "3600"})
    with pytest.raises(ApiError, match="ConfigMap bookinfo/a: the API server is overloaded"):
        client.apply(config_map("a", {}))
    assert len(api.asked("PATCH")) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_with_retry_after_are_tried_again(client: Client, api: FakeApi, status: int) -> None:
    api.fail(status, part="/configmaps", headers={"Retry-After": "0"})
    assert client.apply(config_map("a", {}))["metadata"]["name"] == "a"


def test_a_webhook_whose_pods_are_replaced_is_asked_again(client: Client, api: FakeApi) -> None:
    text = 'Internal error occurred: failed calling webhook "validation.istio.io": connection refused'
    api.fail(500, part="/configmaps", body=status_body(500, "InternalError", text))
    assert client.apply(config_map("a", {}))["metadata"]["name"] == "a"


def test_a_plain_server_error_is_reported_at_once(client: Client, api: FakeApi) -> None:
    api.fail(500, part="/configmaps", body=status_body(500, "InternalError", "the disk is full"))
    with pytest.raises(ApiError, match=r"ConfigMap bookinfo/a: the disk is full\."):
        client.apply(config_map("a", {}))


def test_a_create_is_not_repeated_when_the_server_may_have_done_it(client: Client, api: FakeApi) -> None:
    client.resource("v1", "ConfigMap")
    client.close()
    api.resets = 1
    with pytest.raises(ApiError, match="cannot be reached"):
        client.create(config_map("a", {}))


def test_a_reset_connection_is_tried_again(client: Client, api: FakeApi) -> None:
    client.resource("v1", "ConfigMap")
    api.resets = 3
    assert client.apply(config_map("a", {}))["metadata"]["name"] == "a"


def test_a_server_that_has_just_come_up_and_forbids_everything(client: Client, api: FakeApi) -> None:
    client.list("v1", "ConfigMap", "bookinfo")
    api.stop()
    threading.Timer(0.2, api.start).start()
    api.fail(403, part="/configmaps", times=2)
    assert client.list("v1", "ConfigMap", "bookinfo") == []


def test_what_is_forbidden_is_said_at_once(client: Client, api: FakeApi) -> None:
    api.fail(403, part="/configmaps")
    with pytest.raises(ApiError, match="told to answer 403"):
        client.list("v1", "ConfigMap", "bookinfo")


def test_the_api_server_restarts_in_the_middle(client: Client, api: FakeApi) -> None:
    client.apply(config_map("a", {}))
    api.stop()
    threading.Timer(0.3, api.start).start()
    assert client.apply(config_map("a", {"x": "1"}))["data"] == {"x": "1"}


def test_a_server_that_never_answered_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.2)
    server = FakeApi()
    server.stop()
    with pytest.raises(ApiError, match=r"the API server at 127\.0\.0\.1:\d+ cannot be reached \(connection refused\)"):
        connect({"host": server.url}, {}).server_version()


def test_connections_are_kept_and_shared(client: Client, api: FakeApi) -> None:
    for _round in range(5):
        client.list("v1", "ConfigMap")
    assert len(api._sockets) == 1


def test_no_answer_in_time_is_said(client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE_RESTART", 0.1)
    client.resource("v1", "Pod")
    with api.lock, pytest.raises(ApiError, match="does not answer in time"):
        client.request("GET", "/api/v1/pods", timeout=0.2)


def test_refused_credentials(api: FakeApi, client: Client) -> None:
    api.tokens = {"other"}
    with pytest.raises(ApiError, match="does not accept the credentials"):
        client.list("v1", "Pod")


def test_watch_tells_what_is_there_and_what_changes(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    seen = []
    for event, obj in client.watch("v1", "ConfigMap", namespace="bookinfo", timeout=5):
        seen.append((event, obj["metadata"]["name"], obj.get("data")))
        if len(seen) == 1:
            api.put(config_map("a", {"x": "1"}))
        elif len(seen) == 2:
            api.remove("ConfigMap", "a", "bookinfo")
        elif len(seen) == 3:
            break
    assert seen == [("ADDED", "a", {}), ("MODIFIED", "a", {"x": "1"}), ("DELETED", "a", {"x": "1"})]


def test_a_watch_that_ends_is_taken_up_without_listing_again(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    events = client.watch("v1", "ConfigMap", timeout=5)
    assert next(events)[1]["metadata"]["name"] == "a"

    def interrupt() -> None:
        api.end_watches()
        api.put(config_map("b", {}))

    api.when_watched(interrupt)
    assert next(events)[1]["metadata"]["name"] == "b"
    lists = [path for _method, path, _headers in api.asked("GET", "/configmaps") if "watch=true" not in path]
    watches = [path for _method, path, _headers in api.asked("GET", "watch=true")]
    assert (len(lists), len(watches)) == (1, 2)
    events.close()


def test_a_watch_that_is_too_old_lists_again_and_tells_the_difference(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    api.put(config_map("b", {}))
    events = client.watch("v1", "ConfigMap", timeout=5)
    assert {next(events)[1]["metadata"]["name"] for _round in range(2)} == {"a", "b"}

    def compact() -> None:
        with api.lock:
            api.end_watches()
            api.remove("ConfigMap", "a", "bookinfo")
            api.put(config_map("c", {}))
            api.compact()

    threading.Timer(0.1, compact).start()
    assert [(event, obj["metadata"]["name"]) for event, obj in (next(events), next(events))] == [
        ("DELETED", "a"),
        ("ADDED", "c"),
    ]
    events.close()


ERROR = b'{"type": "ERROR", "object": {"code": 500}}\n'


@pytest.mark.parametrize("body", [b"{}", ERROR])
def test_a_watch_that_ends_at_once_is_taken_up_after_a_pause(client: Client, api: FakeApi, body: bytes) -> None:
    api.fail(200, part="watch=true", times=1000, body=body)
    started = time.monotonic()
    list(client.watch("v1", "ConfigMap", timeout=0.5))
    assert 0.4 < time.monotonic() - started < 2  # the pause ends with the time
    assert 1 < len(api.asked("GET", "watch=true")) <= 3  # at 0, 0.1 and 0.3 s
    assert len(api.asked("GET", "/configmaps?limit")) <= 4


def test_a_watch_that_has_told_something_is_taken_up_at_once(client: Client, api: FakeApi) -> None:
    event = {"type": "MODIFIED", "object": {"metadata": {"name": "a", "namespace": "bookinfo"}}}
    api.fail(200, part="watch=true", times=20, body=json.dumps(event).encode() + b"\n")
    events = client.watch("v1", "ConfigMap", timeout=5)
    started = time.monotonic()
    assert [next(events)[0] for _round in range(20)] == ["MODIFIED"] * 20
    assert time.monotonic() - started < 1
    events.close()


def test_ticks_are_regular(client: Client) -> None:
    started = time.monotonic()
    assert len(list(client.track("v1", "ConfigMap", timeout=2.5, tick=1))) == 4  # the list, and after 1, 2 and 3 s
    assert time.monotonic() - started < 3.5


def test_a_watch_over_a_restart_goes_on(client: Client, api: FakeApi) -> None:
    events = client.watch("v1", "ConfigMap", timeout=10)
    api.put(config_map("a", {}))
    assert next(events)[1]["metadata"]["name"] == "a"

    def restart() -> None:
        api.stop()
        api.start()
        api.put(config_map("b", {}))

    threading.Timer(0.1, restart).start()
    assert next(events)[1]["metadata"]["name"] == "b"
    events.close()


def test_a_watch_ends_with_its_time(client: Client) -> None:
    started = time.monotonic()
    assert list(client.watch("v1", "ConfigMap", timeout=0.5)) == []
    assert 0.4 < time.monotonic() - started < 3


def test_wait_returns_as_soon_as_it_holds(client: Client, api: FakeApi) -> None:
    threading.Timer(0.2, lambda: api.put(config_map("a", {"x": "1"}))).start()
    started = time.monotonic()
    found = client.wait("v1", "ConfigMap", "a", "bookinfo", lambda obj: obj is not None, timeout=10)
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert time.monotonic() - started < 2


def test_wait_says_when_it_is_over(client: Client) -> None:
    with pytest.raises(ApiError, match="ConfigMap bookinfo/a: it did not come to the state"):
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


class ConnectProxy:
    """A proxy that opens tunnels, and remembers what it was asked."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://jane:pa%20ss@127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self.server.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(4096)
            self.heads.append(head)
            near.sendall(self.answer)
            if b" 200 " not in self.answer:
                near.close()
                continue
            host, _colon, port = head.split(b" ")[1].decode().rpartition(":")
            far = socket.create_connection((host, int(port)))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)


def test_a_proxy_is_asked_for_a_tunnel(api: FakeApi) -> None:
    proxy = ConnectProxy()
    made = connect({"host": api.url, "proxy": proxy.url, "no_proxy": "example.com"}, {})
    # Loopback is never reached by a proxy, so the choice is made here.
    made.settings.proxy = proxy.url
    assert made.server_version()["gitVersion"] == "v1.36.0"
    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{api.port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic amFuZTpwYSBzcw==" in proxy.heads[0]
    made.close()
    proxy.server.close()


def test_a_proxy_that_refuses_is_said(api: FakeApi) -> None:
    proxy = ConnectProxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    made = connect({"host": api.url}, {})
    made.settings.proxy = proxy.url
    with pytest.raises(ApiError, match=r"the proxy does not open a tunnel .* \(HTTP/1.1 407 Proxy"):
        made.server_version()
    proxy.server.close()


def test_answers_over_a_forwarded_port_are_read_to_their_end() -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    assert parse_answer(head) is None
    assert parse_answer(head + b"Content-Length: 3\r\n\r\nab") is None
    assert parse_answer(head + b"Content-Length: 3\r\n\r\nabc") == (200, b"abc")
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
    assert parse_answer(chunked) is None
    assert parse_answer(chunked + b"0\r\n\r\n") == (200, b"abcde")
    assert [expected_length(data) for data in (head, head + b"Content-Length: 3\r\n\r\nab", chunked)] == [None, 41, 0]
    # What looks like the end may be in the middle of a chunk.
    assert parse_answer(head + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab0\r\n\r\n") is None
