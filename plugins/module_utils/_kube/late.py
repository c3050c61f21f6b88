# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a room offers, and imports only when somebody asks for it."""

from __future__ import annotations

import importlib
import typing as t


def late_attributes(package: str, homes: t.Mapping[str, str]) -> t.Callable[[str], t.Any]:
    """The ``__getattr__`` of a package, which imports each name from its home, a relative name as ``.client``.

    Ansible packs a module with what import statements name, so each name needs one beneath ``t.TYPE_CHECKING``, too.
    """

    def attribute(name: str) -> t.Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name], package), name)

    return attribute
