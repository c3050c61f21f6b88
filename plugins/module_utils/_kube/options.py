# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

# Names, aliases and environment variables are those of kubernetes.core, so that
# module_defaults and environments written for it go on working. What the
# documentation says of them is in plugins/doc_fragments/auth.py; a unit test
# keeps the two equal.
PROXY_HEADERS_SPEC: dict[str, dict[str, t.Any]] = {
    "proxy_basic_auth": {"type": "str", "no_log": True},
    "basic_auth": {"type": "str", "no_log": True},
    "user_agent": {"type": "str"},
}

AUTH_ARG_SPEC: dict[str, dict[str, t.Any]] = {
    "kubeconfig": {"type": "raw"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "proxy_headers": {"type": "dict", "options": PROXY_HEADERS_SPEC},
    "persist_config": {"type": "bool"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}

ENVIRONMENT: dict[str, str] = {
    "kubeconfig": "K8S_AUTH_KUBECONFIG",
    "context": "K8S_AUTH_CONTEXT",
    "host": "K8S_AUTH_HOST",
    "api_key": "K8S_AUTH_API_KEY",
    "username": "K8S_AUTH_USERNAME",
    "password": "K8S_AUTH_PASSWORD",
    "validate_certs": "K8S_AUTH_VERIFY_SSL",
    "ca_cert": "K8S_AUTH_SSL_CA_CERT",
    "client_cert": "K8S_AUTH_CERT_FILE",
    "client_key": "K8S_AUTH_KEY_FILE",
    "proxy": "K8S_AUTH_PROXY",
    "no_proxy": "K8S_AUTH_NO_PROXY",
    "proxy_headers.proxy_basic_auth": "K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH",
    "proxy_headers.basic_auth": "K8S_AUTH_PROXY_HEADERS_BASIC_AUTH",
    "proxy_headers.user_agent": "K8S_AUTH_PROXY_HEADERS_USER_AGENT",
    "persist_config": "K8S_AUTH_PERSIST_CONFIG",
    "impersonate_user": "K8S_AUTH_IMPERSONATE_USER",
    "impersonate_groups": "K8S_AUTH_IMPERSONATE_GROUPS",
}

_FALSE = frozenset(("0", "false", "no", "off", "n", "f"))


def effective_options(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The auth options with the environment filled in; an option that is set wins over its variable."""
    found: dict[str, t.Any] = {}
    for name, variable in ENVIRONMENT.items():
        head, dot, leaf = name.partition(".")
        value = params.get(head)
        if dot:
            value = (value or {}).get(leaf) if isinstance(value, dict) else None
        if value is None and variable in environ:
            text = environ[variable]
            if name in ("validate_certs", "persist_config"):
                value = text.strip().lower() not in _FALSE
            elif name == "impersonate_groups":
                value = [group for group in text.split(",") if group]
            else:
                value = text
        if value not in (None, ""):
            found[name] = value
    return found


def option_label(name: str, params: t.Mapping[str, t.Any]) -> str:
    """What to call an effective option in messages: by its name where it is set, else by its variable."""
    head, _dot, leaf = name.partition(".")
    value = params.get(head)
    if leaf:
        value = value.get(leaf) if isinstance(value, dict) else None
    return f"the variable {ENVIRONMENT[name]}" if value is None else f"the option {name}"
