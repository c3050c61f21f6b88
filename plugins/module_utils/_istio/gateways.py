# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an ingress gateway's objects and pods are known, whoever installed them."""

from __future__ import annotations

GATEWAY_LABELS = {"istio": "ingressgateway"}
GATEWAY_SELECTOR = ",".join(f"{key}={value}" for key, value in GATEWAY_LABELS.items())
