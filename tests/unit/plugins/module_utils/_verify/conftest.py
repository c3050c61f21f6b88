# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of checks share."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Cluster
from ansible_collections.mesh.workshop.tests.unit.servers import Site


@pytest.fixture
def cluster(site: Site) -> Cluster:
    """A cluster whose one site claims to be of version v1."""
    one = Cluster()
    site.pages(lambda request, number: (one.agents.append(request.headers["user-agent"]), "v1")[1])
    return one
