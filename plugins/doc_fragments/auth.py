# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, several of them separated as in E(KUBECONFIG), or its content as a dictionary.
      - Without it E(K8S_AUTH_KUBECONFIG), E(KUBECONFIG), C(~/.kube/config) and the service account of
        the pod in which the module runs are tried, in that order.
    type: raw
  context:
    description:
      - The context of the kubeconfig to use. Can also be given by E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - URL of the API server. Can also be given by E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Bearer token. Can also be given by E(K8S_AUTH_API_KEY).
      - Replaces the credentials of the kubeconfig, a client certificate included. Cannot be set
        together with O(client_cert) or O(username), since only one of them would be used.
    type: str
  username:
    description:
      - User name for basic authentication, together with O(password). Can also be given by E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - Password for basic authentication. Can also be given by E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether to verify the certificate of the API server. Can also be given by E(K8S_AUTH_VERIFY_SSL).
      - Without it the kubeconfig decides.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - Path of the CA certificate of the API server, in PEM. Can also be given by E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Path of a client certificate, in PEM. Can also be given by E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the key of O(client_cert), in PEM. Can also be given by E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy through which to reach the API server, such as C(http://proxy.example.com:3128).
        Can also be given by E(K8S_AUTH_PROXY).
      - Without it C(proxy-url) of the kubeconfig, then E(HTTPS_PROXY), are used.
    type: str
  no_proxy:
    description:
      - Hosts, domains and address ranges that are reached without a proxy, separated by commas.
        Can also be given by E(K8S_AUTH_NO_PROXY) or E(NO_PROXY).
    type: str
  proxy_headers:
    description:
      - Headers for proxies.
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - User and password for the proxy, separated by a colon.
            Can also be given by E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH).
        type: str
      basic_auth:
        description:
          - User and password for a proxy that stands in for the API server, separated by a colon.
            Can also be given by E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH).
        type: str
      user_agent:
        description:
          - The user agent to send. Can also be given by E(K8S_AUTH_PROXY_HEADERS_USER_AGENT).
        type: str
  persist_config:
    description:
      - Whether tokens that an auth-provider of the kubeconfig has renewed are written back to the file.
        Can also be given by E(K8S_AUTH_PERSIST_CONFIG).
    type: bool
  impersonate_user:
    description:
      - User to act as. Can also be given by E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Groups to act as. Can also be given by E(K8S_AUTH_IMPERSONATE_GROUPS), separated by commas.
    type: list
    elements: str
notes:
  - The options and environment variables for authentication are those of the collection kubernetes.core.
requirements:
  - the Python package kubernetes, with the packages that it needs (urllib3, websocket-client and PyYAML)
"""
