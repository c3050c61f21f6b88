# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import programs

PROGRAMS = {"kubectl": "/c/kubernetes/kubectl", "istioctl": "/c/istio/istioctl"}


def test_programs_are_links_that_follow_the_versions(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    assert not programs.offered(folder, PROGRAMS)
    programs.offer(folder, PROGRAMS)
    assert programs.offered(folder, PROGRAMS)
    kubectl = folder / "kubectl"
    assert str(kubectl.readlink()) == "/c/kubernetes/kubectl"
    kubectl.unlink()
    kubectl.symlink_to("/c/older/kubectl")
    assert not programs.offered(folder, PROGRAMS)
    programs.offer(folder, PROGRAMS)
    assert programs.offered(folder, PROGRAMS)


def test_under_a_strict_umask_users_still_reach_them(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        programs.offer(tmp_path / "bin", PROGRAMS)
    finally:
        os.umask(before)
    assert (tmp_path / "bin").stat().st_mode & 0o777 == 0o755
