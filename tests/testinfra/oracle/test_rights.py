# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a guide and what they need."""

from __future__ import annotations

import pytest
from oracle.rights import needed

SERVICES = "/api/v1/namespaces/mesh-workshop-metrics/services/http:prometheus:9090/proxy/api"


@pytest.mark.parametrize(
    ("command", "rights"),
    [
        ("kubectl get pods -n shop -l app=x | wc -l", ["get pods -n shop", "list pods -n shop"]),
        ("kubectl get configmap limits -n shop -o yaml", ["get configmap/limits -n shop"]),
        ("x=$(kubectl get secret one -o name)", ["get secret -n bookinfo", "list secret -n bookinfo"]),
        (
            "kubectl delete virtualservice,pods one -n bookinfo",
            [f"{verb} {kind} -n bookinfo" for verb in ("delete", "get") for kind in ("pods", "virtualservice")],
        ),
        (
            "kubectl logs deploy/one -n shop --tail 20 | grep x",
            ["get pods --subresource=log -n shop", "get pods -n shop"],
        ),
        (
            "kubectl exec deploy/one -n shop -- ls",
            ["create pods --subresource=exec -n shop", "get pods -n shop"],
        ),
        (
            "kubectl port-forward -n shop service/page 80 > /dev/null &",
            ["create pods --subresource=portforward -n shop", "get pods -n shop", "get services/page -n shop"],
        ),
        ("kubectl diff --server-side -n shop -f x", ["get virtualservices -n shop", "patch virtualservices -n shop"]),
        (
            f'query() {{ kubectl get --raw "{SERVICES}/v1"; }}',
            ["get services/http:prometheus:9090 --subresource=proxy -n mesh-workshop-metrics"],
        ),
        (
            "istioctl proxy-config routes deploy/one",
            ["create pods --subresource=portforward -n bookinfo", "get pods -n bookinfo"],
        ),
        ("kubectl get memquotas", []),
        ("curl -s http://mybookstore.com/", []),
    ],
)
def test_what_a_command_needs(command, rights):
    assert sorted(map(" ".join, needed(f"## stage\n```bash\n{command}\n```\n"))) == rights
