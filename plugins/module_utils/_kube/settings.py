# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of one API server and of the user that talks to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .credentials import Credentials


@dataclass
class Settings:
    """Everything that is needed to talk to one API server.

    `source` and the fields that end in `_source` say in words where a value came from, for messages.
    Values of `headers` are single lines; of Impersonate-Group, one group a line.
    """

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
    server_source: str = ""
    ca_source: str = ""
    proxy_source: str = ""
