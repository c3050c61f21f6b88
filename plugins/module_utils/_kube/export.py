# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's settings as a kubeconfig, for a program that has to reach the same API server as the same user."""

from __future__ import annotations

import base64
import typing as t

from .settings import Settings

Json = dict[str, t.Any]

NAME = "mesh-workshop"
# What a kubeconfig can say of a request's headers (client-go, clientcmd/api/v1).
_IMPERSONATION = {"Impersonate-User": "as", "Impersonate-Uid": "as-uid"}


def kubeconfig_of(settings: Settings) -> Json | None:
    """The settings as a kubeconfig with everything inside; None where they hold what a kubeconfig cannot say.

    It contains the credentials: whoever writes it down has to keep it secret.
    """
    user = _user(settings)
    if user is None or settings.proxy_headers:
        return None
    cluster: Json = {"server": settings.server}
    if not settings.verify:
        cluster["insecure-skip-tls-verify"] = True
    elif settings.ca:
        cluster["certificate-authority-data"] = _encoded(settings.ca)
    if settings.tls_server_name:
        cluster["tls-server-name"] = settings.tls_server_name
    if settings.proxy:
        cluster["proxy-url"] = settings.proxy
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    }


def _user(settings: Settings) -> Json | None:
    user: Json = {}
    for header, value in settings.headers.items():
        if header == "Authorization":
            return None
        if header == "Impersonate-Group":
            user["as-groups"] = value.split("\n")
        elif header in _IMPERSONATION:
            user[_IMPERSONATION[header]] = value
    if settings.credentials is None:
        return user
    scheme, _blank, value = (settings.credentials.authorization() or "").partition(" ")
    if scheme == "Bearer":
        user["token"] = value
    elif scheme == "Basic":
        user["username"], _colon, user["password"] = base64.b64decode(value).decode().partition(":")
    elif scheme:
        return None
    pair = settings.credentials.pair()
    if pair is not None:
        user["client-certificate-data"] = _encoded(pair.cert)
        user["client-key-data"] = _encoded(pair.key)
    return user


def _encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()
