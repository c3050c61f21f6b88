# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs, read and merged as kubectl does it."""

from __future__ import annotations

import base64
import binascii
import json
import os
import typing as t

from .credentials import AuthProvider, ClientPair, Credentials, ExecPlugin, TokenFile
from .errors import ConfigError
from .growth import GrowthError, check_growth
from .settings import Settings
from .values import Section, checked_token, kind_of, one_line, read_file

Json = dict[str, t.Any]

_DEEPEST = 100  # levels of nesting in a kubeconfig
_LONGEST = 2**17  # characters of a kubeconfig with its aliases written out; PyYAML merges slowly
_SECTIONS = (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))


def parse_kubeconfig(text: bytes, path: str) -> Json:
    """A kubeconfig's content, from JSON or YAML. Raises ConfigError."""
    parsed: t.Any = None
    try:
        if text.lstrip()[:1] == b"{":
            try:
                parsed = json.loads(text)
            except ValueError:  # YAML has braces, too
                parsed = _yaml(text, path)
        else:
            parsed = _yaml(text, path)
    except (ValueError, RecursionError) as exc:
        text_ = f"the kubeconfig {path} is neither valid YAML nor valid JSON; correct or replace the file."
        raise ConfigError(text_) from exc
    if not isinstance(parsed, dict):
        raise ConfigError(f"the kubeconfig {path} holds no configuration; correct or replace the file.")
    return parsed


def _yaml(text: bytes, path: str) -> t.Any:
    """What YAML holds. Raises ValueError for invalid YAML, ConfigError where it cannot be read here."""
    try:
        import yaml
    except ImportError as exc:
        raise ConfigError("reading a kubeconfig needs the Python package PyYAML; install it.") from exc
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        check_growth(text, loader, deepest=_DEEPEST, longest=_LONGEST)
        return yaml.load(text, Loader=loader)
    except GrowthError as exc:
        raise ConfigError(f"the kubeconfig {path} at {exc}") from exc
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as exc:
        # PyYAML takes for granted that a value has the form of its tag, as in !!bool perhaps.
        raise ValueError(str(exc)) from exc


def merge_kubeconfigs(loaded: t.Sequence[tuple[str, Json]]) -> tuple[Json, dict[tuple[str, str], str]]:
    """As kubectl does: the first file that sets a value or defines a name wins. Also where each entry came from."""
    merged: Json = {"clusters": {}, "users": {}, "contexts": {}, "current-context": ""}
    origin: dict[tuple[str, str], str] = {}
    for path, content in loaded:
        config = Section(content, _called(path))
        if not merged["current-context"]:
            merged["current-context"] = config.text("current-context")
        for section, leaf in _SECTIONS:
            for item in config.items(section):
                if not isinstance(item, dict):
                    raise ConfigError(f"{section} of {config.where} holds {kind_of(item)}; correct the file.")
                name = Section(item, f"an entry of {section} of {config.where}").text("name")
                if not name:
                    raise ConfigError(f"{config.where} has an entry without a name in {section}; correct it.")
                if name not in merged[section]:
                    found = Section(item.get(leaf), f"{leaf} {name!r} of {config.where}")
                    merged[section][name] = found.values
                    origin[(section, name)] = path
    return merged, origin


def _called(path: str) -> str:
    return f"the kubeconfig {path}" if path else "the kubeconfig given inline"


