# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout


@pytest.mark.parametrize("name", ["a", "dev", "mesh-workshop", "a1", "1", "x" * 32])
def test_names_that_can_be_used(name: str) -> None:
    assert Layout(name).data == Path("/var/lib/mesh-workshop") / name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a/b", "..", "x" * 33, "a b", "a\n"])
def test_names_that_cannot(name: str) -> None:
    with pytest.raises(EmbeddedError, match="cannot be used") as error:
        Layout(name)
    assert str(error.value).count(". ") == 0


def test_links_fit_the_kernel_and_differ() -> None:
    names = ["a", "dev", "mesh-workshop", "mesh-workshop-2", "mesh-workshop-test", "x" * 32, "x" * 31]
    links = [Layout(name).link for name in names]
    assert all(len(link) <= 15 for link in links)
    assert len(set(links)) == len(names)
    assert Layout("dev").link == "mw-dev"


def test_what_belongs_to_a_cluster_lies_in_its_own_folders() -> None:
    layout = Layout("dev", data_root=Path("/d"), run_root=Path("/r"), cache=Path("/c"))
    for path in (layout.settings, layout.upper, layout.programs, layout.volumes, layout.admin_kubeconfig):
        assert Path("/d/dev") in path.parents
    assert Path("/r/dev") in layout.runc_root.parents
    assert Path("/c") in layout.store.parents
    assert layout.cgroup("node") == "/mesh-workshop/dev/node"
