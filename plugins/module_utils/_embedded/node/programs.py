# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs for the user's shell: links from the cluster's folder into the cache."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path


def offered(folder: Path, programs: t.Mapping[str, str]) -> bool:
    """Whether each name in the folder links to its program."""
    return all(
        (folder / name).is_symlink() and os.readlink(folder / name) == target for name, target in programs.items()
    )


def offer(folder: Path, programs: t.Mapping[str, str]) -> None:
    """Make the links, in a folder that every user may read."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name, target in programs.items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
