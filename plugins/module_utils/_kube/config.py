# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the API server is and who we are: options, environment, kubeconfig, the pod's service account."""

from __future__ import annotations

import base64
import functools
import os
import typing as t

from .address import choose_proxy, proxy_address, server_address
from .credentials import ClientPair, Credentials, TokenFile
from .errors import ConfigError
from .kubeconfig import from_kubeconfig, parse_kubeconfig
from .options import effective_options, option_label
from .settings import Settings
from .values import checked_token, encodable, expanded, kind_of, one_line, read_file

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

Json = dict[str, t.Any]
Label = t.Callable[[str], str]  # what to call an option in messages


def load_settings(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Settings:
    """Everything that is needed to connect, from a module's options and the environment.

    Raises ConfigError for whatever is not fit to be used, and names it. What is secret is never shown.
    """
    options = effective_options(params, environ)
    label: Label = functools.partial(option_label, params=params)
    _check_credentials(options, label)
    settings = _base_settings(options, environ, label)
    return _override(settings, options, environ, label)


def _check_credentials(options: Json, label: Label) -> None:
    """Refuse options that contradict each other or have no effect."""
    if ("username" in options) != ("password" in options):
        there, lacking = ("username", "password") if "username" in options else ("password", "username")
        raise ConfigError(f"{label(there)} is set without {lacking}; set both or neither.")
    if "client_key" in options and "client_cert" not in options:
        raise ConfigError(f"{label('client_key')} is set without client_cert; set both or neither.")
    ways = [name for name in ("client_cert", "api_key", "username") if name in options]
    if len(ways) > 1:
        # The API server looks at the certificate first: with a valid one it would not notice that the token is wrong.
        first, second = label(ways[0]), label(ways[1])
        raise ConfigError(f"{first} and {second} are both set, and only one of them would be used; leave one out.")


def _base_settings(options: Json, environ: t.Mapping[str, str], label: Label) -> Settings:
    complete = ("host" in options) and (
        "api_key" in options or "username" in options or ("client_cert" in options and "client_key" in options)
    )
    if complete and "kubeconfig" not in options:
        return Settings(server="", source="the options")
    raw = options.get("kubeconfig")
    persist = bool(options.get("persist_config"))
    if isinstance(raw, dict):
        return from_kubeconfig([("", raw)], options.get("context"), persist)
    if raw is not None and not isinstance(raw, str):
        raise ConfigError(f"{label('kubeconfig')} is {kind_of(raw)}; give a path or the content as a dictionary.")
    if raw:
        paths = _paths(os.path.expandvars(raw))
    else:
        paths = _paths(environ.get("KUBECONFIG") or "") or [expanded("~/.kube/config")]
    present = [path for path in paths if os.path.exists(path)]
    if present:
        loaded = [(path, parse_kubeconfig(read_file(path, "the kubeconfig"), path)) for path in present]
        return from_kubeconfig(loaded, options.get("context"), persist)
    if raw:
        text = (
            f"the kubeconfig {paths[0] if paths else raw} does not exist; correct the path or create the cluster first."
        )
        raise ConfigError(text)
    inside = in_cluster(environ)
    if inside is not None:
        return inside
    if "host" in options:
        return Settings(server="", source="the options")
    raise ConfigError(
        f"no cluster is named: there is no kubeconfig at {os.pathsep.join(paths)}; "
        "set the option kubeconfig or the variable K8S_AUTH_KUBECONFIG."
    )


def _paths(text: str) -> list[str]:
    return [expanded(path) for path in text.split(os.pathsep) if path]


def in_cluster(environ: t.Mapping[str, str], root: str = SERVICE_ACCOUNT) -> Settings | None:
    """The settings of a pod's service account; None outside of a pod."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    token = os.path.join(root, "token")
    if not host or not port or not os.path.exists(token):
        return None
    namespace, ca = os.path.join(root, "namespace"), os.path.join(root, "ca.crt")
    told = read_file(namespace, "the namespace file") if os.path.exists(namespace) else b""
    return Settings(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca=read_file(ca, "the cluster's CA"),
        credentials=TokenFile(token),
        namespace=told.decode("utf-8", "replace").strip() or None,
        source="the pod's service account",
        server_source="KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
        ca_source=ca,
    )


def _override(settings: Settings, options: Json, environ: t.Mapping[str, str], label: Label) -> Settings:
    if "host" in options:
        settings.server, settings.server_source = str(options["host"]), label("host")
    if not settings.server:
        raise ConfigError(f"{settings.source} names no server; set the option host.")
    if "://" not in settings.server:
        settings.server = f"https://{settings.server}"
    server = server_address(settings.server, settings.server_source)
    if "validate_certs" in options:
        settings.verify = bool(options["validate_certs"])
    if "ca_cert" in options:
        path = expanded(str(options["ca_cert"]))
        settings.ca, settings.ca_source = read_file(path, "the CA certificate"), f"{label('ca_cert')} ({path})"
    settings.credentials = _own_credentials(options, label) or settings.credentials or Credentials()
    if "impersonate_user" in options:
        settings.headers["Impersonate-User"] = one_line(str(options["impersonate_user"]), label("impersonate_user"))
    if "impersonate_groups" in options:
        groups = [one_line(str(group), label("impersonate_groups")) for group in options["impersonate_groups"]]
        settings.headers["Impersonate-Group"] = "\n".join(groups)
    if "proxy_headers.user_agent" in options:
        name = "proxy_headers.user_agent"
        settings.headers["User-Agent"] = one_line(str(options[name]), label(name))
    for name, headers, header in (
        ("proxy_headers.basic_auth", settings.headers, "Authorization"),
        ("proxy_headers.proxy_basic_auth", settings.proxy_headers, "Proxy-Authorization"),
    ):
        if name in options:
            value = base64.b64encode(encodable(str(options[name]), label(name)).encode()).decode()
            headers[header] = f"Basic {value}"
    wanted = (str(options["proxy"]), label("proxy")) if "proxy" in options else None
    own = (settings.proxy, settings.proxy_source) if settings.proxy else None
    no_proxy = str(options.get("no_proxy") or environ.get("NO_PROXY") or environ.get("no_proxy") or "")
    if wanted is not None:
        proxy_address(*wanted)
    chosen = choose_proxy(server, wanted, own, no_proxy, environ)
    settings.proxy, settings.proxy_source = chosen or (None, "")
    if settings.proxy:
        proxy = proxy_address(settings.proxy, settings.proxy_source)
        if proxy.secure and not server.secure:
            raise ConfigError(
                f"{settings.proxy_source} is an https proxy, which leads to https servers only; use another."
            )
    return settings


def _own_credentials(options: Json, label: Label) -> Credentials | None:
    """Those that the options give. They replace the kubeconfig's, the certificate with them."""
    if "api_key" in options:
        return Credentials(token=checked_token(str(options["api_key"]), label("api_key")))
    if "username" in options:
        pair = f"{options['username']}:{options['password']}"
        return Credentials(basic=encodable(pair, f"{label('username')} or {label('password')}"))
    if "client_cert" in options:
        path = expanded(str(options["client_cert"]))
        key_path = expanded(str(options.get("client_key") or options["client_cert"]))
        cert, key = read_file(path, "the client certificate"), read_file(key_path, "the client key")
        return Credentials(pair=ClientPair(cert, key, f"{label('client_cert')} ({path})"))
    return None
