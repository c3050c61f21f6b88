#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: envoy_filter
short_description: Manage Istio EnvoyFilters
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Applies or removes an Istio C(EnvoyFilter), changes to the configuration that istiod generates for proxies.
  - Only Envoy itself can check what stands below C(typed_config). With O(wait) the module therefore waits
    until the proxies have taken the configuration, and fails if one of them has rejected it.
extends_documentation_fragment:
  - mesh.workshop.resource
  - mesh.workshop.wait
  - mesh.workshop.verify
  - mesh.workshop.auth
  - mesh.workshop.attributes
  - mesh.workshop.attributes.applies
seealso:
  - module: mesh.workshop.apply
  - module: mesh.workshop.verify
"""

EXAMPLES = r"""
- name: Let each reviews proxy admit 10 requests per second
  mesh.workshop.envoy_filter:
    name: reviews-limit
    namespace: bookinfo
    spec:
      workloadSelector:
        labels: {app: reviews}
      configPatches:
        - applyTo: HTTP_FILTER
          match:
            context: SIDECAR_INBOUND
            listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
          patch:
            operation: INSERT_BEFORE
            value:
              name: envoy.filters.http.local_ratelimit
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
                stat_prefix: reviews
                token_bucket: {max_tokens: 10, tokens_per_fill: 10, fill_interval: 1s}
                filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
                filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
"""

RETURN = r"""
results:
  description: One entry per object, with what was done about it.
  type: list
  elements: dict
  returned: always
  contains:
    api_version:
      description: API version of the object.
      type: str
      returned: always
      sample: networking.istio.io/v1alpha3
    kind:
      description: Kind of the object.
      type: str
      returned: always
      sample: EnvoyFilter
    namespace:
      description: Namespace of the object; empty if its kind has none.
      type: str
      returned: always
      sample: bookinfo
    name:
      description: Name of the object.
      type: str
      returned: always
      sample: reviews-limit
    action:
      description:
        - >-
          What was done, or would be done in check mode. One of V(created), V(changed), V(unchanged), V(deleted),
          V(absent), V(failed) and V(not_applied).
      type: str
      returned: always
      sample: created
    error:
      description: What went wrong with this object, and what to do about it.
      type: str
      returned: if it failed
      sample: >-
        EnvoyFilter bookinfo/reviews-limit: the API has no field spec.htttp; correct the spelling or the place of
        that field.
checks:
  description:
    - One entry per check, as M(mesh.workshop.verify) returns them.
    - In check mode each entry has V(skipped) set to V(true) instead of a verdict.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the check.
      type: str
      returned: always
      sample: the page
    passed:
      description: Whether traffic showed what was expected.
      type: bool
      returned: always
      sample: true
    expected:
      description: What was expected.
      type: str
      returned: if it was run
      sample: status 200
    observed:
      description: What was observed in the attempt that decided.
      type: str
      returned: if it was run
      sample: status 200 in 44 requests
side_effects:
  description: What the verification has left in the cluster, such as probe containers in pods.
  type: list
  elements: str
  returned: always
  sample: []
table:
  description: The checks as a table for people; empty if none was run.
  type: str
  returned: always
  sample: |-
    check     from  result  expected    observed                   took
    --------  ----  ------  ----------  -------------------------  -----
    the page  host  passed  status 200  status 200 in 44 requests  0.1 s
message:
  description: What was done and shown, in a sentence each.
  type: str
  returned: success
  sample: 1 created. 1 check passed.
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.module import run_resource_module


def main():
    run_resource_module("networking.istio.io/v1alpha3", "EnvoyFilter")


if __name__ == "__main__":
    main()
