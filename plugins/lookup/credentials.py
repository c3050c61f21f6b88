# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: credentials
short_description: Certificates and tokens of a workshop namespace
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns what the Secret C(workshop-credentials) of the namespace holds. Where there is none, or none that is
    complete, for this host and still valid for a day, new ones are made.
  - Nothing is written. The stages that use them apply the Secret, and find it there the next time.
options:
  _terms:
    description: Namespaces; mostly one.
    type: list
    elements: str
    required: true
  host:
    description: Host name for which the server's certificate is made.
    type: str
    required: true
  kubeconfig:
    description: Path of the kubeconfig.
    type: str
    default: ""
  context:
    description: Context of the kubeconfig; empty is its current one.
    type: str
    default: ""
  names_only:
    description:
      - Whether each value is its own name. No cluster is asked then, and nothing is made, which is enough to learn what
        the stages of a lab are called.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the workshop's CA
  ansible.builtin.debug:
    msg: "{{ lookup('mesh.workshop.credentials', 'bookinfo', host='mybookstore.com').ca_crt }}"
"""

RETURN = r"""
_raw:
  description:
    - One mapping per namespace. C(ca_crt), C(ca_key), C(server_crt), C(server_key), C(client_crt) and C(client_key) are
      PEM, C(stranger_ca_crt), C(stranger_crt) and C(stranger_key) belong to a CA that nobody trusts.
    - C(jwks) is the key set of the token issuer C(issuer). Of its tokens C(token_reader) has the claim C(group) with
      the value V(readers), C(token_visitor) has another group, and C(token_forged) is signed by another key.
    - C(secret) is the same as data of a Secret.
  type: list
  elements: dict
"""

import datetime

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.credentials import (
    HAS_CRYPTOGRAPHY,
    NAMES,
    SECRET_NAME,
    encoded,
    generate,
    usable,
)


class LookupModule(LookupBase):
    """The lookup mesh.workshop.credentials."""

    def run(self, terms, variables=None, **kwargs):
        """Return the credentials of each namespace."""
        self.set_options(var_options=variables, direct=kwargs)
        if self.get_option("names_only"):
            names = {name: name for name in NAMES}
            return [{**names, "secret": names} for _namespace in terms]
        if not HAS_CRYPTOGRAPHY:
            raise AnsibleError("The lookup credentials needs the Python library cryptography: install it.")
        host = self.get_option("host")
        options = {name: self.get_option(name) or None for name in ("kubeconfig", "context")}
        try:
            return [credentials(options, str(namespace), host) for namespace in terms]
        except ApiError as error:
            raise AnsibleError(str(error)) from error


def credentials(options, namespace, host):
    """What the namespace's Secret holds, else new ones."""
    client = connect(options)
    try:
        found = client.get("v1", "Secret", SECRET_NAME, namespace) or {}
    finally:
        client.close()
    now = datetime.datetime.now(datetime.UTC)
    texts = usable(found.get("data"), host=host, now=now) or generate(host=host, now=now)
    return {**texts, "secret": encoded(texts)}
