# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import binascii
import json
import os
import typing as t
from dataclasses import dataclass, field

from .errors import ConfigError
from .options import effective_options

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

Json = dict[str, t.Any]


@dataclass
class ClientPair:
    """A client certificate and its key, as PEM text."""

    cert: bytes
    key: bytes


@dataclass
class Settings:
    """Everything that is needed to talk to one API server."""

    server: str
    ca: bytes | None = None
    verify: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    proxy_headers: dict[str, str] = field(default_factory=dict)
    namespace: str | None = None
    credentials: Credentials | None = None
    source: str = ""


class Credentials:
    """Who we are. Constant by default; kinds that can be renewed say so in refresh()."""

    def __init__(self, token: str | None = None, pair: ClientPair | None = None, basic: str | None = None) -> None:
        self._token = token
        self._pair = pair
        self._basic = basic

    def authorization(self) -> str | None:
        if self._token:
            return f"Bearer {self._token}"
        if self._basic:
            return f"Basic {base64.b64encode(self._basic.encode()).decode()}"
        return None

    def pair(self) -> ClientPair | None:
        return self._pair

    def known_pair(self) -> ClientPair | None:
        """The pair as far as it is known without asking anything."""
        return self._pair

    def refresh(self) -> bool:
        """Read the credentials anew after a 401; False if they can be no others than before."""
        return False


class TokenFile(Credentials):
    """A bearer token that something else keeps fresh in a file (in-cluster, projected volumes)."""

    def __init__(self, path: str, pair: ClientPair | None = None) -> None:
        super().__init__(pair=pair)
        self._path = path
        self._load()

    def _load(self) -> None:
        self._token = read_file(self._path, "the token file").decode("utf-8", "replace").strip()

    def refresh(self) -> bool:
        self._load()
        return True


