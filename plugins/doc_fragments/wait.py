# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait, after everything is applied, until it is ready, and after a removal until it is gone.
      - Workloads are ready when they are rolled out, jobs when they are complete, namespaces when they are
        active and CustomResourceDefinitions when they are established. Istio's own kinds are ready when every
        proxy of their namespaces has acknowledged its configuration and none has rejected it. For a C(Gateway) and
        a C(VirtualService) that names one these are the gateways' proxies too, and for what is in the mesh's root
        namespace all proxies. The proxies of others are waited for a moment; what is wrong with them is a warning.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait for all of it, from 0 to 86400.
    type: int
    default: 120
"""
