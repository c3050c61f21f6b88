# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the resource.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the resource. Without it the namespace of the kubeconfig's context, else V(default).
    type: str
  state:
    description:
      - V(present) makes the resource what C(spec) says. Fields that an earlier run has set and that are
        no longer in C(spec) are removed; fields that others have set stay. Warnings name what in it can have no effect,
        such as a host, port, subset or selector that matches nothing, as far as the user may read that.
      - V(absent) removes the resource. In a cluster without Istio's API group it counts as absent, and a warning says
        so.
    type: str
    choices: [present, absent]
    default: present
  spec:
    description:
      - The resource's C(spec), as in Istio's documentation. Required if O(state=present), else refused.
      - The API server and istiod validate every field; an unknown field is an error.
    type: dict
  labels:
    description:
      - Labels of the resource.
    type: dict
  annotations:
    description:
      - Annotations of the resource.
    type: dict
  force:
    description:
      - Whether to take over fields that another field manager owns. Otherwise that is an error
        which names the manager and the fields.
    type: bool
    default: false
notes:
  - The resource is applied server-side with the field manager C(mesh-workshop).
"""
