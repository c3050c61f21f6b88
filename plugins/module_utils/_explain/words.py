# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How several names, and labels, are put into a sentence."""

from __future__ import annotations

import typing as t


def joined(names: t.Sequence[str], word: str = "and") -> str:
    """``a, b and c``."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def labelled(labels: t.Mapping[str, str]) -> str:
    """``app=reviews, version=v1``."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())
