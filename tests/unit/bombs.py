# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short texts that describe more than any memory holds."""

from __future__ import annotations


def alias_bomb(join: str, levels: int = 12) -> str:
    """A text of about 1 KB; with its aliases written out it has 10 to the power of `levels` values."""
    text = "a0: &a0 {x0: 1}\n" if join == "merge" else "a0: &a0 [lol]\n"
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        text += f"a{level}: &a{level} " + (
            f"{{<<: [{aliases}], x{level}: 1}}\n" if join == "merge" else f"[{aliases}]\n"
        )
    return text
