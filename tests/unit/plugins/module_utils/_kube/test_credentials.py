# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import datetime
import json
import os
import stat
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.config import load_settings
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.kubeconfigs import Json, authorization, kubeconfig


def plugin(tmp_path: Path, text: str) -> str:
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


def test_a_credential_plugin_is_run_again_after_a_401(tmp_path: Path) -> None:
    api = FakeApi()
    api.tokens = {"token-2"}
    count = tmp_path / "count"
    text = f'echo x >> {count}; n=$(wc -l < {count}); echo "{{\\"status\\": {{\\"token\\": \\"token-$n\\"}}}}"'
    user = {"exec": {"command": plugin(tmp_path, text), "apiVersion": "client.authentication.k8s.io/v1"}}
    client = connect({"kubeconfig": kubeconfig(user, {"server": api.url})}, {})
    assert client.list("v1", "Pod") == []
    assert client.list("v1", "Pod") == []
    assert count.read_text() == "x\nx\n"
    api.stop()


def test_a_credential_plugin_gets_its_arguments_and_environment(tmp_path: Path) -> None:
    user = {
        "exec": {"command": plugin(tmp_path, 'echo "{\\"status\\": {\\"token\\": \\"$1-$COLOUR\\"}}"'), "args": ["a"]}
    }
    user["exec"]["env"] = [{"name": "COLOUR", "value": "red"}]
    assert authorization(load_settings({"kubeconfig": kubeconfig(user)}, {})) == "Bearer a-red"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo no >&2; exit 3", r"failed with exit code 3 \(no\)"),
        ("echo nothing", "did not print an ExecCredential"),
    ],
)
def test_a_credential_plugin_that_fails(tmp_path: Path, text: str, message: str) -> None:
    user = {"exec": {"command": plugin(tmp_path, text)}}
    settings = load_settings({"kubeconfig": kubeconfig(user)}, {})
    with pytest.raises(ConfigError, match=message):
        authorization(settings)


def test_a_credential_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    status = json.dumps({"status": {"clientCertificateData": "CERT", "clientKeyData": "KEY"}})
    user = {"exec": {"command": plugin(tmp_path, f"echo x >> {runs}; echo '{status}'")}}
    credentials = load_settings({"kubeconfig": kubeconfig(user)}, {}).credentials
    for _time in range(2):
        pair = credentials.pair()
        assert pair is not None
        assert (pair.cert, pair.key) == (b"CERT", b"KEY")
        assert "plugin" in pair.source
        assert credentials.authorization() is None
    assert runs.read_text() == "x\n", "it is run once"


def test_a_credential_plugin_that_is_not_installed() -> None:
    user = {"exec": {"command": "/nowhere/plugin", "installHint": "get it from the shop"}}
    settings = load_settings({"kubeconfig": kubeconfig(user)}, {})
    with pytest.raises(ConfigError, match="cannot be run .*; get it from the shop"):
        authorization(settings)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({}, "printed neither a token nor a certificate"),
        ({"token": None}, "printed neither a token nor a certificate"),
        ({"token": ""}, "printed neither a token nor a certificate"),
        ({"token": 5}, "token of status of its output is a number where text belongs"),
        ({"token": "SECRET\nx"}, "the token of the credential plugin .* contains a line break"),
        ({"clientCertificateData": "SECRET"}, "printed a certificate or a key without the other"),
    ],
)
def test_a_credential_plugin_without_credentials_is_not_anonymous(tmp_path: Path, status: Json, message: str) -> None:
    (tmp_path / "printed").write_text(json.dumps({"status": status}))
    user = {"exec": {"command": plugin(tmp_path, f"cat {tmp_path}/printed")}}
    with pytest.raises(ConfigError, match=message) as caught:
        authorization(load_settings({"kubeconfig": kubeconfig(user)}, {}))
    assert "SECRET" not in str(caught.value)


