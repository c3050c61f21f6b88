# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at the API server of the embedded cluster, by the administrator's file that lies on its disk.

The collection's client starts from a kubeconfig and a server that answers; this one is for the time before that.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import typing as t

from . import kubeadm
from .layout import API_PORT, EmbeddedError, Layout

Document = dict[str, t.Any]
_TRIES = 3


class Api:
    """One connection, kept open; every failure to get an answer is the answer None."""

    def __init__(self, layout: Layout, address: str, *, timeout: float = 5.0) -> None:
        self._layout = layout
        self._address = address
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def _connect(self) -> http.client.HTTPSConnection:
        # The one administrator who has all rights from the start, and not by an object that may be missing.
        found = kubeadm.credentials((self._layout.volumes / "kubernetes" / "super-admin.conf").read_text())
        context = ssl.create_default_context(cadata=found.authority.decode())
        descriptor = os.memfd_create("mesh-workshop")
        try:
            # The ssl module reads keys from files only; this one is on no disk.
            os.write(descriptor, found.certificate + b"\n" + found.key)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return http.client.HTTPSConnection(self._address, API_PORT, timeout=self._timeout, context=context)

    def request(
        self, method: str, path: str, body: Document | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Status and body; status 0 when there was no answer."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            payload = None if body is None else json.dumps(body).encode()
            headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if payload else {})
            self._connection.request(method, path, body=payload, headers=headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, ValueError, EmbeddedError, http.client.HTTPException):
            self.close()
            return 0, b""

    def get(self, path: str) -> Document | None:
        """The object; None if there is none, or no answer to several tries: a busy server is no missing object."""
        for _try in range(_TRIES):
            status, body = self.request("GET", path)
            if status in (200, 404):
                break
        if status != 200:
            return None
        try:
            answer = json.loads(body)
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def items(self, path: str) -> list[Document]:
        answer = self.get(path)
        return [] if answer is None else t.cast("list[Document]", answer.get("items") or [])

    def ready(self) -> bool:
        return self.request("GET", "/readyz")[0] == 200

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
