# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.types import port_of


@pytest.mark.parametrize(
    ("url", "port"), [("http://a/", 80), ("https://a/", 443), ("grpcs://a/b/c", 443), ("http://[::1]:8080/", 8080)]
)
def test_the_port_that_a_url_names_or_means(url: str, port: int) -> None:
    assert port_of(url) == port
