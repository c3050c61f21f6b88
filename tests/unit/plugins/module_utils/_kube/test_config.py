# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, ConfigError, connect, transport
from ansible_collections.mesh.workshop.plugins.module_utils._kube.config import in_cluster, load_settings
from ansible_collections.mesh.workshop.tests.unit.certificates import Authority
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.kubeconfigs import Json, authorization, kubeconfig
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st


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


def test_impersonation_from_the_kubeconfig_and_options() -> None:
    user = {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7"}
    settings = load_settings({"kubeconfig": kubeconfig(user), "impersonate_user": "joe"}, {})
    assert settings.headers == {"Impersonate-User": "joe", "Impersonate-Group": "a\nb", "Impersonate-Uid": "7"}


def test_proxy_from_the_environment_unless_excepted() -> None:
    config = {"kubeconfig": kubeconfig()}
    assert load_settings(config, {"HTTPS_PROXY": "http://p:1"}).proxy == "http://p:1"
    assert load_settings(config, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "192.0.2.0/24"}).proxy is None
    assert load_settings({**config, "proxy": "http://q:1"}, {"HTTPS_PROXY": "http://p:1"}).proxy == "http://q:1"


def test_in_cluster(tmp_path: Path) -> None:
    for name, text in (("token", "t\n"), ("ca.crt", "ca"), ("namespace", "n")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    settings = in_cluster(environ, str(tmp_path))
    assert settings is not None
    assert (settings.server, settings.namespace, authorization(settings)) == ("https://10.0.0.1:443", "n", "Bearer t")
    assert in_cluster({}, str(tmp_path)) is None
    assert in_cluster(environ, str(tmp_path / "none")) is None


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


def test_the_option_host_is_not_told_as_the_kubeconfigs_fault() -> None:
    with pytest.raises(ConfigError, match="^the option host names the server 'ftp://x', which is not an http"):
        load_settings({"kubeconfig": kubeconfig(), "host": "ftp://x"}, {})
    with pytest.raises(ConfigError, match="^the variable K8S_AUTH_HOST names the server 'ftp://x'"):
        load_settings({"kubeconfig": kubeconfig()}, {"K8S_AUTH_HOST": "ftp://x"})


@pytest.mark.parametrize("proxy", ["garbage", "proxy:3128", "socks5://proxy:1080", "http://"])
def test_a_proxy_that_is_none_is_named(proxy: str) -> None:
    with pytest.raises(ConfigError, match=f"^the option proxy is '{proxy}', which is not an HTTP proxy; write it like"):
        load_settings({"kubeconfig": kubeconfig(), "proxy": proxy}, {})
    # Also where it is not used: it has no effect, and that is most likely not what was meant.
    with pytest.raises(ConfigError, match="^the option proxy is "):
        load_settings({"host": "https://127.0.0.1", "api_key": "k", "proxy": proxy}, {})


def test_a_password_of_a_proxy_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"kubeconfig": kubeconfig()}, {"HTTPS_PROXY": "socks5://me:SECRET@proxy:1"})
    assert "the variable HTTPS_PROXY is 'socks5://***@proxy:1'" in str(caught.value)


def test_a_proxy_with_tls_leads_to_servers_with_tls_only() -> None:
    with pytest.raises(ConfigError, match="the option proxy is an https proxy, which leads to https servers only"):
        load_settings({"host": "http://192.0.2.1", "api_key": "k", "proxy": "https://proxy"}, {})


