# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what explains a failure.

What runs is known here: a module that root runs comes without its collection and without Ansible.
"""

from __future__ import annotations

import json
import typing as t

from ansible.release import __version__ as ansible_version
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import COLLECTION, PlainAction


def collection_version() -> str:
    """The version that is installed; a work tree, which has no such file, is under way to one."""
    try:
        manifest = json.loads((COLLECTION / "MANIFEST.json").read_text(encoding="utf-8"))
    except OSError:
        return "a work tree"
    return str(manifest["collection_info"]["version"])


class ActionModule(PlainAction):
    """The action of mesh.workshop.support_bundle."""

    def run_module(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, module: str | None = None
    ) -> dict[str, t.Any]:
        """Run the module with the versions of what runs it."""
        own = {"mesh.workshop": collection_version(), "ansible-core": ansible_version}
        versions = {**own, **(arguments.get("versions") or {})}
        return super().run_module({**arguments, "versions": versions}, task_vars, module)
