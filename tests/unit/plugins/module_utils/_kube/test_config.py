# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import os
import stat
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.config import (
    bypasses,
    from_kubeconfig,
    in_cluster,
    load_settings,
    merge_kubeconfigs,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube.options import effective_options
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]


def kubeconfig(user: Json | None = None, cluster: Json | None = None, **context: t.Any) -> Json:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", **context}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://192.0.2.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }


def authorization(settings: t.Any) -> str | None:
    return settings.credentials.authorization()  # type: ignore[no-any-return]  # settings are any here


def test_options_win_over_the_environment() -> None:
    environ = {"K8S_AUTH_HOST": "https://env", "K8S_AUTH_CONTEXT": "env", "K8S_AUTH_VERIFY_SSL": "no"}
    found = effective_options({"host": "https://option", "context": None}, environ)
    assert found == {"host": "https://option", "context": "env", "validate_certs": False}


def test_false_as_an_option_wins_over_the_environment() -> None:
    assert effective_options({"validate_certs": False}, {"K8S_AUTH_VERIFY_SSL": "yes"})["validate_certs"] is False


def test_groups_and_nested_headers_from_the_environment() -> None:
    environ = {"K8S_AUTH_IMPERSONATE_GROUPS": "a,b", "K8S_AUTH_PROXY_HEADERS_USER_AGENT": "me"}
    found = effective_options({}, environ)
    assert found == {"impersonate_groups": ["a", "b"], "proxy_headers.user_agent": "me"}


def test_a_kubeconfig_file_with_data(tmp_path: Path) -> None:
    path = tmp_path / "config"
    pem = base64.b64encode(b"-----CA-----").decode()
    path.write_text(yaml.safe_dump(kubeconfig({"token": "t"}, {"certificate-authority-data": pem}, namespace="n")))
    settings = load_settings({"kubeconfig": str(path)}, {})
    assert (settings.server, settings.ca, settings.namespace) == ("https://192.0.2.1:6443", b"-----CA-----", "n")
    assert authorization(settings) == "Bearer t"


def test_paths_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    for name in ("ca", "cert", "key"):
        (tmp_path / "pki" / name).write_text(f"the {name}")
    path = tmp_path / "config"
    user = {"client-certificate": "pki/cert", "client-key": "pki/key"}
    path.write_text(json.dumps(kubeconfig(user, {"certificate-authority": "pki/ca"})))
    settings = load_settings({}, {"KUBECONFIG": str(path)})
    assert settings.ca == b"the ca"
    assert settings.credentials is not None
    pair = settings.credentials.pair()
    assert pair is not None
    assert (pair.cert, pair.key) == (b"the cert", b"the key")


def test_the_first_of_several_files_wins(tmp_path: Path) -> None:
    first = {"contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}], "current-context": "c"}
    second = kubeconfig({"token": "second"})
    second["current-context"] = "other"
    (tmp_path / "one").write_text(yaml.safe_dump(first))
    (tmp_path / "two").write_text(yaml.safe_dump(second))
    settings = load_settings({"kubeconfig": f"{tmp_path}/one{os.pathsep}{tmp_path}/two{os.pathsep}{tmp_path}/none"}, {})
    assert authorization(settings) == "Bearer second"


def test_merging_remembers_where_entries_come_from() -> None:
    merged, origin = merge_kubeconfigs([("/a", {"users": [{"name": "u"}]}), ("/b", kubeconfig({"token": "x"}))])
    assert merged["users"]["u"] == {}
    assert origin[("users", "u")] == "/a"
    assert origin[("clusters", "k")] == "/b"


def test_host_and_key_need_no_kubeconfig() -> None:
    settings = load_settings({"host": "192.0.2.9:6443", "api_key": "k", "validate_certs": False}, {})
    assert (settings.server, settings.verify, authorization(settings)) == ("https://192.0.2.9:6443", False, "Bearer k")


def test_basic_authentication() -> None:
    settings = load_settings({"host": "https://h", "username": "jane", "password": "pw"}, {})
    assert authorization(settings) == "Basic " + base64.b64encode(b"jane:pw").decode()


def test_options_override_the_kubeconfig() -> None:
    options = {"kubeconfig": kubeconfig({"token": "file"}), "api_key": "option", "host": "https://elsewhere"}
    settings = load_settings(options, {})
    assert (settings.server, authorization(settings)) == ("https://elsewhere", "Bearer option")


def test_tls_server_name_insecure_and_proxy() -> None:
    cluster = {"tls-server-name": "api.local", "insecure-skip-tls-verify": True, "proxy-url": "http://proxy:3128"}
    settings = load_settings({"kubeconfig": kubeconfig(cluster=cluster)}, {})
    assert (settings.tls_server_name, settings.verify, settings.proxy) == ("api.local", False, "http://proxy:3128")


def test_impersonation_from_the_kubeconfig_and_options() -> None:
    user = {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7"}
    settings = load_settings({"kubeconfig": kubeconfig(user), "impersonate_user": "joe"}, {})
    assert settings.headers == {"Impersonate-User": "joe", "Impersonate-Group": "a\nb", "Impersonate-Uid": "7"}


def test_proxy_from_the_environment_unless_excepted() -> None:
    config = {"kubeconfig": kubeconfig()}
    assert load_settings(config, {"HTTPS_PROXY": "http://p:1"}).proxy == "http://p:1"
    assert load_settings(config, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "192.0.2.0/24"}).proxy is None
    assert load_settings({**config, "proxy": "http://q:1"}, {"HTTPS_PROXY": "http://p:1"}).proxy == "http://q:1"


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "", True),
        ("::1", "", True),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("apiexample.com", "example.com", False),
        ("10.1.2.3", "10.0.0.0/8, x", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "example.com", False),
        ("anything", "*", True),
    ],
)
def test_no_proxy(host: str, no_proxy: str, expected: bool) -> None:
    assert bypasses(host, no_proxy) is expected


