#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Prove by traffic that the mesh does what it should
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Sends the requests that the checks describe and judges the answers.
  - A check first uses up idle pooled connections, which answer once more under the old rules after a change,
    and is then retried until it passes or its deadline ends. A workload of which no pod is ready, and a gateway that
    waits for its address, are waited for as long. At the deadline no further request is sent, and what has not been
    proven by then has failed.
  - A check that fails in the same way for some seconds ends before its deadline if nothing is left that could change.
    That is so if istiod has taken in nothing new, every proxy has acknowledged what it was sent, and no pod of the
    namespace or the gateway is starting, ending or not ready. Without access to istiod, it ends at its deadline.
  - A check that fails says what was expected, what was observed, why, and what to do.
  - When a check has failed, C(istioctl analyze) is asked too, once for all checks. It is the one that
    E(MESH_WORKSHOP_ISTIOCTL) names (empty switches this off), else the one on the PATH, else the embedded cluster's.
    It uses the connection of the module, on Linux; without it, the diagnosis rests on what the collection finds itself.
  - When a check has failed, istiod is asked as well whether the proxies on the way have rejected their configuration,
    or have not acknowledged it yet. Where the credentials do not allow that, it is left out.
  - Nothing is applied, and a change is never reported. The one side effect is a small ephemeral container in a pod
    from which a check asks (it stays as long as the pod), or a small pod of ours outside of the mesh; both are named in
    RV(side_effects).
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: partial
    details: No request is sent in check mode; the checks are read, and reported as skipped.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  checks:
    description:
      - What to prove, in this order in the report. Each check is a mapping with the keys below; an unknown key is an
        error.
      - C(name) is the check's name in the report.
      - C(from) says where the requests come from. V(host), the default, is a user at the ingress gateway, and the
        request goes to the gateway's address, with the host of the URL as its C(Host) header.
        The name of a Deployment, else of an C(app) label, is a workload - the request leaves from inside one of its
        pods, through its sidecar, with its identity.
        V(no_sidecar) is a client in the cluster but outside of the mesh.
      - C(request) says what is sent. C(url) is required (C(http), C(https), C(grpc), C(grpcs), C(tcp) or
        C(tls)). Further keys are C(method), C(protocol) (V(HTTP/1.1) or V(HTTP/2)), C(headers), C(body) or C(form),
        C(session) (a user name, or a mapping with C(login), C(username), C(password), C(form)), C(follow_redirects),
        C(tls) (C(ca), C(cert), C(key) as PEM or file names, C(insecure), C(name)), C(timeout) in seconds, C(count),
        C(concurrency), C(connect_to), a workload whose pod is connected to whatever the URL's host is, and C(stream),
        which keeps requests going while other checks run.
      - C(expect) says what must come back. C(status) is a code, a list of codes, or shares in percent by code;
        C(served_by) shares in percent by version, told by the access logs of the proxies, or by the answers of Bookinfo
        where the request comes from the host; C(callee) the service that is meant by it, if it is not the URL's.
        From the host, C(attempts) and C(mirrored) need it. What rests on access logs fails where they are not written.
      - In C(expect), C(some) are answers of which there must be at least C(percent) (10), told by a C(status), and what
        C(headers) they have. The requests must prove it, so that clearly more are needed to pass.
      - In C(expect), C(logged) are the statuses of which the calling workload's proxy writes to its access log; of any
        other it must write nothing. C(status) lists them and at least one more, and answers of both kinds have to come.
      - In C(expect), C(upstream_cluster) is the cluster that the calling workload's proxy has chosen, as its access log
        says.
      - In C(expect), C(grpc_status) is a gRPC status by number or name, as V(UNAVAILABLE).
      - In C(expect), C(body) and C(headers) take C(contains), C(lacks), C(equals), C(matches), and headers C(present).
        C(matches) are patterns of RE2, as in Envoy and Istio, which are searched for; they need the Python package
        C(google-re2). Of a body 64 KB are kept, so nothing can be said about what a longer one lacks.
        C(latency) takes C(above) and C(below), in seconds.
      - In C(expect), C(refused) is a TCP connection that is closed without one byte, C(no_listener) one that is
        refused, C(tls) the way in which TLS fails (V(untrusted_ca), V(certificate_required), V(wrong_name),
        V(expired), V(handshake), V(not_spoken)) or C(peer), the URI in the certificate. From a workload C(refused) can
        be told for plain HTTP only.
      - In C(expect), C(attempts) is how often the callee's proxies saw each request (a number, or C(above) and
        C(below) on average, proven in the same way), C(mirrored) the shares of requests of which a version got a copy,
        C(admitted) the requests that a quota lets through (C(count) per C(seconds)), C(failures) the failures that are
        allowed over a stream. Requests that the cluster keeps the probe from sending are not failures; the evidence
        lists them.
        Both take an answer of 500 and above for a failure, unless C(status) says otherwise.
      - In C(expect), C(trace) takes the C(services) in each request's trace and their C(parents) (caller by service),
        C(trace_share) the percentage of requests that are traced; both are read from the mesh's Zipkin or Jaeger,
        and stand in a check of their own, without what access logs tell.
      - In C(expect), C(metric) is a C(query) in PromQL that gives one number, and one of C(each) (by how much it grows
        with each of the check's requests), C(share) (the percentage of the requests with which it grows by one) and
        bounds of its value (C(above), C(below)). The cluster's Prometheus answers it once it has read all proxies, so
        such a check takes two readings. Requests of others count as well, so the query has to name this namespace's
        workloads. It stands in a check of its own, without shares, quotas, traces and what access logs tell.
      - C(tolerance) is the deviation in points that must be found, by default 5 for shares and 10 for what must
        always or never be so.
      - C(deadline) in seconds (by default O(deadline)), C(consecutive) rounds that must pass (3), C(namespace) of the
        workloads.
      - C(control) and C(fails_in) are carried to the results. C(no_log) keeps what is sent out of every output.
    type: list
    elements: dict
    required: true
  desired:
    description:
      - Manifests of what should be in the cluster when the checks pass. None of them is applied.
      - Where a check fails, the diagnosis says what of it is missing or other than in the cluster, as far as the
        check's requests meet it.
    type: list
    elements: dict
    default: []
    version_added: 0.1.0
  namespace:
    description: Namespace of the checks that set none.
    type: str
  gateway:
    description:
      - Address of the gateway for checks from the host, as C(host:port), if it is not that of the Service with the
        label C(istio=ingressgateway).
    type: str
  gateway_tls:
    description: The same for URLs that begin with C(https).
    type: str
  deadline:
    description:
      - Seconds after which a check that has not passed fails, unless it sets its own deadline. By default 60.
      - A check that keeps failing ends earlier once nothing is left that could change.
    type: float
  probe_image:
    description:
      - Image for the container from which checks inside the cluster ask; it needs C(python3) 3.9 or later.
      - Without it, the variable E(MESH_WORKSHOP_PROBE_IMAGE) is used, else the embedded cluster's own image, else a
        public one.
    type: str
  once:
    description:
      - Run each check once, without a retry and without a deadline.
      - This serves to show that a check fails where it must fail.
    type: bool
    default: false
  junit:
    description: File to write the results to as JUnit XML, on the machine on which the module runs.
    type: path
seealso:
  - module: mesh.workshop.apply
"""

EXAMPLES = r"""
- name: The page is there, and everybody gets v1 of the reviews
  mesh.workshop.verify:
    namespace: bookinfo
    checks:
      - name: the page
        request:
          url: http://mybookstore.com/productpage
        expect:
          status: 200
          served_by:
            v1: 100
      - name: another host finds nothing
        control: true
        request:
          url: http://other.example/productpage
        expect:
          status: 404

- name: One request in twenty reaches v3
  mesh.workshop.verify:
    namespace: bookinfo
    junit: results.xml
    checks:
      - name: the canary gets its share
        request:
          url: http://mybookstore.com/productpage
        expect:
          served_by:
            v1: 95
            v3: 5

- name: Strict mTLS lets the mesh in and nobody else
  mesh.workshop.verify:
    namespace: bookinfo
    checks:
      - name: a client without a sidecar is refused
        from: no_sidecar
        request:
          url: http://details.bookinfo:9080/details/0
        expect:
          refused: true
      - name: productpage is let in
        from: productpage
        control: true
        request:
          url: http://details:9080/details/0
        expect:
          status: 200
          served_by:
            v1: 100
"""

RETURN = r"""
checks:
  description:
    - What each check has shown, in the order of the option.
    - In check mode each entry has its name, C(skipped) set to V(true), and no verdict.
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
    from:
      description: Where the requests came from.
      type: str
      returned: if it was run
      sample: host
    samples:
      description: Answers that the verdict rests on.
      type: int
      returned: if it was run
      sample: 44
    requests:
      description: All requests sent for this check.
      type: int
      returned: if it was run
      sample: 60
    interval:
      description: Exact 99 % confidence intervals in percent, by version or status, and of wrong answers.
      type: dict
      returned: if it was run
      sample:
        wrong:
          - 0.0
          - 11.34
    tolerated:
      description:
        - >-
          For each share that was tested, the true shares in percent that may pass for it. Any other one is found
          with the error rate of 1 %.
        - >-
          Without C(count) it reaches to the tolerance. A smaller C(count) widens it, which C(expected) says, too.
      type: dict
      returned: if it was run
      sample: {}
    rounds:
      description: Counted rounds.
      type: int
      returned: if it was run
      sample: 3
    convergence_seconds:
      description: Seconds until the last wrong answer was seen, 0 where there was none.
      type: float
      returned: if it was run
      sample: 0.0
    seconds:
      description: Seconds that the check took.
      type: float
      returned: if it was run
      sample: 0.041
    explanation_seconds:
      description: >-
        How many of these seconds went by between the verdict and its explanation, 0 where it passed.
      type: float
      returned: if it was run
      sample: 0.0
    evidence:
      description: What the verdict rests on.
      type: str
      returned: if it was run
      sample: the answers
    failing_samples:
      description: Up to three wrong answers, without secrets.
      type: list
      elements: dict
      returned: if it was run
      sample: []
    diagnosis:
      description: Why the check failed, as far as it is known.
      type: str
      returned: if it was run
      sample: ''
    remedy:
      description: What to do about it.
      type: str
      returned: if it was run
      sample: ''
    change:
      description:
        - >-
          The remedy as commands that can be pasted, if it is a change to the cluster; else empty. They are never
          run.
      type: str
      returned: if it was run
      sample: ''
    path:
      description:
        - >-
          The way of a failed check's request by the proxies' own configurations, hop by hop, as lines. It is empty
          if the check has passed, or the configurations could not be read.
      type: list
      elements: str
      returned: if it was run
      sample: []
    control:
      description: Whether the check is a negative control.
      type: bool
      returned: if it was run
      sample: false
    fails_in:
      description: The world in which the check fails, V(mutation) where that is one of its own resources.
      type: str
      returned: if it was run
      sample: baseline
side_effects:
  description: What was created in order to ask, such as probe containers in pods.
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
  description: The results in words.
  type: str
  returned: success
  sample: 1 check passed.
"""

import typing as t

from ansible.module_utils.common.parameters import remove_values
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import Runner, run_module
from ansible_collections.mesh.workshop.plugins.module_utils._apply import checked, clean
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError, junit_of


def body(runner: Runner) -> None:
    """Read the checks, run them, write the report; the module fails where one fails."""
    params = runner.params
    del runner.result["results"]  # a verification applies nothing
    if not params["checks"]:
        raise CheckError("checks is empty, so nothing would be verified: give it checks.")
    runner.refuse_idle([Idle("deadline", "once", False)])
    desired = [clean(one) for one in checked(params["desired"], "desired")]
    verification = runner.read_checks(params["checks"], namespace=params["namespace"])
    runner.only_verifies = True
    if runner.check_mode:
        verification.skip()
        return
    outcome = verification.run(once=params["once"], probe_image=params["probe_image"], desired=desired)
    if params["junit"]:
        try:
            with open(params["junit"], "wb") as report:
                report.write(junit_of(remove_values(outcome.results, runner.module.no_log_values)))
        except OSError as error:
            runner.fail(f"The report {params['junit']} could not be written: {error.strerror}.")
    runner.judge(outcome)


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "checks": {"type": "list", "elements": "dict", "required": True},
        "desired": {"type": "list", "elements": "dict", "default": []},
        "namespace": {"type": "str"},
        "gateway": {"type": "str"},
        "gateway_tls": {"type": "str"},
        "deadline": {"type": "float"},
        "probe_image": {"type": "str"},
        "once": {"type": "bool", "default": False},
        "junit": {"type": "path"},
    }
    run_module(spec, body)


if __name__ == "__main__":
    main()