def test_an_api_key_replaces_the_kubeconfigs_certificate(tmp_path: Path) -> None:
    # The API server looks at a certificate first, so a wrong token next to one would go unnoticed.
    cert, key = (base64.b64encode(part).decode() for part in Authority().issue("jane"))
    config = kubeconfig({"client-certificate-data": cert, "client-key-data": key})
    found = load_settings({"kubeconfig": config}, {}).credentials
    assert found is not None
    assert found.pair() is not None
    for options in ({"api_key": "wrong"}, {"username": "jane", "password": "wrong"}):
        found = load_settings({"kubeconfig": config, **options}, {}).credentials
        assert found is not None
        assert found.pair() is None
        assert found.authorization()


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        (
            {"api_key": "SECRET", "client_cert": "/c", "client_key": "/k"},
            {},
            "the option client_cert and the option api_key are both set, and only one of them would be used",
        ),
        (
            {"client_cert": "/c", "username": "jane", "password": "SECRET"},
            {},
            "the option client_cert and the option username are both set",
        ),
        (
            {"username": "jane", "password": "p"},
            {"K8S_AUTH_API_KEY": "SECRET"},
            "the variable K8S_AUTH_API_KEY and the option username are both set",
        ),
        ({"username": "jane"}, {}, "the option username is set without password"),
        ({}, {"K8S_AUTH_PASSWORD": "SECRET"}, "the variable K8S_AUTH_PASSWORD is set without username"),
        ({"client_key": "/k"}, {}, "the option client_key is set without client_cert"),
        ({"api_key": "SECRET\nx"}, {}, "the option api_key contains a line break"),
        (
            {},
            {"K8S_AUTH_API_KEY": "SECRETä"},
            "the variable K8S_AUTH_API_KEY contains a line break, a space or another",
        ),
        (
            {"username": "jane", "password": "SECRET\ud800"},
            {},
            "the option username or the option password contains half",
        ),
        ({"impersonate_user": "SECRET\n"}, {}, "the option impersonate_user contains a line break"),
        ({"impersonate_groups": ["a", "SECRET\n"]}, {}, "the option impersonate_groups contains a line break"),
        (
            {"proxy_headers": {"user_agent": "SECRET\n"}},
            {},
            "the option proxy_headers.user_agent contains a line break",
        ),
        ({"kubeconfig": ["SECRET"]}, {}, "the option kubeconfig is a list; give a path or the content"),
        ({"kubeconfig": ":"}, {}, "the kubeconfig : does not exist"),
        ({"kubeconfig": "/a\0b"}, {}, "does not exist"),
        ({"ca_cert": "/a\0b"}, {}, "the CA certificate '/a.x00b' has a character that no path can have"),
        ({"ca_cert": "~\0/a"}, {}, "has a character that no path can have"),
    ],
)
def test_options_that_cannot_be_used_are_named_and_not_shown(options: Json, environ: Json, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings({"kubeconfig": kubeconfig(), **options}, environ)
    assert "SECRET" not in str(caught.value)


def test_a_token_with_a_line_break_is_never_shown(api: FakeApi) -> None:
    with pytest.raises(ApiError) as caught:
        connect({"host": api.url, "api_key": "SECRET\r\nX-Evil: 1"}, {}).server_version()
    assert "SECRET" not in f"{caught.value}{caught.value!r}"
    assert api.requests == []


# -- whatever is given ---------------------------------------------------

ANY_TEXT = st.text(max_size=12) | st.sampled_from(
    ["a\r\nb", "\ud800", "/nowhere", "~\0", "%%", "YQ==", "http://[", "https://h:1", "ftp://x", "garbage", "ä", "true"]
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
CLUSTER = [
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
    "extensions",
]
USER = [
    "token",
    "tokenFile",
    "username",
    "password",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "as",
    "as-groups",
    "as-uid",
]
PLUGIN = ["args", "env", "apiVersion", "provideClusterInfo", "installHint"]


def some(keys: t.Sequence[str]) -> st.SearchStrategy[Json]:
    return st.dictionaries(st.sampled_from(keys), VALUE, max_size=3)


@st.composite
def kubeconfigs(draw: st.DrawFn) -> Json:
    """Kubeconfigs that are right except for some values, or for one part as a whole."""
    user = draw(some(USER))
    if draw(st.booleans()):
        # Nothing that could be run by accident.
        command = draw(st.sampled_from(["/nowhere/plugin", "nowhere/plugin", "true", "\0", "", 5, ["true"]]))
        user["exec"] = {"command": command, **draw(some(PLUGIN))}
    cluster = {"server": "https://127.0.0.1:9", **draw(some(CLUSTER))}
    config = kubeconfig(user, cluster)
    config["contexts"][0]["context"].update(draw(some(["cluster", "user", "namespace"])))
    config.update(draw(some(["current-context", "contexts", "clusters", "users", "kind"])))
    return config


OPTIONS = st.fixed_dictionaries(
    {"kubeconfig": kubeconfigs() | VALUE},
    optional={
        **dict.fromkeys(
            ["context", "host", "api_key", "username", "password", "ca_cert", "client_cert", "client_key", "no_proxy"],
            ANY_TEXT,
        ),
        "proxy": ANY_TEXT,
        "validate_certs": st.booleans(),
        "impersonate_user": ANY_TEXT,
        "impersonate_groups": st.lists(ANY_TEXT, max_size=2),
        "proxy_headers": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(["proxy_basic_auth", "basic_auth", "user_agent"], ANY_TEXT)
        ),
    },
)
ENVIRON = st.dictionaries(
    st.sampled_from(["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"]), ANY_TEXT
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=OPTIONS, environ=ENVIRON)
@example(options={"kubeconfig": kubeconfig(cluster={"server": "https://h"}), "proxy": "http://p:0"}, environ={})
@example(options={"kubeconfig": kubeconfig({"exec": {"command": "\0"}})}, environ={})
def test_whatever_is_given_ends_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: Json, environ: dict[str, str]
) -> None:
    """Nothing that is read as options or kubeconfig ends in a traceback: neither at once, nor in the first request."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(transport, "PATIENCE_FIRST", 0.0)
    monkeypatch.setattr("socket.getaddrinfo", nothing_has_an_address)
    with pytest.raises(ApiError) as caught:
        connect(options, environ).request("GET", "/version", timeout=0.2)
    assert caught.value.sentence()


def nothing_has_an_address(*args: t.Any, **kwargs: t.Any) -> t.NoReturn:
    raise OSError(113, "No route to host")
