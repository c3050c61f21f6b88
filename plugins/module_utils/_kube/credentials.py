# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are, for one API server."""

from __future__ import annotations

import base64
import json
import os
import typing as t
from dataclasses import dataclass

from .errors import ConfigError
from .values import Section, checked_token, read_file

_PLUGIN_TIMEOUT = 60.0  # seconds
# What a plugin is told of the cluster (client.authentication.k8s.io/v1, Cluster).
_CLUSTER_FIELDS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
    "disable-compression",
)
_CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"


@dataclass
class ClientPair:
    """A client certificate and its key, as PEM text. `source` says in words where they came from."""

    cert: bytes
    key: bytes
    source: str = ""


class Credentials:
    """Constant credentials. Kinds that can be renewed override refresh()."""

    def __init__(self, token: str | None = None, pair: ClientPair | None = None, basic: str | None = None) -> None:
        self._token = token
        self._pair = pair
        self._basic = basic

    def authorization(self) -> str | None:
        """The value of the header Authorization. Raises ConfigError if there should be one and is not."""
        if self._token:
            return f"Bearer {self._token}"
        if self._basic:
            return f"Basic {base64.b64encode(self._basic.encode()).decode()}"
        return None

    def pair(self) -> ClientPair | None:
        return self._pair

    def refresh(self) -> bool:
        """Read the credentials anew after a 401; False if they cannot have changed."""
        return False


class TokenFile(Credentials):
    """A bearer token that something else keeps fresh in a file (in-cluster, projected volumes)."""

    def __init__(self, path: str, pair: ClientPair | None = None) -> None:
        super().__init__(pair=pair)
        self._path = path
        self._load()

    def _load(self) -> None:
        text = read_file(self._path, "the token file").decode("utf-8", "replace").strip()
        self._token = checked_token(text, f"the token in {self._path}")

    def refresh(self) -> bool:
        self._load()
        return True


class ExecPlugin(Credentials):
    """A credential plugin (client.authentication.k8s.io): run once, and once more after a 401."""

    def __init__(self, plugin: Section, base: str, cluster: t.Mapping[str, t.Any], user: str) -> None:
        """`base` is the folder that a relative command starts from. Raises ConfigError for what cannot be run."""
        super().__init__()
        command = plugin.text("command")
        if not command:
            raise ConfigError(f"{plugin.where} names no command; correct it.")
        if os.sep in command and not os.path.isabs(command):
            command = os.path.join(base, command)
        self._command = [command, *plugin.texts("args")]
        self._environ: dict[str, str] = {}
        for number, item in enumerate(plugin.items("env"), 1):
            entry = Section(item, f"entry {number} of env of {plugin.where}")
            name = entry.text("name")
            if not name or "=" in name:
                raise ConfigError(f"{entry.where} has no name that a variable can have; correct it.")
            self._environ[name] = entry.text("value")
        if any("\0" in text for text in (*self._command, *self._environ, *self._environ.values())):
            raise ConfigError(f"{plugin.where} contains a zero byte, which no command can be given; remove it.")
        version = plugin.text("apiVersion") or "client.authentication.k8s.io/v1"
        spec: dict[str, t.Any] = {"interactive": False}
        if plugin.flag("provideClusterInfo"):
            spec["cluster"] = _cluster_info(cluster)
        try:
            self._info = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
        except (TypeError, ValueError, RecursionError) as exc:
            raise ConfigError(
                f"the cluster of {plugin.where} contains something that is not JSON; correct it."
            ) from exc
        self._hint = " ".join(plugin.text("installHint").split()) or "install it or use other credentials"
        self._what = f"the credential plugin {command!r} of user {user!r}"
        self._ran = False

    def _run(self) -> None:
        import subprocess  # only those who use a plugin need it

        try:
            done = subprocess.run(
                self._command,
                env={**os.environ, **self._environ, "KUBERNETES_EXEC_INFO": self._info},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PLUGIN_TIMEOUT,
                check=False,
            )
        except OSError as exc:
            raise ConfigError(f"{self._what} cannot be run ({exc.strerror}); {self._hint}.") from exc
        except subprocess.TimeoutExpired as exc:
            text = f"{self._what} gave no answer within {_PLUGIN_TIMEOUT:g} s; run it by hand to see what it waits for."
            raise ConfigError(text) from exc
        if done.returncode != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
            raise ConfigError(
                f"{self._what} failed with exit code {done.returncode} ({said}); run it by hand to see what is wrong."
            )
        self._read(done.stdout)
        self._ran = True

    def _read(self, printed: bytes) -> None:
        try:
            status = Section(json.loads(printed), "its output").section("status")
        except (ValueError, RecursionError, ConfigError) as exc:
            raise ConfigError(
                f"{self._what} did not print an ExecCredential with a status; update the plugin."
            ) from exc
        try:
            token, cert = status.text("token"), status.text("clientCertificateData")
            key = status.text("clientKeyData")
        except ConfigError as exc:
            raise ConfigError(f"{self._what} printed something other than an ExecCredential ({exc.message})") from exc
        if bool(cert) != bool(key):
            raise ConfigError(f"{self._what} printed a certificate or a key without the other; update the plugin.")
        if not token and not cert:
            raise ConfigError(
                f"{self._what} printed neither a token nor a certificate; run it by hand, and log in where it says so."
            )
        self._token = checked_token(token, f"the token of {self._what}") if token else None
        self._pair = ClientPair(cert.encode(), key.encode(), self._what) if cert else None

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