def test_a_credential_plugin_is_told_of_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "printed").write_text('{"status": {"token": "t"}}')
    text = f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; cat {tmp_path}/printed'
    user = {"exec": {"command": plugin(tmp_path, text), "provideClusterInfo": True}}
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}]
    config = kubeconfig(user, {"extensions": extensions, "certificate-authority": "/dev/null"})
    assert authorization(load_settings({"kubeconfig": config}, {})) == "Bearer t"
    spec = json.loads((tmp_path / "info").read_text())["spec"]
    assert spec == {
        "interactive": False,
        "cluster": {"server": "https://192.0.2.1:6443", "config": {"audience": "a"}},
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"args": []}, "exec of user 'u' .* names no command"),
        ({"command": ["a"]}, "command of exec of user 'u' .* is a list where text belongs"),
        ({"command": "a", "args": "b"}, "args of exec of user 'u' .* is text where a list belongs"),
        ({"command": "a", "args": [1]}, "args of exec of user 'u' .* holds a number where text belongs"),
        ({"command": "a", "env": [1]}, "entry 1 of env of exec of user 'u' .* is a number where an object belongs"),
        ({"command": "a", "env": [{"value": "x"}]}, "entry 1 of env of exec .* has no name that a variable can have"),
        ({"command": "a", "env": [{"name": "a=b"}]}, "entry 1 of env of exec .* has no name that a variable can have"),
        ({"command": "a\0"}, "contains a zero byte"),
        ({"command": "a", "provideClusterInfo": "yes"}, "provideClusterInfo of exec .* is text where true or false"),
    ],
)
def test_a_credential_plugin_that_is_described_wrongly(config: Json, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings({"kubeconfig": kubeconfig({"exec": config})}, {})


def test_a_cluster_that_no_plugin_can_be_told_of() -> None:
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": datetime.date(2026, 1, 1)}]
    user = {"exec": {"command": "a", "provideClusterInfo": True}}
    with pytest.raises(ConfigError, match="contains something that is not JSON"):
        load_settings({"kubeconfig": kubeconfig(user, {"extensions": extensions})}, {})


def test_a_token_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    settings = load_settings({"kubeconfig": kubeconfig({"tokenFile": str(path)})}, {})
    path.write_text("two")
    assert authorization(settings) == "Bearer one"
    assert settings.credentials is not None
    assert settings.credentials.refresh()
    assert authorization(settings) == "Bearer two"


@pytest.mark.parametrize(("text", "message"), [(" \n", "is empty"), ("a\r\nb", "contains a line break")])
def test_a_token_file_without_a_token(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"the token in {path} {message}"):
        load_settings({"kubeconfig": kubeconfig({"tokenFile": str(path)})}, {})


# -- auth providers: the package kubernetes is asked for real --------------


def jwt(seconds: float) -> str:
    """An ID token that is good for so long."""

    def encoded(part: Json) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    expires = datetime.datetime.now(datetime.UTC).timestamp() + seconds
    parts = ({"alg": "none"}, {"exp": int(expires), "sub": "jane"}, {"signature": "none"})
    return ".".join(encoded(part) for part in parts)


def oidc(token: str, **more: str) -> Json:
    return {"auth-provider": {"name": "oidc", "config": {"id-token": token, "client-id": "c", **more}}}


def test_an_auth_providers_token_is_used() -> None:
    token = jwt(3600)
    assert authorization(load_settings({"kubeconfig": kubeconfig(oidc(token))}, {})) == f"Bearer {token}"


def test_an_auth_provider_in_the_second_file_is_not_lost(tmp_path: Path) -> None:
    token = jwt(3600)
    first = {"contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}], "current-context": "c"}
    second = {**kubeconfig(oidc(token)), "current-context": "other"}
    (tmp_path / "one").write_text(yaml.safe_dump(first))
    (tmp_path / "two").write_text(yaml.safe_dump(second))
    settings = load_settings({}, {"KUBECONFIG": f"{tmp_path}/one{os.pathsep}{tmp_path}/two"})
    assert authorization(settings) == f"Bearer {token}"


class Issuer:
    """An OIDC provider that renews tokens."""

    def __init__(self, token: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: t.Any) -> None:
                pass

            def answer(self, body: Json) -> None:
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.answer({"token_endpoint": f"http://127.0.0.1:{self.server.server_port}/token"})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer({"id_token": token, "refresh_token": "next", "access_token": "a", "token_type": "Bearer"})

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.mark.parametrize("persist", [True, False])
def test_an_auth_provider_renews_an_old_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, persist: bool) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    old, new = jwt(-3600), jwt(3600)
    issuer = Issuer(new)
    user = oidc(old, **{"refresh-token": "r", "client-secret": "s", "idp-issuer-url": issuer.url})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(user)))
    settings = load_settings({"kubeconfig": str(path), "persist_config": persist}, {})
    assert authorization(settings) == f"Bearer {new}"
    issuer.server.shutdown()
    issuer.server.server_close()
    assert (new in path.read_text()) is persist


@pytest.mark.parametrize(
    "user",
    [oidc("SECRET"), {"auth-provider": {"name": "azure", "config": {"access-token": "SECRET"}}}, oidc(jwt(-10))],
)
def test_an_auth_provider_without_a_token_is_not_anonymous(user: Json) -> None:
    settings = load_settings({"kubeconfig": kubeconfig(user)}, {})
    with pytest.raises(ConfigError, match="the auth-provider of user 'u' gave no") as caught:
        authorization(settings)
    assert "SECRET" not in str(caught.value)