class ExecPlugin(Credentials):
    """A credential plugin (client.authentication.k8s.io): run once, and once more after a 401."""

    def __init__(self, config: t.Mapping[str, t.Any], base: str, cluster: t.Mapping[str, t.Any], user: str) -> None:
        super().__init__()
        self._config = config
        self._base = base
        self._cluster = cluster
        self._user = user
        self._ran = False

    def _run(self) -> None:
        import subprocess  # only needed by those who use a plugin

        command = str(self._config.get("command") or "")
        if os.sep in command and not os.path.isabs(command):
            command = os.path.join(self._base, command)
        env = dict(os.environ)
        env.update({str(item["name"]): str(item["value"]) for item in self._config.get("env") or ()})
        version = str(self._config.get("apiVersion") or "client.authentication.k8s.io/v1")
        spec: Json = {"interactive": False}
        if self._config.get("provideClusterInfo"):
            spec["cluster"] = dict(self._cluster)
        env["KUBERNETES_EXEC_INFO"] = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
        what = f"the credential plugin {command!r} of user {self._user!r}"
        try:
            done = subprocess.run(
                [command, *(str(arg) for arg in self._config.get("args") or ())],
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
        except OSError as exc:
            hint = str(self._config.get("installHint") or "install it or use other credentials").strip()
            raise ConfigError(f"{what} cannot be run ({exc.strerror}); {hint}.") from exc
        except subprocess.TimeoutExpired as exc:
            raise ConfigError(f"{what} gave no answer within 60 s; run it by hand to see what it waits for.") from exc
        if done.returncode != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
            raise ConfigError(f"{what} failed with exit code {done.returncode} ({said}); run it by hand to mend it.")
        try:
            status = json.loads(done.stdout)["status"]
            self._token = status.get("token") or None
            if status.get("clientCertificateData"):
                self._pair = ClientPair(status["clientCertificateData"].encode(), status["clientKeyData"].encode())
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ConfigError(f"{what} did not print an ExecCredential with a status; update the plugin.") from exc
        self._ran = True

    def authorization(self) -> str | None:
        if not self._ran:
            self._run()
        return super().authorization()

    def pair(self) -> ClientPair | None:
        if not self._ran:
            self._run()
        return super().pair()

    def refresh(self) -> bool:
        self._run()
        return True


class Delegated(Credentials):
    """Auth providers (OIDC, GCP, ...): old and exotic, so the kubernetes package's own loader renews them."""

    def __init__(self, config: Json, context: str | None, persist: bool, path: str | None) -> None:
        super().__init__()
        self._args = (config, context, persist, path)
        self._header: str | None = None

    def _load(self) -> None:
        try:
            from kubernetes import client as k8s_client
            from kubernetes import config as k8s_config
        except ImportError as exc:
            raise ConfigError(
                "this kubeconfig uses an auth-provider, which needs the Python package kubernetes; "
                "install it, or use an exec credential plugin or a token."
            ) from exc
        config, context, persist, path = self._args
        target = k8s_client.Configuration()
        try:
            if path is not None:
                k8s_config.load_kube_config(path, context, target, persist_config=persist)
            else:
                k8s_config.load_kube_config_from_dict(config, context, target, persist_config=False)
        except Exception as exc:  # the package raises many kinds, each with a message of its own
            raise ConfigError(f"the auth-provider of this kubeconfig gave no credentials ({exc}).") from exc
        self._header = target.get_api_key_with_prefix("authorization")

    def authorization(self) -> str | None:
        if self._header is None:
            self._load()
        return self._header

    def refresh(self) -> bool:
        self._load()
        return True


def read_file(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as exc:
        raise ConfigError(f"{what} {path} cannot be read ({exc.strerror}); correct the path or its rights.") from exc


def load_settings(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Settings:
    """Find out where the API server is and who we are: options, environment, kubeconfig, in-cluster."""
    options = effective_options(params, environ)
    settings = _base_settings(options, environ)
    return _override(settings, options, environ)


def _base_settings(options: Json, environ: t.Mapping[str, str]) -> Settings:
    complete = ("host" in options) and (
        "api_key" in options
        or ("username" in options and "password" in options)
        or ("client_cert" in options and "client_key" in options)
    )
    if complete and "kubeconfig" not in options:
        return Settings(server="", source="the options")
    raw = options.get("kubeconfig")
    if isinstance(raw, dict):
        return from_kubeconfig([("", raw)], options.get("context"), bool(options.get("persist_config")))
    explicit = bool(raw)
    if raw:
        paths = [os.path.expanduser(os.path.expandvars(path)) for path in str(raw).split(os.pathsep) if path]
    elif environ.get("KUBECONFIG"):
        paths = [os.path.expanduser(path) for path in environ["KUBECONFIG"].split(os.pathsep) if path]
    else:
        paths = [os.path.expanduser("~/.kube/config")]
    present = [path for path in paths if os.path.exists(path)]
    if present:
        loaded = [(path, parse_kubeconfig(read_file(path, "the kubeconfig"), path)) for path in present]
        return from_kubeconfig(loaded, options.get("context"), bool(options.get("persist_config")))
    if explicit:
        raise ConfigError(f"the kubeconfig {paths[0]} does not exist; correct the path or create the cluster first.")
    inside = in_cluster(environ)
    if inside is not None:
        return inside
    if "host" in options:
        return Settings(server="", source="the options")
    raise ConfigError(
        f"no cluster is named: there is no kubeconfig at {os.pathsep.join(paths)}; "
        "set the option kubeconfig or the variable K8S_AUTH_KUBECONFIG."
    )


def in_cluster(environ: t.Mapping[str, str], root: str = SERVICE_ACCOUNT) -> Settings | None:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    token = os.path.join(root, "token")
    if not host or not port or not os.path.exists(token):
        return None
    namespace = os.path.join(root, "namespace")
    return Settings(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca=read_file(os.path.join(root, "ca.crt"), "the cluster's CA"),
        credentials=TokenFile(token),
        namespace=read_file(namespace, "the namespace file").decode().strip() if os.path.exists(namespace) else None,
        source="the pod's service account",
    )


def parse_kubeconfig(text: bytes, path: str) -> Json:
    parsed: t.Any
    try:
        if text.lstrip()[:1] == b"{":
            parsed = json.loads(text)
        else:
            try:
                import yaml
            except ImportError as exc:
                raise ConfigError("reading a kubeconfig needs the Python package PyYAML; install it.") from exc
            try:
                parsed = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            except yaml.YAMLError as exc:
                raise ConfigError(f"the kubeconfig {path} is not valid YAML; correct or replace the file.") from exc
    except ValueError as exc:
        raise ConfigError(f"the kubeconfig {path} is not valid JSON; correct or replace the file.") from exc
    if not isinstance(parsed, dict):
        raise ConfigError(f"the kubeconfig {path} holds no configuration; correct or replace the file.")
    return parsed


def merge_kubeconfigs(loaded: t.Sequence[tuple[str, Json]]) -> tuple[Json, dict[tuple[str, str], str]]:
    """As kubectl does: the first file that sets a value or defines a name wins. Also where each entry came from."""
    merged: Json = {"clusters": {}, "users": {}, "contexts": {}, "current-context": ""}
    origin: dict[tuple[str, str], str] = {}
    for path, config in loaded:
        if not merged["current-context"]:
            merged["current-context"] = config.get("current-context") or ""
        for section, leaf in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
            for entry in config.get(section) or ():
                if not isinstance(entry, dict) or "name" not in entry:
                    raise ConfigError(f"the kubeconfig {path} has an entry without a name in {section}; correct it.")
                name = str(entry["name"])
                if name not in merged[section]:
                    merged[section][name] = entry.get(leaf) or {}
                    origin[(section, name)] = path
    return merged, origin


def from_kubeconfig(loaded: t.Sequence[tuple[str, Json]], context: str | None, persist: bool = False) -> Settings:
    merged, origin = merge_kubeconfigs(loaded)
    where = os.pathsep.join(path for path, _config in loaded if path) or "given inline"
    wanted = context or merged["current-context"]
    if not wanted:
        raise ConfigError(f"the kubeconfig {where} has no current context; set the option context.")
    if wanted not in merged["contexts"]:
        known = ", ".join(sorted(merged["contexts"])) or "none"
        raise ConfigError(f"the kubeconfig {where} has no context {wanted!r}; it has: {known}.")
    chosen = merged["contexts"][wanted]
    cluster_name, user_name = str(chosen.get("cluster") or ""), str(chosen.get("user") or "")
    if cluster_name not in merged["clusters"]:
        raise ConfigError(f"the kubeconfig {where} has no cluster {cluster_name!r}; correct its context {wanted!r}.")
    cluster = merged["clusters"][cluster_name]
    user = merged["users"].get(user_name, {})
    if user_name and user_name not in merged["users"]:
        raise ConfigError(f"the kubeconfig {where} has no user {user_name!r}; correct its context {wanted!r}.")
    base = os.path.dirname(os.path.abspath(origin.get(("clusters", cluster_name), "") or "."))
    user_base = os.path.dirname(os.path.abspath(origin.get(("users", user_name), "") or "."))
    path = loaded[0][0] if len(loaded) == 1 and loaded[0][0] else None
    if user.get("auth-provider"):
        credentials: Credentials = Delegated(loaded[0][1], context, persist, path)
    else:
        credentials = _credentials(user, user_base, user_name, cluster)
    return Settings(
        server=str(cluster.get("server") or ""),
        ca=_pem(cluster, "certificate-authority", base, f"cluster {cluster_name!r}"),
        verify=not cluster.get("insecure-skip-tls-verify"),
        tls_server_name=cluster.get("tls-server-name") or None,
        proxy=cluster.get("proxy-url") or None,
        headers=_impersonation(user),
        namespace=chosen.get("namespace") or None,
        credentials=credentials,
        source=f"the kubeconfig {where}",
    )


def _impersonation(user: Json) -> dict[str, str]:
    headers = {}
    if user.get("as"):
        headers["Impersonate-User"] = str(user["as"])
    if user.get("as-groups"):
        headers["Impersonate-Group"] = "\n".join(str(group) for group in user["as-groups"])
    if user.get("as-uid"):
        headers["Impersonate-Uid"] = str(user["as-uid"])
    return headers


def _credentials(user: Json, base: str, name: str, cluster: Json) -> Credentials:
    cert = _pem(user, "client-certificate", base, f"user {name!r}")
    key = _pem(user, "client-key", base, f"user {name!r}")
    pair = ClientPair(cert, key) if cert and key else None
    # The order is kubectl's: an inline token wins over a token file, both over a plugin.
    if user.get("token"):
        return Credentials(token=str(user["token"]), pair=pair)
    if user.get("tokenFile"):
        return TokenFile(os.path.join(base, str(user["tokenFile"])), pair)
    if user.get("exec"):
        return ExecPlugin(user["exec"], base, cluster, name)
    if user.get("username") is not None and user.get("password") is not None:
        return Credentials(basic=f"{user['username']}:{user['password']}", pair=pair)
    return Credentials(pair=pair)


def _pem(section: Json, name: str, base: str, owner: str) -> bytes | None:
    data = section.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise ConfigError(f"{name}-data of {owner} in the kubeconfig is not base64; correct the file.") from exc
    path = section.get(name)
    return read_file(os.path.join(base, str(path)), f"the {name} of {owner}") if path else None


def _override(settings: Settings, options: Json, environ: t.Mapping[str, str]) -> Settings:
    if "host" in options:
        settings.server = str(options["host"])
    if not settings.server:
        raise ConfigError(f"{settings.source} names no server; set the option host.")
    if "://" not in settings.server:
        settings.server = f"https://{settings.server}"
    if "validate_certs" in options:
        settings.verify = bool(options["validate_certs"])
    if "ca_cert" in options:
        settings.ca = read_file(os.path.expanduser(str(options["ca_cert"])), "the CA certificate")
    pair = settings.credentials.known_pair() if settings.credentials and "client_cert" not in options else None
    if "client_cert" in options:
        cert = read_file(os.path.expanduser(str(options["client_cert"])), "the client certificate")
        key_path = str(options.get("client_key") or options["client_cert"])
        pair = ClientPair(cert, read_file(os.path.expanduser(key_path), "the client key"))
    if "api_key" in options:
        settings.credentials = Credentials(token=str(options["api_key"]), pair=pair)
    elif "username" in options and "password" in options:
        settings.credentials = Credentials(basic=f"{options['username']}:{options['password']}", pair=pair)
    elif "client_cert" in options:
        settings.credentials = Credentials(pair=pair)
    if settings.credentials is None:
        settings.credentials = Credentials()
    if "impersonate_user" in options:
        settings.headers["Impersonate-User"] = str(options["impersonate_user"])
    if "impersonate_groups" in options:
        settings.headers["Impersonate-Group"] = "\n".join(str(group) for group in options["impersonate_groups"])
    if "proxy_headers.user_agent" in options:
        settings.headers["User-Agent"] = str(options["proxy_headers.user_agent"])
    if "proxy_headers.basic_auth" in options:
        value = base64.b64encode(str(options["proxy_headers.basic_auth"]).encode()).decode()
        settings.headers["Authorization"] = f"Basic {value}"
    if "proxy_headers.proxy_basic_auth" in options:
        value = base64.b64encode(str(options["proxy_headers.proxy_basic_auth"]).encode()).decode()
        settings.proxy_headers["Proxy-Authorization"] = f"Basic {value}"
    settings.proxy = choose_proxy(settings, options, environ)
    return settings


def choose_proxy(settings: Settings, options: Json, environ: t.Mapping[str, str]) -> str | None:
    """The proxy for the API server: option, kubeconfig, then the environment as every client reads it."""
    from urllib.parse import urlsplit

    target = urlsplit(settings.server)
    no_proxy = str(options.get("no_proxy") or environ.get("NO_PROXY") or environ.get("no_proxy") or "")
    if "proxy" in options:
        return None if bypasses(target.hostname or "", no_proxy) else str(options["proxy"])
    if settings.proxy:
        return settings.proxy
    name = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
    proxy = environ.get(name) or environ.get(name.lower())
    if not proxy or bypasses(target.hostname or "", no_proxy):
        return None
    return proxy


def bypasses(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY covers the host: names, suffixes, addresses and CIDR ranges; loopback always."""
    import ipaddress

    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address | None = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for item in (part.strip() for part in no_proxy.split(",")):
        if not item:
            continue
        if item == "*":
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(item, strict=False):
                    return True
            except ValueError:
                continue
        elif host == item.lstrip("*.") or host.endswith("." + item.lstrip("*.")):
            return True
    return False