def test_in_cluster(tmp_path: Path) -> None:
    for name, text in (("token", "t\n"), ("ca.crt", "ca"), ("namespace", "n")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    settings = in_cluster(environ, str(tmp_path))
    assert settings is not None
    assert (settings.server, settings.namespace, authorization(settings)) == ("https://10.0.0.1:443", "n", "Bearer t")
    assert in_cluster({}, str(tmp_path)) is None
    assert in_cluster(environ, str(tmp_path / "none")) is None


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


def test_a_credential_plugin_that_is_not_installed() -> None:
    user = {"exec": {"command": "/nowhere/plugin", "installHint": "get it from the shop"}}
    settings = load_settings({"kubeconfig": kubeconfig(user)}, {})
    with pytest.raises(ConfigError, match="cannot be run .*; get it from the shop"):
        authorization(settings)


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ({"contexts": []}, {}, "has no current context; set the option context"),
        (kubeconfig(), {"context": "z"}, "has no context 'z'; it has: c"),
        ({**kubeconfig(), "clusters": []}, {}, "has no cluster 'k'"),
        ({**kubeconfig(), "users": []}, {}, "has no user 'u'"),
        ({**kubeconfig(), "users": [{}]}, {}, "has an entry without a name in users"),
        (kubeconfig(cluster={"server": ""}), {}, "names no server"),
        (kubeconfig(cluster={"certificate-authority-data": "%%"}), {}, "certificate-authority-data .* is not base64"),
        (kubeconfig(cluster={"certificate-authority": "/nowhere"}), {}, "/nowhere cannot be read"),
        (kubeconfig({"tokenFile": "/nowhere"}), {}, "the token file /nowhere cannot be read"),
    ],
)
def test_kubeconfigs_that_do_not_work(config: Json, options: Json, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings({"kubeconfig": config, **options}, {})


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("{", "not valid JSON"), ("- a", "holds no configuration")]
)
def test_files_that_are_no_kubeconfig(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings({"kubeconfig": str(path)}, {})


def test_a_kubeconfig_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="/nowhere/config does not exist; correct the path or create the cluster"):
        load_settings({"kubeconfig": "/nowhere/config"}, {})


def test_no_cluster_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="no cluster is named"):
        load_settings({}, {})


@pytest.mark.parametrize("server", ["ftp://x", "https://", "https://x:port"])
def test_servers_that_are_no_address(server: str) -> None:
    with pytest.raises(ConfigError):
        connect({"host": server, "api_key": "k"}, {})


def test_a_pair_that_is_no_certificate_is_said_without_showing_it() -> None:
    data = base64.b64encode(b"SECRET").decode()
    config = kubeconfig({"client-certificate-data": data, "client-key-data": data})
    with pytest.raises(ConfigError, match="do not fit together or are not PEM") as caught:
        connect({"kubeconfig": config}, {}).server_version()
    assert "SECRET" not in str(caught.value)


def test_an_auth_provider_is_left_to_the_kubernetes_package() -> None:
    settings = from_kubeconfig([("", kubeconfig({"auth-provider": {"name": "oidc"}}))], None)
    assert type(settings.credentials).__name__ == "Delegated"
