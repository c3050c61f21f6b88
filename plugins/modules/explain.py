#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: explain
short_description: Explain which resources of the mesh decide about a request
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Walks one request through the live configuration of the proxies on its way, as they do, and says at each hop which
    resource decides, and what would change it.
  - At the gateway or the caller these are listener and protocol, the Gateway's server, server name and certificate, the
    VirtualServices that are bound to it, virtual host, route, fault, rewrite, timeout, retries, mirror, subset and its
    pods, circuit breaker, outlier detection and mTLS; at the callee mTLS, token, policies and rate limits.
  - Names what is applied for the request and has no effect.
  - Sends no request and changes nothing. A request that works is explained as well as one that does not.
  - The configuration is read from the proxies' admin ports (with the right to create C(pods/portforward), else
    C(pods/exec)), else it is what istiod would send them (with the right to list pods in its namespace and to create
    C(pods/portforward) there), and the resources from the API server. What may not be read is named.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  url:
    description: The URL that is asked (C(http), C(https) or C(grpc)).
    type: str
    required: true
  source:
    description:
      - Where the request comes from. V(host) is a user at the ingress gateway, V(no_sidecar) a client in the cluster
        outside of the mesh, and anything else the name of a Deployment, else of an C(app) label.
    type: str
    default: host
  namespace:
    description: The namespace of the source, and of short host names.
    type: str
    default: bookinfo
  method:
    description: The method.
    type: str
    default: GET
  headers:
    description: Headers of the request, by name.
    type: dict
    default: {}
seealso:
  - module: mesh.workshop.verify
notes:
  - A token's signature is not verified, since the key may not be at hand; the claims are read as they are.
  - Pods without a sidecar and those of the ambient mode have no proxy of their own that could be looked at; they are
    named as such.
  - A filter that is not known here, such as one of another version of Envoy, is named and passed over. What it does to
    the request is not known.
  - How many requests a rate limit service lets through is not known here, only what it is asked.
"""

EXAMPLES = r"""
- name: Why does jason get v2?
  mesh.workshop.explain:
    source: productpage
    url: http://reviews:9080/reviews/0
    headers:
      end-user: jason
"""

RETURN = r"""
text:
  description: The explanation for people, hop by hop.
  returned: always
  type: str
  sample: |-
    GET http://details:9080/details/0 from productpage-v1-76874d47d9-f58dd
    1. the caller's proxy, productpage-v1-76874d47d9-f58dd
       listener   0.0.0.0_9080, taken as HTTP (port 9080 of Service bookinfo/details: by its name http).
       host       Virtual host details.bookinfo.svc.cluster.local:9080, the most specific for details.
       route      Taken by the default route, since no VirtualService is for it.
                  To change it: a VirtualService for details.
outcome:
  description: What comes of the request, as far as the configuration says.
  returned: always
  type: str
  sample: "Outcome: answered by the application in details-v1-cc5595459-kgh2h."
hops:
  description: The same for machines, a proxy each. A pod without a sidecar has the single step C(proxy).
  returned: always
  type: list
  elements: dict
  contains:
    proxy:
      description: The name of the pod.
      type: str
      returned: always
      sample: productpage-v1-76874d47d9-f58dd
    role:
      description: Whether it is the C(gateway), the C(caller) or the C(callee).
      type: str
      returned: always
      sample: caller
    steps:
      description: Its decisions in their order.
      type: list
      elements: dict
      returned: always
      contains:
        what:
          description: >-
            What is decided - C(proxy), C(listener), C(server), C(tls), C(bound), C(host), C(filter), C(token),
            C(policy), C(limit), C(route), C(fault), C(rewrite), C(timeout), C(retries), C(mirror), C(trace),
            C(target), C(breaker), C(outliers), C(connection) or C(answered).
          type: str
          returned: always
          sample: route
        sentence:
          description: How, in words.
          type: str
          returned: always
          sample: Taken by a rule of VirtualService bookinfo/reviews.
        resource:
          description: The resource that decides; empty where it is a default of the mesh.
          type: str
          returned: always
          sample: VirtualService bookinfo/reviews
        change:
          description: What would change the decision; empty where it only leads to the next.
          type: str
          returned: always
          sample: spec.http[0] of VirtualService bookinfo/reviews.
without_effect:
  description: What is applied for the request and has no effect.
  returned: always
  type: list
  elements: str
  sample: []
not_seen:
  description: What could not be looked at.
  returned: always
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.request import explain_request
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_fault
from ansible_collections.mesh.workshop.plugins.module_utils._explain.text import hops_of, text_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import (
    EXPLAINING,
    other_refusals,
    with_all_missing,
)

TOPICS = ("gateway", "route", "host", "subset", "fault", "protocol", "mirror", "policy")


def _no_source(client: Client, source: str, namespace: str) -> str:
    """Why there is nothing from which the request could be followed, and what to do."""
    if source == "host":
        return (
            "No pod of an ingress gateway (label istio=ingressgateway) could be looked at: install one, or name a "
            "workload as source."
        )
    return (
        f"There is no running pod of {source} in namespace {namespace}: name a Deployment, host or no_sidecar as "
        f"source.{other_refusals(client, namespace, EXPLAINING)}"
    )


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "url": {"type": "str", "required": True},
        "source": {"type": "str", "default": "host"},
        "namespace": {"type": "str", "default": "bookinfo"},
        "method": {"type": "str", "default": "GET"},
        "headers": {"type": "dict", "default": {}},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    params = module.params
    fault = request_fault(params["url"], params["method"], params["headers"])
    if fault:
        module.fail_json(msg=fault)
    try:
        client = connect(params)
    except ApiError as error:
        module.fail_json(msg=str(error))
    source, namespace = params["source"], params["namespace"]
    headers = tuple((str(name), str(value)) for name, value in params["headers"].items())
    try:
        case, unseen = explain_request(client, source, namespace, params["url"], params["method"], headers)
    except ApiError as error:
        module.fail_json(msg=with_all_missing(error, client, namespace, EXPLAINING))
    if case.first is None:
        module.fail_json(msg=_no_source(client, source, namespace), not_seen=unseen)
    effects = [one.sentence for one in case.about(*TOPICS)]
    module.exit_json(
        changed=False,
        text=text_of(case.first, effects),
        outcome=outcome_of(case.first),
        hops=[hop.data() for hop in hops_of(case.first)],
        without_effect=effects,
        not_seen=[*case.first.unseen, *unseen],
    )


if __name__ == "__main__":
    main()
