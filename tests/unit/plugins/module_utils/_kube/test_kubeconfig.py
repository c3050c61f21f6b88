# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import contextlib
import json
import os
import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.config import load_settings
from ansible_collections.mesh.workshop.plugins.module_utils._kube.kubeconfig import merge_kubeconfigs, parse_kubeconfig
from ansible_collections.mesh.workshop.tests.unit.bombs import alias_bomb
from ansible_collections.mesh.workshop.tests.unit.kubeconfigs import Json, authorization, kubeconfig
from hypothesis import given, settings
from hypothesis import strategies as st


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


def test_tls_server_name_insecure_and_proxy() -> None:
    cluster = {"tls-server-name": "api.local", "insecure-skip-tls-verify": True, "proxy-url": "http://proxy:3128"}
    settings = load_settings({"kubeconfig": kubeconfig(cluster=cluster)}, {})
    assert (settings.tls_server_name, settings.verify, settings.proxy) == ("api.local", False, "http://proxy:3128")


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
    ("text", "message"),
    [
        ("a: [", "neither valid YAML nor valid JSON"),
        ("{", "neither valid YAML nor valid JSON"),
        ("a: 2026-99-99", "neither valid YAML nor valid JSON"),
        ("a: !!bool perhaps", "neither valid YAML nor valid JSON"),
        ("a: !!timestamp soon", "neither valid YAML nor valid JSON"),
        ("{" * 100_000, "at line 1: more than 100 levels are nested; flatten them"),
        ("- " * 100_000, "at line 1: more than 100 levels are nested; flatten them"),
        ('{"a": ' * 100_000, "neither valid YAML nor valid JSON"),
        ("a: 1\nb: &b {b: *b}", r"at line 2: the alias \*b is within its own anchor; write the value out"),
        ("- a", "holds no configuration"),
        ("", "holds no configuration"),
    ],
)
def test_files_that_are_no_kubeconfig(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings({"kubeconfig": str(path)}, {})


@pytest.mark.parametrize("join", ["list", "merge"])
def test_aliases_that_grow_without_bound_are_refused_at_once(tmp_path: Path, join: str) -> None:
    path = tmp_path / "config"
    path.write_text(alias_bomb(join))
    begun = time.process_time()
    with pytest.raises(ConfigError, match="/config at line 6: with its aliases written out, the text is longer than"):
        load_settings({"kubeconfig": str(path)}, {})
    assert time.process_time() - begun < 1


def test_anchors_and_merges_still_work() -> None:
    text = b"clusters: [{name: a, cluster: &a {server: s}}, {name: b, cluster: {<<: *a, proxy-url: p}}]"
    assert parse_kubeconfig(text, "x")["clusters"][1]["cluster"] == {"server": "s", "proxy-url": "p"}


@settings(max_examples=200)
@given(st.text(st.sampled_from("&*a-:?[]{}!<,|>'\"#% \n\t012.~é\ud800"), max_size=40) | st.binary(max_size=20))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(ConfigError):
        parse_kubeconfig(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"), "x")


def test_json_and_yaml_in_braces() -> None:
    assert parse_kubeconfig(b'{"a": 1}', "x") == parse_kubeconfig(b"{a: 1}", "x") == {"a": 1}


def test_a_token_wins_over_a_token_file_and_that_over_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    user: Json = {"token": "inline", "tokenFile": str(tmp_path / "token"), "exec": {"command": "/nowhere"}}
    assert authorization(load_settings({"kubeconfig": kubeconfig(user)}, {})) == "Bearer inline"
    del user["token"]
    assert authorization(load_settings({"kubeconfig": kubeconfig(user)}, {})) == "Bearer from-the-file"


def test_a_user_with_a_password() -> None:
    settings = load_settings({"kubeconfig": kubeconfig({"username": "jane", "password": "pä"})}, {})
    assert authorization(settings) == "Basic " + base64.b64encode("jane:pä".encode()).decode()


WRONG: list[t.Any] = ["text", 5, True, ["a"], {"a": 1}]
OF_CLUSTER = ["server", "certificate-authority-data", "certificate-authority", "tls-server-name", "proxy-url"]
OF_USER = ["token", "tokenFile", "username", "client-key", "client-key-data", "client-certificate", "as", "as-uid"]


@pytest.mark.parametrize("key", OF_CLUSTER)
@pytest.mark.parametrize("value", WRONG[1:])
def test_what_is_no_text_in_a_cluster_is_named(key: str, value: t.Any) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{key} of cluster 'k' of the kubeconfig given inline is .* where text belongs"
    ):
        load_settings({"kubeconfig": kubeconfig(cluster={key: value})}, {})


@pytest.mark.parametrize("key", OF_USER)
@pytest.mark.parametrize("value", WRONG[1:])
def test_what_is_no_text_in_a_user_is_named(key: str, value: t.Any) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{key} of user 'u' of the kubeconfig given inline is .* where text belongs"
    ):
        load_settings({"kubeconfig": kubeconfig({key: value})}, {})


