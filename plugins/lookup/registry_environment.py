# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: registry_environment
short_description: The variables of the user's environment that lead to package registries
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns those of the environment variables of proxies, Go, pip, Maven and npm that are set, for a task that fetches
    something with the rights of root. C(sudo) takes them away.
options: {}
"""

EXAMPLES = r"""
- name: Have all parts of the embedded cluster
  mesh.workshop.embedded_artifacts:
  environment: "{{ lookup('mesh.workshop.registry_environment') }}"
  become: true
"""

RETURN = r"""
_raw:
  description: One dictionary, of each variable's name and value.
  type: list
  elements: dict
"""

import os

from ansible.plugins.lookup import LookupBase

# In both cases: programs differ in which of them they read.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
NAMES = (
    *PROXIES,
    *(name.upper() for name in PROXIES),
    # Go (go help environment)
    *("GOPROXY", "GOFLAGS", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "NETRC"),
    # pip (each of its options is a variable too)
    *("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "PIP_CERT"),
    *("PIP_PROXY", "PIP_CLIENT_CERT", "PIP_TIMEOUT", "PIP_RETRIES"),
    # Maven
    *("MAVEN_ARGS", "MAVEN_OPTS"),
    # npm reads its options in either case
    *(
        "NPM_CONFIG_REGISTRY",
        "NPM_CONFIG_USERCONFIG",
        "npm_config_registry",
        "npm_config_userconfig",
        "NODE_EXTRA_CA_CERTS",
    ),
    # Certificates of a proxy or mirror in between
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)


class LookupModule(LookupBase):
    """The lookup mesh.workshop.registry_environment."""

    def run(self, terms, variables=None, **kwargs):
        """Return one dictionary of those that are set."""
        self.set_options(var_options=variables, direct=kwargs)
        return [{name: os.environ[name] for name in NAMES if os.environ.get(name)}]
