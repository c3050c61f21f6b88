# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import (
    ApiError,
    Client,
    ConfigError,
    connect,
    transport,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube.credentials import ClientPair, Credentials
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings
from ansible_collections.mesh.workshop.plugins.module_utils._kube.transport import Transport
from ansible_collections.mesh.workshop.tests.unit.certificates import Authority
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body


def config_map(name: str, data: dict[str, str], **labels: str) -> dict[str, object]:
    meta = {"name": name, "namespace": "bookinfo", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


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


def test_a_server_that_forbids_after_a_long_restart_is_given_its_time(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "PATIENCE_REFUSED", 0.3)  # since the request began, so over when the server is back
    client.list("v1", "ConfigMap", "bookinfo")
    api.stop()
    threading.Timer(0.5, api.start).start()
    api.fail(403, part="/configmaps", times=1)
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


def test_what_is_sent_in_the_middle_of_a_request_is_utf_8(api: FakeApi) -> None:
    connect({"host": api.url, "api_key": "good", "impersonate_user": "Jürgen 日"}, {}).server_version()
    assert api.requests[0][2]["Impersonate-User"].encode("latin-1").decode() == "Jürgen 日"


def test_a_selector_that_cannot_be_written_down_is_for_the_server_to_judge(api: FakeApi) -> None:
    made = Transport(Settings(server=api.url))
    assert made.target("/a", {"labelSelector": "\ud800"}) == "/a?labelSelector=%ED%A0%80"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HAS_URLLIB3", False)
    with pytest.raises(ConfigError, match="needs the Python package urllib3; install kubernetes"):
        connect({"host": "https://h", "api_key": "k"}, {})


def test_a_server_may_have_a_path(api: FakeApi) -> None:
    assert Transport(Settings(server="https://h/k8s/clusters/c ä/".replace(" ", "-"))).target("/api", None) == (
        "/k8s/clusters/c-%C3%A4/api"
    )


# -- TLS -----------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> t.Iterator[FakeApi]:
    """An API server with TLS, known as 127.0.0.1 and kubernetes."""
    server = FakeApi(tls=authority.server_context(tmp_path))
    yield server
    server.stop()


def settings(api: FakeApi, authority: Authority, **more: t.Any) -> Settings:
    return Settings(server=api.url, server_source="the test", ca=authority.pem, ca_source="the test's CA", **more)


def version(given: Settings) -> str:
    made = Client(given)
    try:
        return str(made.server_version()["gitVersion"])
    finally:
        made.close()


def test_a_server_with_tls_is_verified(secure: FakeApi, authority: Authority) -> None:
    assert version(settings(secure, authority)) == "v1.36.0"
    assert version(settings(secure, authority, tls_server_name="kubernetes")) == "v1.36.0"


@pytest.mark.parametrize("name", ["", "elsewhere"])
def test_a_server_with_the_certificate_of_another_is_refused(secure: FakeApi, authority: Authority, name: str) -> None:
    given = settings(secure, authority if name else Authority(), tls_server_name=name or None)
    with pytest.raises(ApiError, match=r"the certificate of the API server at 127\.0\.0\.1:\d+ cannot be verified"):
        version(given)
    given.verify = False
    assert version(given) == "v1.36.0"


def test_exec_is_verified_as_requests_are(secure: FakeApi, authority: Authority) -> None:
    assert (
        Client(settings(secure, authority)).exec("bookinfo", "p", "c", ["cat"], b"x" * 100_000).stdout == b"x" * 100_000
    )
    with pytest.raises(ApiError, match="cannot be verified"):
        Client(settings(secure, Authority())).exec("bookinfo", "p", "c", ["cat"], b"x")


def test_what_stands_between_the_certificates_of_a_bundle_is_no_matter(secure: FakeApi, authority: Authority) -> None:
    given = settings(secure, authority)
    given.ca = "Főtanúsítvány\n".encode() + Authority("another").pem + "\u2028".encode() + authority.pem
    assert version(given) == "v1.36.0"


@pytest.mark.parametrize(
    "ca",
    [
        b"nonsense",
        "nonsense ä".encode(),
        b"\xff\xfe",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nä\n-----END CERTIFICATE-----".encode(),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_a_ca_that_is_no_certificate_is_named(secure: FakeApi, authority: Authority, ca: bytes) -> None:
    given = settings(secure, authority)
    given.ca = ca
    with pytest.raises(ConfigError) as caught:
        version(given)
    assert str(caught.value) == "the test's CA holds no valid CA certificate (PEM); correct it."


def test_a_client_certificate_is_presented(authority: Authority, tmp_path: Path) -> None:
    server = FakeApi(tls=authority.server_context(tmp_path, clients=True))
    given = settings(server, authority, credentials=Credentials(pair=ClientPair(*authority.issue("jane"))))
    assert version(given) == "v1.36.0"
    server.stop()


@pytest.mark.parametrize("kind", ["encrypted", "nonsense", "of another"])
def test_a_client_certificate_that_cannot_be_used_is_named(secure: FakeApi, authority: Authority, kind: str) -> None:
    cert, key = authority.issue("jane", password=b"secret" if kind == "encrypted" else None)
    if kind == "nonsense":
        cert = b"SECRET"
    elif kind == "of another":
        key = authority.issue("joe")[1]
    given = settings(secure, authority, credentials=Credentials(pair=ClientPair(cert, key, "the test's user")))
    with pytest.raises(ConfigError, match="the client certificate and key of the test's user do not fit") as caught:
        version(given)
    assert "SECRET" not in str(caught.value)


def test_connections_share_a_context_that_none_of_them_changes(
    secure: FakeApi, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL replaces the list of protocols while another thread may be copying it, so it is set once."""
    (tmp_path / "trusted.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    setters: list[tuple[str, ...]] = []
    set_protocols = ssl.SSLContext.set_alpn_protocols

    def count(context: ssl.SSLContext, protocols: t.Iterable[str]) -> None:
        setters.append(tuple(protocols))
        set_protocols(context, protocols)

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", count)
    direct = Transport(settings(secure, authority))
    proxy = Proxy(tls=authority.server_context(tmp_path, "proxy"))
    proxied = Transport(settings(secure, authority, proxy=proxy.url))
    for made, contexts in ((direct, 1), (proxied, 2)):
        setters.clear()
        made.request("GET", "/version")
        assert setters == [("http/1.1",)] * contexts
        setters.clear()
        made.close()
        made.request("GET", "/version")
        made.close()
        assert setters == [("http/1.1",)] * (contexts - 1)  # a proxy's manager is made anew, and its context with it
    proxy.server.close()


def test_plain_http_where_tls_is_spoken_is_said(secure: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.1)
    with pytest.raises(ApiError, match="the API server at .* cannot be reached"):
        version(Settings(server=f"http://127.0.0.1:{secure.port}"))


# -- proxies -------------------------------------------------------------


class Proxy:
    """An HTTP proxy that opens tunnels, or says something else."""

    def __init__(
        self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n", tls: ssl.SSLContext | None = None
    ):
        self.answer = answer
        self.tls = tls
        self.heads: list[bytes] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://jane:pa%20ss@127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(near,), daemon=True).start()

    def _tunnel(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls:
                near = self.tls.wrap_socket(near, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(4096)
            self.heads.append(head)
            near.sendall(self.answer)
            if b" 200 " not in self.answer:
                near.close()
                return
            host, _colon, port = head.split(b" ")[1].decode().rpartition(":")
            far = socket.create_connection((host, int(port)))
            threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
            self._pump(near, far)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_a_proxy_is_asked_for_a_tunnel(secure: FakeApi, authority: Authority) -> None:
    proxy = Proxy()
    made = Client(settings(secure, authority, proxy=proxy.url, proxy_headers={"X-From": "me"}))
    assert made.server_version()["gitVersion"] == "v1.36.0"
    assert made.exec("bookinfo", "p", "c", ["cat"], b"hello").stdout == b"hello"
    made.close()
    proxy.server.close()
    assert len(proxy.heads) == 2  # one is kept for requests, and exec has one of its own
    for head in proxy.heads:
        assert head.startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.".encode())
        assert b"Proxy-Authorization: Basic amFuZTpwYSBzcw==\r\n" in head
        assert b"X-From: me\r\n" in head
        assert b"mesh.workshop" not in head


def test_a_proxy_with_tls_of_its_own(
    secure: FakeApi, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trusted.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    proxy = Proxy(tls=authority.server_context(tmp_path, "proxy"))
    made = Client(settings(secure, authority, proxy=proxy.url))
    assert made.server_version()["gitVersion"] == "v1.36.0"
    data = bytes(range(256)) * 2000
    assert made.exec("bookinfo", "p", "c", ["cat"], data).stdout == data
    made.close()
    proxy.server.close()


def test_a_plain_server_is_asked_by_way_of_the_proxy(api: FakeApi) -> None:
    proxy = Proxy(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
    given = Settings(server=api.url, proxy=proxy.url, headers={"Impersonate-Group": "a\nb"})
    with pytest.raises(ApiError, match="none"):
        version(given)
    proxy.server.close()
    assert proxy.heads[0].startswith(f"GET {api.url}/version HTTP/1.1\r\n".encode())
    assert b"Impersonate-Group: a\r\nImpersonate-Group: b\r\n" in proxy.heads[0]
    assert b"Proxy-Authorization: Basic amFuZTpwYSBzcw==\r\n" in proxy.heads[0]


def asked(client: Client) -> object:
    return client.server_version()


def executed(client: Client) -> object:
    return client.exec("bookinfo", "p", "c", ["cat"], timeout=1)


@pytest.mark.parametrize("act", [asked, executed])
@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("407 Proxy Authentication Required", r"give the user and password that it asks for \(proxy_headers"),
        ("403 Forbidden", "check its rules, or correct the option proxy"),
        ("502 Bad Gateway", "check its rules, or correct the option proxy"),
    ],
)
def test_a_proxy_that_refuses_is_said(
    secure: FakeApi, authority: Authority, monkeypatch: pytest.MonkeyPatch, act: t.Any, status: str, remedy: str
) -> None:
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.2)
    proxy = Proxy(f"HTTP/1.1 {status}\r\n\r\n".encode())
    given = settings(secure, authority, proxy=proxy.url, proxy_source="the option proxy")
    said = (
        rf"the proxy at 127\.0\.0\.1:\d+ does not let us through to 127\.0\.0\.1:{secure.port} \({status}\); {remedy}"
    )
    with pytest.raises(ApiError, match=said):
        act(Client(given))
    proxy.server.close()
    # What may pass is asked again; what the proxy refuses is not.
    assert (len(proxy.heads) > 1) is status.startswith("5")


def test_a_plain_server_behind_a_proxy_that_wants_a_password(api: FakeApi) -> None:
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ConfigError, match=r"does not let us through to .* \(407 Proxy Authentication Required\); give"):
        version(Settings(server=api.url, proxy=proxy.url))
    proxy.server.close()


@pytest.mark.parametrize("act", [asked, executed])
def test_a_dead_proxy_is_not_told_as_the_api_server(
    secure: FakeApi, authority: Authority, nowhere: str, monkeypatch: pytest.MonkeyPatch, act: t.Any
) -> None:
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.2)
    given = settings(secure, authority, proxy=f"http://me:secret@{nowhere}", proxy_source="the variable HTTPS_PROXY")
    with pytest.raises(ApiError) as caught:
        act(Client(given))
    assert caught.value.message == (
        f"the proxy at {nowhere} cannot be reached (connection refused); "
        "check that it runs and is reachable, or correct the variable HTTPS_PROXY."
    )


def test_a_proxy_that_has_no_address_is_not_told_as_the_api_server(secure: FakeApi, authority: Authority) -> None:
    given = settings(secure, authority, proxy="http://nothing.invalid:1", proxy_source="the option proxy")
    with pytest.raises(ApiError, match="the proxy's name nothing.invalid cannot be resolved; correct the option proxy"):
        version(given)


def test_a_dead_server_behind_a_proxy_is_not_told_as_the_proxy(
    secure: FakeApi, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.2)
    proxy = Proxy()
    with pytest.raises(ApiError, match="the certificate of the API server at .* cannot be verified"):
        version(settings(secure, Authority(), proxy=proxy.url))
    proxy.server.close()


def test_a_server_that_has_no_address_names_what_said_so() -> None:
    given = Settings(server="https://nothing.invalid", server_source="the option host")
    with pytest.raises(
        ApiError, match="API server's name nothing.invalid cannot be resolved; correct the server in the option host"
    ):
        version(given)