@pytest.mark.parametrize("section", ["clusters", "users", "contexts"])
@pytest.mark.parametrize("value", WRONG)
def test_sections_that_are_no_lists_are_named(section: str, value: t.Any) -> None:
    with pytest.raises(ConfigError, match=f"^{section} of the kubeconfig given inline (is|holds) "):
        load_settings({"kubeconfig": {**kubeconfig(), section: value}}, {})


@pytest.mark.parametrize(("section", "leaf"), [("clusters", "cluster"), ("users", "user"), ("contexts", "context")])
def test_a_list_where_an_object_belongs_is_named(section: str, leaf: str) -> None:
    config = kubeconfig()
    config[section][0][leaf] = ["SECRET"]
    with pytest.raises(
        ConfigError, match=f"^{leaf} '.' of the kubeconfig given inline is a list where an object"
    ) as caught:
        load_settings({"kubeconfig": config}, {})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"token": "SECRET\r\nX-Evil: 1"}, "the token of user 'u' .* contains a line break"),
        ({"token": "SECRET "}, "the token of user 'u' .* contains a line break, a space"),
        ({"token": "SECRETä"}, "the token of user 'u' .* or another character that no token has"),
        ({"as": "SECRET\nx"}, "as of user 'u' .* contains a line break"),
        ({"as-groups": ["a", "SECRET\nb"]}, "as-groups of user 'u' .* contains a line break"),
        ({"as-groups": ["a", 5]}, "as-groups of user 'u' .* holds a number where text belongs"),
        ({"password": "SECRET\ud800", "username": "jane"}, "password of user 'u' .* half of a character"),
        ({"client-certificate-data": base64.b64encode(b"SECRET").decode()}, "a client certificate or a key without"),
        ({"exec": ["SECRET"]}, "exec of user 'u' .* is a list where an object belongs"),
        ({"auth-provider": "SECRET"}, "auth-provider of user 'u' .* is text where an object belongs"),
    ],
)
def test_what_cannot_be_sent_is_named_and_not_shown(user: Json, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings({"kubeconfig": kubeconfig(user)}, {})
    assert "SECRET" not in str(caught.value)


def test_a_server_that_is_none_is_the_kubeconfigs_fault() -> None:
    with pytest.raises(
        ConfigError, match="the kubeconfig given inline names the server 'ftp://x', which is not an http"
    ):
        load_settings({"kubeconfig": kubeconfig(cluster={"server": "ftp://x"})}, {})
    with pytest.raises(ConfigError, match="proxy-url of cluster 'k' of the kubeconfig given inline is 'garbage'"):
        load_settings({"kubeconfig": kubeconfig(cluster={"proxy-url": "garbage"})}, {})


def test_a_path_that_no_file_can_have_is_named() -> None:
    with pytest.raises(ConfigError, match="has a character that no path can have"):
        load_settings({"kubeconfig": kubeconfig(cluster={"certificate-authority": "/a\0b"})}, {})