def _cluster_info(cluster: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    info = {name: cluster[name] for name in _CLUSTER_FIELDS if name in cluster}
    for extension in cluster.get("extensions") or ():
        if isinstance(extension, dict) and extension.get("name") == _CLUSTER_EXTENSION:
            info["config"] = extension.get("extension")
    return info


class AuthProvider(Credentials):
    """An auth-provider (OIDC, GCP): the package kubernetes reads and renews its token.

    `paths` are the kubeconfig's files, or `inline` is its content. `persist`: renewed tokens are written back to the
    file that the user is from.
    """

    def __init__(
        self, paths: t.Sequence[str], inline: dict[str, t.Any] | None, context: str, user: str, *, persist: bool
    ) -> None:
        super().__init__()
        self._paths = list(paths)
        self._inline = inline
        self._context = context
        self._persist = persist
        self._what = f"the auth-provider of user {user!r}"
        self._header: str | None = None

    def _load(self) -> str:
        # Slow to import (0.2 s), and only those who have an auth-provider need it.
        try:
            from kubernetes import client as k8s_client
            from kubernetes import config as k8s_config
        except ImportError as exc:
            text = f"{self._what} needs the Python package kubernetes; install it, or use an exec plugin or a token."
            raise ConfigError(text) from exc
        target = k8s_client.Configuration()
        try:
            if self._inline is None:
                files = os.pathsep.join(self._paths)
                k8s_config.load_kube_config(files, self._context, target, persist_config=self._persist)
            else:
                k8s_config.load_kube_config_from_dict(self._inline, self._context, target, persist_config=False)
            # Before version 36 of the package the name was "authorization".
            header = target.get_api_key_with_prefix("BearerToken", "authorization")
        except Exception as exc:  # the package raises many kinds, whose messages may hold what is secret
            text = f"{self._what} gave no credentials ({type(exc).__name__}); log in with kubectl, or use a token."
            raise ConfigError(text) from exc
        scheme, _blank, token = str(header or "").partition(" ")
        if not token:
            raise ConfigError(f"{self._what} gave no token; log in with kubectl, or use an exec plugin or a token.")
        return f"{scheme} {checked_token(token, f'the token of {self._what}')}"

    def authorization(self) -> str | None:
        if self._header is None:
            self._header = self._load()
        return self._header

    def refresh(self) -> bool:
        self._header = self._load()
        return True
