# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  verify:
    description:
      - Checks by traffic, made after everything is applied and ready. The module fails if one of them fails,
        and says what was expected, what was seen, and why.
      - They have the form that M(mesh.workshop.verify) describes.
      - In check mode they are only validated, and reported as skipped.
    type: list
    elements: dict
  gateway:
    description:
      - Host and port of the ingress gateway for checks from the host, for example V(192.0.2.10:80).
      - Without it the Service of the gateway is looked up in the cluster.
    type: str
  gateway_tls:
    description:
      - Host and port of the ingress gateway for HTTPS, as O(gateway).
    type: str
  deadline:
    description:
      - Seconds after which a check that has not passed fails, unless it sets its own deadline. By default 60.
      - A check that keeps failing ends earlier once nothing is left that could change, see M(mesh.workshop.verify).
    type: float
"""
