# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of routing as Istio 0.2 to 0.8 had it."""

from __future__ import annotations


def rule(name: str, spec: str, kind: str = "RouteRule") -> str:
    return f"apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"
