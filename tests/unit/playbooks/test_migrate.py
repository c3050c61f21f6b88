# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.mesh import workshop as collection

GATEWAY = "apiVersion: networking.istio.io/v1alpha3\nkind: Gateway\nmetadata: {name: a}\nspec: {}\n"


def test_paths_are_meant_from_where_the_user_is(tmp_path: Path) -> None:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2]),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        "PWD": str(tmp_path),
    }
    (tmp_path / "legacy").mkdir()
    (tmp_path / "legacy" / "gateway.yaml").write_text(GATEWAY)
    options = ["-e", "src=legacy", "-e", "dest=current"]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "mesh.workshop.migrate", *options],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "networking.istio.io/v1\n" in (tmp_path / "current" / "gateway.yaml").read_text()
    assert "The report is in current/migration-report.html." in done.stdout
