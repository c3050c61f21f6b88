# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs: reading the administrator's, and writing the user's."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import os
import re
from pathlib import Path

from ..host import files
from ..layout import EmbeddedError, Layout
from .desired import Request
from .settings import Settings

_CREDENTIAL = re.compile(r"^\s*(certificate-authority-data|client-certificate-data|client-key-data):\s*(\S+)\s*$", re.M)


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Authority, client certificate and client key of a kubeconfig, in PEM."""

    authority: bytes
    certificate: bytes
    key: bytes


def credentials(kubeconfig: str) -> Credentials:
    """Read a kubeconfig that kubeadm wrote; its fixed form needs no YAML parser. Raises EmbeddedError."""
    found = dict(_CREDENTIAL.findall(kubeconfig))
    try:
        return Credentials(
            authority=base64.b64decode(found["certificate-authority-data"], validate=True),
            certificate=base64.b64decode(found["client-certificate-data"], validate=True),
            key=base64.b64decode(found["client-key-data"], validate=True),
        )
    except (KeyError, binascii.Error) as exc:
        raise EmbeddedError(
            "A kubeconfig of the cluster's administrator is incomplete: tear the cluster down and set it up anew."
        ) from exc


def user_kubeconfig(admin: str, name: str, server: str) -> str:
    """The administrator's kubeconfig with the cluster's own names, for the user.

    The server's certificate is verified for the name `kubernetes`, which it has whatever the address. So the same file
    works through a published address too.
    """
    found = credentials(admin)
    authority, certificate, key = (
        base64.b64encode(part).decode() for part in (found.authority, found.certificate, found.key)
    )
    return f"""\
apiVersion: v1
kind: Config
current-context: {name}
clusters:
  - name: {name}
    cluster:
      certificate-authority-data: {authority}
      server: {server}
      tls-server-name: kubernetes
contexts:
  - name: {name}
    context:
      cluster: {name}
      user: {name}
users:
  - name: {name}
    user:
      client-certificate-data: {certificate}
      client-key-data: {key}
"""


class KubeconfigFile:
    """The user's kubeconfig of one cluster."""

    def __init__(self, layout: Layout, request: Request, settings: Settings) -> None:
        self._layout = layout
        self._request = request
        self._settings = settings

    def _text(self) -> str | None:
        admin = files.read(self._layout.admin_kubeconfig)
        if admin is None:
            return None
        return user_kubeconfig(admin, self._layout.name, f"https://{self._settings.veth.node_address}:6443")

    def is_written(self) -> bool:
        """Whether the file is as wanted: content, mode 0600 and owner; true where none is wanted."""
        request = self._request
        if not request.kubeconfig:
            return True
        path = Path(request.kubeconfig)
        try:
            status = path.stat()
            current = path.read_text()
        except OSError:
            return False
        return (
            current == self._text()
            and status.st_mode & 0o777 == 0o600
            and (status.st_uid, status.st_gid) == (request.kubeconfig_owner, request.kubeconfig_group)
        )

    def write(self) -> None:
        """Write the file. Raises EmbeddedError where another cluster's kubeconfig is in its place."""
        request = self._request
        text = self._text()
        if not request.kubeconfig or text is None:
            return
        path = Path(request.kubeconfig)
        current = files.read(path)
        if current is not None and not self._is_own(current):
            raise EmbeddedError(
                f"The file {path} exists and is not the kubeconfig of cluster {self._layout.name}: "
                "move it away, or name another file with cluster_kubeconfig."
            )
        made = [parent for parent in path.parents if not parent.exists()]
        files.write(path, text, 0o600)
        for created in [path, *made]:
            os.chown(created, request.kubeconfig_owner, request.kubeconfig_group, follow_symlinks=False)
        for directory in made:
            directory.chmod(0o700)
        self._settings.save(kubeconfig=str(path))

    def own(self) -> list[Path]:
        """The kubeconfigs that setup wrote and that are still about this cluster."""
        named = {str(self._settings.load().get("kubeconfig", "")), self._request.kubeconfig} - {""}
        return [path for path in map(Path, sorted(named)) if self._is_own(files.read(path) or "")]

    def _is_own(self, text: str) -> bool:
        return f"current-context: {self._layout.name}\n" in text and "tls-server-name: kubernetes" in text
