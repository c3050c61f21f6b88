# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client for the embedded cluster's API server, with the administrator's credentials from the node's disk.

The collection's own client needs a kubeconfig and a server that answers; this one works before there are either.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import typing as t

from ..layout import API_PORT, EmbeddedError, Layout
from . import kubeconfig

Document = dict[str, t.Any]
_TRIES = 3


class Api:
    """One connection, kept open. Failures to get an answer are reported as None, never raised."""

    def __init__(self, layout: Layout, address: str, *, timeout: float = 5.0) -> None:
        self._layout = layout
        self._address = address
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def _connect(self) -> http.client.HTTPSConnection:
        # This administrator has all rights from the start, by no object that may be missing.
        found = kubeconfig.credentials((self._layout.volumes / "kubernetes" / "super-admin.conf").read_text())
        context = ssl.create_default_context(cadata=found.authority.decode())
        descriptor = os.memfd_create("mesh-workshop")
        try:
            # The ssl module reads keys only from files, and this file is on no disk.
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
        """The object at a path, or None where there is none or several tries got no answer (a busy server)."""
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
        """The items of a list; empty where it cannot be read."""
        answer = self.get(path)
        return [] if answer is None else t.cast("list[Document]", answer.get("items") or [])

    def ready(self) -> bool:
        """Whether the API server calls itself ready."""
        return self.request("GET", "/readyz")[0] == 200

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
