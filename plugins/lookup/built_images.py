# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: built_images
short_description: The images that were built for the embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns what these build steps have made, from the cache alone. Nothing is built.
  - Being a lookup, it runs only where a template uses an image.
options:
  _terms:
    description: Build steps, as the option O(mesh.workshop.embedded_artifacts#module:only) takes them.
    type: list
    elements: str
    required: true
  cache:
    description: Folder that holds what was built; empty is the default one.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the image for small workloads
  ansible.builtin.debug:
    msg: "{{ lookup('mesh.workshop.built_images', 'image_base').probe.ref }}"
"""

RETURN = r"""
_raw:
  description: One mapping from the names of images to their reference, repository, tag, digest and archive.
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.builder import build_steps
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.failures import BuildError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import CACHE

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles")


class LookupModule(LookupBase):
    """The lookup mesh.workshop.built_images."""

    def run(self, terms, variables=None, **kwargs):
        """Return the images of these steps."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            found = build_steps(
                cache=str(self.get_option("cache") or CACHE),
                source=os.path.join(ROLES, "cluster", "files"),
                bookinfo=os.path.join(ROLES, "bookinfo", "files", "app"),
                only=[str(term) for term in terms],
                dry=True,
            )
        except BuildError as error:
            raise AnsibleError(str(error)) from error
        return [found["artifacts"]["images"]]
