# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings


def test_settings_verify_the_server_and_share_nothing() -> None:
    one, two = Settings(server="https://a"), Settings(server="https://b")
    one.headers["X"] = "1"
    one.proxy_headers["X"] = "1"
    assert two.verify
    assert (two.headers, two.proxy_headers) == ({}, {})
