#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: istio_control_plane
short_description: Install Istio's control plane and ingress gateway, or take stock of the one that is there
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Renders the charts inside C(istioctl) offline, applies them server-side and waits until they are ready.
  - An Istio that somebody else installed is used as it is. It is never upgraded or reconfigured; what it lacks is
    named.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) installs or updates ours and refuses to touch somebody else's. What was changed in ours by hand, such
        as a scaled Deployment, is taken back.
      - V(existing) uses the one that is there, whoever installed it, and fails where none is.
      - V(stock) only says whether one is there, whose it is and what it lacks.
    type: str
    choices: [present, existing, stock]
    default: present
  istioctl:
    description: Path of the C(istioctl) whose charts are rendered. Its version is the version that is installed.
    type: path
  version:
    description: The version that is wanted. It must be the one of O(istioctl); empty takes whatever that is.
    type: str
    default: ""
  profile:
    description: Name of Istio's installation profile. On OpenShift V(default) is Istio's profile V(openshift).
    type: str
    default: default
  platform:
    description:
      - The platform of the cluster; V(auto) detects it by the API groups that it serves.
      - On V(openshift) the charts get their settings for OpenShift (C(global.platform)).
    type: str
    choices: [auto, kubernetes, openshift]
    default: auto
  hub:
    description: Registry of the images; empty takes the one that O(istioctl) was built with.
    type: str
    default: ""
  tag:
    description: Tag of the images; empty takes the one that O(istioctl) was built with.
    type: str
    default: ""
  values:
    description: Helm values, as in an IstioOperator's C(spec.values).
    type: dict
    default: {}
  mesh_config:
    description: Mesh-wide settings, as in an IstioOperator's C(spec.meshConfig).
    type: dict
    default: {}
  gateway_address:
    description:
      - Address that the gateway's Service gets as its load balancer's, on clusters without a load balancer.
      - Empty leaves it to the cluster.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait for the control plane and the gateway.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Install Istio from the charts of this istioctl
  mesh.workshop.istio_control_plane:
    kubeconfig: ~/.kube/mesh-workshop
    istioctl: /usr/local/bin/istioctl
    mesh_config:
      accessLogFile: /dev/stdout

- name: Say what the Istio of this cluster lacks
  mesh.workshop.istio_control_plane:
    state: existing
  register: istio

- name: Show it
  ansible.builtin.debug:
    msg: "{{ istio.lacks }}"
"""

RETURN = r"""
mode:
  description: Whether the control plane is V(ours), somebody else's (V(existing)), or not there (V(none)).
  returned: success
  type: str
  sample: ours
version:
  description: Version of the control plane, empty where none is.
  returned: success
  type: str
  sample: 1.31.0
lacks:
  description: What the Istio that is there lacks for some lab, one sentence each. Empty where it was installed.
  returned: success
  type: list
  elements: str
  sample:
    - "Access logs are off (meshConfig.accessLogFile): checks of who answered fall back to what the answer says."
results:
  description: One report per document that was applied.
  returned: when state is present
  type: list
  elements: dict
  contains:
    api_version:
      description: API version of the document.
      type: str
      sample: apps/v1
    kind:
      description: Kind of the document.
      type: str
      sample: Deployment
    namespace:
      description: Namespace of the document; empty if its kind has none.
      type: str
      sample: istio-system
    name:
      description: Name of the document.
      type: str
      sample: istiod
    action:
      description: What was done.
      type: str
      sample: unchanged
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.control_plane import run_control_plane_module


def main() -> None:
    """Entry point."""
    run_control_plane_module()


if __name__ == "__main__":
    main()
