# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep a steady, bounded load going."""

from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import PlainAction


class ActionModule(PlainAction):
    """The action of mesh.workshop.traffic."""