def from_kubeconfig(loaded: t.Sequence[tuple[str, Json]], context: str | None, persist: bool = False) -> Settings:
    """The settings of a context, by default of the current one. `loaded` is each file's path ("" inline) and content.

    Raises ConfigError for what does not fit together. The server's address may still be invalid.
    """
    merged, origin = merge_kubeconfigs(loaded)
    paths = [path for path, _config in loaded if path]
    where = f"the kubeconfig {os.pathsep.join(paths) or 'given inline'}"
    wanted = context or merged["current-context"]
    if not wanted:
        raise ConfigError(f"{where} has no current context; set the option context.")
    if wanted not in merged["contexts"]:
        known = ", ".join(sorted(merged["contexts"])) or "none"
        raise ConfigError(f"{where} has no context {wanted!r}; it has: {known}.")
    chosen = Section(merged["contexts"][wanted], f"context {wanted!r} of {where}")
    cluster_name, user_name = chosen.text("cluster"), chosen.text("user")
    if cluster_name not in merged["clusters"]:
        raise ConfigError(f"{where} has no cluster {cluster_name!r}; correct its context {wanted!r}.")
    if user_name and user_name not in merged["users"]:
        raise ConfigError(f"{where} has no user {user_name!r}; correct its context {wanted!r}.")
    cluster = Section(merged["clusters"][cluster_name], f"cluster {cluster_name!r} of {where}")
    user = Section(merged["users"].get(user_name), f"user {user_name!r} of {where}")
    base = os.path.dirname(os.path.abspath(origin.get(("clusters", cluster_name)) or "."))
    user_base = os.path.dirname(os.path.abspath(origin.get(("users", user_name)) or "."))
    if user.section("auth-provider").values:
        inline = None if paths else loaded[0][1]
        credentials: Credentials = AuthProvider(paths, inline, wanted, user_name, persist=persist)
    else:
        credentials = _credentials(user, user_base, user_name, cluster)
    ca, ca_source = _pem(cluster, "certificate-authority", base)
    proxy = cluster.text("proxy-url")
    return Settings(
        server=cluster.text("server"),
        ca=ca,
        verify=not cluster.flag("insecure-skip-tls-verify"),
        tls_server_name=cluster.text("tls-server-name") or None,
        proxy=proxy or None,
        headers=_impersonation(user),
        namespace=chosen.text("namespace") or None,
        credentials=credentials,
        source=where,
        server_source=where,
        ca_source=ca_source,
        proxy_source=f"proxy-url of {cluster.where}" if proxy else "",
    )


def _impersonation(user: Section) -> dict[str, str]:
    headers = {}
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if user.text(key):
            headers[header] = one_line(user.text(key), f"{key} of {user.where}")
    groups = [one_line(group, f"as-groups of {user.where}") for group in user.texts("as-groups")]
    if groups:
        headers["Impersonate-Group"] = "\n".join(groups)
    return headers


def _credentials(user: Section, base: str, name: str, cluster: Section) -> Credentials:
    cert, source = _pem(user, "client-certificate", base)
    key, _source = _pem(user, "client-key", base)
    if bool(cert) != bool(key):
        raise ConfigError(f"{user.where} has a client certificate or a key without the other; correct it.")
    pair = ClientPair(cert, key, source) if cert and key else None
    # The order is kubectl's: an inline token wins over a token file, both over a plugin.
    if user.text("token"):
        return Credentials(token=checked_token(user.text("token"), f"the token of {user.where}"), pair=pair)
    if user.text("tokenFile"):
        return TokenFile(os.path.join(base, user.text("tokenFile")), pair)
    if user.section("exec").values:
        return ExecPlugin(user.section("exec"), base, cluster.values, name)
    if user.text("username") and user.text("password"):
        return Credentials(basic=f"{user.text('username')}:{user.text('password')}", pair=pair)
    return Credentials(pair=pair)


def _pem(section: Section, name: str, base: str) -> tuple[bytes | None, str]:
    """The PEM text that is given as data or by a path, and what to call it."""
    data, path = section.text(f"{name}-data"), section.text(name)
    if data:
        what = f"{name}-data of {section.where}"
        try:
            return base64.b64decode(data, validate=True), what
        except (binascii.Error, ValueError) as exc:
            raise ConfigError(f"{what} is not base64; correct the file.") from exc
    if path:
        path = os.path.join(base, path)
        return read_file(path, f"the {name} of {section.where}:"), f"{name} of {section.where} ({path})"
    return None, ""
