# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.objects import is_of


@pytest.mark.parametrize(
    ("name", "labels", "workload", "owned"),
    [
        ("reviews-v1-779579b57c-62f9n", {"app": "reviews", "pod-template-hash": "779579b57c"}, "reviews", True),
        ("reviews-v1-779579b57c-62f9n", {"app": "reviews", "pod-template-hash": "779579b57c"}, "reviews-v1", True),
        ("reviews-canary-779579b57c-62f9n", {"pod-template-hash": "779579b57c"}, "reviews", False),
        ("reviews-canary-779579b57c-62f9n", {"pod-template-hash": "779579b57c"}, "reviews-canary", True),
        ("database-0", {}, "database", True),
        ("database-0", {}, "data", False),
    ],
)
def test_a_pod_is_of_the_workload_that_made_it(name: str, labels: dict[str, str], workload: str, owned: bool) -> None:
    assert is_of({"metadata": {"name": name, "labels": labels}}, workload) is owned
