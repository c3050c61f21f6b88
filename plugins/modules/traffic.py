#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic
short_description: Keep a steady, bounded load going at the gateway
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Sends requests to the ingress gateway at a steady rate, as a visitor would, so that metrics, graphs and traces have
    something to show. It ends by itself after O(seconds), or when it is interrupted.
  - Nothing is judged. What came back is counted, errors as well, since a lab may want them.
  - Where answers take longer than a second, fewer requests are sent than O(rate) says.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: Sends nothing, and says what would be sent.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: The cluster is not changed.
options:
  url:
    description: The URL that is asked (C(http) or C(https)); its host is sent as the C(Host) header.
    type: str
    required: true
  rate:
    description: Requests per second, 50 at most.
    type: int
    default: 5
  seconds:
    description: How long to send, an hour at most.
    type: int
    default: 600
  gateway:
    description:
      - Address of the gateway as C(host:port), if it is not that of the Service with the label
        C(istio=ingressgateway).
    type: str
seealso:
  - module: mesh.workshop.verify
"""

EXAMPLES = r"""
- name: Load a page five times a second for ten minutes
  mesh.workshop.traffic:
    url: http://mybookstore.com/productpage

- name: Load it often, and briefly
  mesh.workshop.traffic:
    url: http://mybookstore.com/productpage
    rate: 20
    seconds: 30
"""

RETURN = r"""
requests:
  description: How many requests were sent.
  returned: success
  type: int
  sample: 3000
answers:
  description: How many of them came back in which way.
  returned: success
  type: dict
  sample:
    status 200: 2994
    status 503: 6
message:
  description: The same as a sentence.
  returned: success
  type: str
  sample: "3000 requests sent: status 200 (2994), status 503 (6)."
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_fault
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.traffic import Load, send_load

MOST: dict[str, int] = {"rate": 50, "seconds": 3600}


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "url": {"type": "str", "required": True},
        "rate": {"type": "int", "default": 5},
        "seconds": {"type": "int", "default": 600},
        "gateway": {"type": "str"},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    params = module.params
    fault = request_fault(params["url"], "GET", {})
    if fault:
        module.fail_json(msg=fault)
    for name, most in MOST.items():
        if not 1 <= params[name] <= most:
            module.fail_json(msg=f"{name} must be a number from 1 to {most}, not {params[name]}.")
    url, rate, seconds = params["url"], params["rate"], params["seconds"]
    if module.check_mode:
        would = f"Would send {rate * seconds} requests to {url}, {rate} per second."
        module.exit_json(changed=False, requests=0, answers={}, message=would)
    module.recorder()  # so that an interruption says that nothing was changed

    def tell(load: Load) -> None:
        module.standing = f"{load.text()}."

    try:
        load = send_load(connect(params), url, rate, seconds, tell, params["gateway"] or None)
    except (ApiError, CheckError) as error:
        module.fail_json(msg=str(error))
    if not load.answered:
        module.fail_json(msg=f"Nothing answered at {url} ({load.text()}): see mesh.workshop.verify for the reason.")
    module.exit_json(changed=False, requests=load.requests, answers=dict(load.answers), message=f"{load.text()}.")


if __name__ == "__main__":
    main()
