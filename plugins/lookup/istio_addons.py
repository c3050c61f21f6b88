# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: istio_addons
short_description: The documents that install Kiali and Grafana
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns what Istio's own samples install, which Istio renders from the charts of Kiali and Grafana, made fit for a
    workshop. Both live in a namespace of their own, ask the Prometheus that is given, and only look. Nobody logs in.
options:
  _terms:
    description: The folder with C(kiali.yaml) and C(grafana.yaml).
    type: list
    elements: path
    required: true
  namespace:
    description: Namespace to install them into. What they need outside namespaces gets this name, too.
    type: str
    required: true
  prometheus:
    description: URL of the Prometheus, as pods reach it.
    type: str
    required: true
seealso:
  - plugin: mesh.workshop.built_images
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Fetch Istio's samples
  mesh.workshop.embedded_artifacts:
    only: [addons]
  register: fetched

- name: Install Kiali and Grafana into a namespace that is there
  mesh.workshop.apply:
    definitions: >-
      {{ query('mesh.workshop.istio_addons', fetched.artifacts.definitions.addons, namespace='kiali',
      prometheus='http://prometheus.monitoring:9090') }}
"""

RETURN = r"""
_raw:
  description: The documents.
  type: list
  elements: dict
"""

import os

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mesh.workshop.plugins.plugin_utils._addons import AddonError, adapted

FILES = ("kiali.yaml", "grafana.yaml")


class LookupModule(LookupBase):
    """The lookup mesh.workshop.istio_addons."""

    def run(self, terms, variables=None, **kwargs):
        """Return the documents of the files in these folders."""
        self.set_options(var_options=variables, direct=kwargs)
        documents = []
        for path in (os.path.join(folder, name) for folder in terms for name in FILES):
            try:
                with open(path, encoding="utf-8") as stream:
                    documents += yaml.safe_load_all(stream)
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                raise AnsibleError(
                    f"{path} cannot be read as YAML ({error}): name a folder with Istio's samples."
                ) from error
        try:
            return adapted(
                documents, home=str(self.get_option("namespace")), prometheus=str(self.get_option("prometheus"))
            )
        except AddonError as error:
            raise AnsibleError(str(error)) from error
