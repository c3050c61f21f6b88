# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of RBAC in Istio's old language."""

from __future__ import annotations

HOST = "ratings.default.svc.cluster.local"


def config(spec: str) -> str:
    return f"""\
apiVersion: rbac.istio.io/v1alpha1
kind: ClusterRbacConfig
metadata: {{name: default}}
spec: {spec}
---
"""


def role(rules: str, subjects: str = "[{user: cluster.local/ns/default/sa/a}]") -> str:
    return f"""\
apiVersion: rbac.istio.io/v1alpha1
kind: ServiceRole
metadata: {{name: viewer, namespace: default}}
spec:
  rules: {rules}
---
apiVersion: rbac.istio.io/v1alpha1
kind: ServiceRoleBinding
metadata: {{name: bind, namespace: default}}
spec:
  subjects: {subjects}
  roleRef: {{kind: ServiceRole, name: viewer}}
"""


ON = config("{mode: 'ON'}")
