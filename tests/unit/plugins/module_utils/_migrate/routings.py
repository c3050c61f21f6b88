# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of today's kinds of routing as Istio 0.8 to 1.4 had them."""

from __future__ import annotations


def service(spec: str, kind: str = "VirtualService") -> str:
    return f"apiVersion: networking.istio.io/v1alpha3\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n{spec}"


def http(text: str) -> str:
    return service("  hosts: [a]\n  http:\n" + text)
