# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ada tries with the kubeconfig that she was handed, each refused with the reason; and what she may do with it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from oracle import xds
from oracle.rooms import bytes_of, host_of

NETWORKING = "networking.istio.io/v1"
# Asks each URL with the token that is given, and prints the status, or why there is none.
CLIENT = """
import ssl, sys, urllib.error, urllib.request
headers = {"Authorization": "Bearer " + sys.stdin.read()} if sys.argv[1] == "token" else {}
for url in sys.argv[2:]:
    request = urllib.request.Request(url, headers=headers)
    try:
        print(urllib.request.urlopen(request, timeout=30, context=ssl._create_unverified_context()).status)
    except urllib.error.HTTPError as error:
        print(error.code)
    except OSError as error:
        print(type(error).__name__)
"""

# Forks until it may no more, says so, and ends what it has begun when it is told to.
FORKS = """
import os, signal, sys
children = []
try:
    try:
        while len(children) < 2000:
            child = os.fork()
            if not child:
                signal.pause()
                os._exit(0)
            children.append(child)
        print("without an end", flush=True)
    except BlockingIOError:
        print("at the limit", flush=True)
    sys.stdin.read()
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
"""


def document(api_version, kind, name="attack", **body):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **body}


def istio(kind, **spec):
    return document(NETWORKING, kind, spec=spec)


def opened(host, number=80, protocol="HTTP"):
    """A Gateway of the ingress gateway's."""
    server = {"port": {"number": number, "name": "attack", "protocol": protocol}, "hosts": [host]}
    return istio("Gateway", selector={"istio": "ingressgateway"}, servers=[server])


def routed(host, **spec):
    return istio("VirtualService", hosts=[host], http=[{"route": [{"destination": {"host": "productpage"}}]}], **spec)


def gateway_api(kind, **spec):
    """Something of the Gateway API, with a backend where it is a route."""
    rules = {} if kind == "Gateway" else {"rules": [{"backendRefs": [{"name": "productpage", "port": 9080}]}]}
    return document("gateway.networking.k8s.io/v1", kind, spec={**spec, **rules})


def listening(**listener):
    one = {"name": "http", "port": 80, "protocol": "HTTP", **listener}
    return gateway_api("Gateway", gatewayClassName="istio", listeners=[one])


def pod(container=None, **spec):
    one = {"name": "attack", "image": "mesh-workshop.local/none", **(container or {})}
    return document("v1", "Pod", spec={"containers": [one], **spec})


def secured(**context):
    return pod({"securityContext": context})


# Where a lab puts ada's Gateway of the Gateway API.
BESIDE = {"namespace": "istio-system", "name": "ada-gateway"}


def entered(host):
    return istio("ServiceEntry", hosts=[host], ports=[{"number": 80, "name": "http"}])


TOKEN = document("v1", "Secret", type="kubernetes.io/service-account-token")
TOKEN["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
DEPLOYMENT = document(
    "apps/v1",
    "Deployment",
    spec={
        "selector": {"matchLabels": {"app": "attack"}},
        "template": {"metadata": {"labels": {"app": "attack"}}, "spec": {**pod()["spec"], "hostPID": True}},
    },
)
ADMIN = {"capabilities": {"add": ["NET_ADMIN"]}}


def beside(name="istio-init", annotations=None, labels=None, **container):
    """A pod with an init container by the name of one of Istio's, and by what people tell the injector."""
    body = pod(initContainers=[{"name": name, "image": "mesh-workshop.local/none", **container}])
    body["metadata"].update(annotations=annotations or {}, labels=labels or {})
    return body


# Says that the injector was there, which then keeps what people have written in these containers.
INJECTED = {"sidecar.istio.io/status": json.dumps({"initContainers": ["istio-init", "istio-proxy"]})}
APART = {"sidecar.istio.io/inject": "false"}


def templated(kind, **container):
    """What makes pods, with an init container by the name of Istio's."""
    template = {"metadata": {"labels": {"app": "attack"}}, "spec": beside(**container)["spec"]}
    if kind == "CronJob":
        template["spec"]["restartPolicy"] = "Never"
        job = {"spec": {"template": template}}
        return document("batch/v1", kind, spec={"schedule": "* * * * *", "jobTemplate": job})
    return document("apps/v1", kind, spec={"selector": {"matchLabels": {"app": "attack"}}, "template": template})


USER = "user and group 1337 are the proxy's"
CAPABILITIES = "no capabilities beyond those"
REFUSED = {
    "a host of another attendee": (opened("bob.mybookstore.com"), "opens the host bob.mybookstore.com"),
    "every host": (opened("*"), "opens the host *, and in namespace ada only ada.mybookstore.com may be opened"),
    "a host with a namespace": (opened("bob/bob.mybookstore.com"), "opens the host bob.mybookstore.com"),
    "the port of all for something else": (opened("ada.mybookstore.com", protocol="TCP"), "port 80 for HTTP"),
    "another port": (opened("ada.mybookstore.com", 15021), "attendees share the gateway"),
    "a route at another's host": (
        routed("bob.mybookstore.com", gateways=["bookinfo-gateway"]),
        "claims the host bob.mybookstore.com at a gateway, and in namespace ada only ada.mybookstore.com",
    ),
    "a route at another's Gateway": (
        routed("ada.mybookstore.com", gateways=["bob/bookinfo-gateway"]),
        "bound to the Gateway bob/bookinfo-gateway of another namespace than ada",
    ),
    "the same in its older form": (
        routed("ada.mybookstore.com", gateways=["bookinfo-gateway.bob"]),
        "bound to the Gateway bookinfo-gateway.bob of another namespace",
    ),
    "a route for another's service": (
        routed("reviews.bob.svc.cluster.local"),
        "the host reviews.bob.svc.cluster.local is a service of another namespace than ada",
    ),
    "the same in the Gateway API": (
        gateway_api("HTTPRoute", parentRefs=[BESIDE], hostnames=["bob.mybookstore.com"]),
        "this HTTPRoute claims the host bob.mybookstore.com at a gateway, and in namespace ada only ada.mybookstore",
    ),
    "every host in the Gateway API": (gateway_api("HTTPRoute", parentRefs=[BESIDE]), "claims the host * at a gateway"),
    "a host for gRPC": (
        gateway_api("GRPCRoute", parentRefs=[BESIDE], hostnames=["bob.mybookstore.com"]),
        "this GRPCRoute claims the host bob.mybookstore.com",
    ),
    "another's Gateway beside Istio's": (
        gateway_api("HTTPRoute", parentRefs=[{**BESIDE, "name": "bob-gateway"}], hostnames=["ada.mybookstore.com"]),
        "bound to istio-system/bob-gateway of another namespace than ada",
    ),
    "another's service in the Gateway API": (
        gateway_api("HTTPRoute", parentRefs=[{"group": "", "kind": "Service", "namespace": "bob", "name": "reviews"}]),
        "bound to bob/reviews of another namespace than ada",
    ),
    "a Gateway for another's host": (
        listening(hostname="bob.mybookstore.com"),
        "opens the host bob.mybookstore.com, and in namespace ada only ada.mybookstore.com may be opened",
    ),
    "a Gateway for every host": (listening(), "this Gateway opens the host *"),
    "an entry for another's service": (
        entered("reviews.bob.svc.cluster.local"),
        "reviews.bob.svc.cluster.local is a service of another namespace",
    ),
    "an entry for all services": (entered("*.local"), "the host *.local takes in services of other namespaces"),
    "a route for all services": (
        routed("*.svc.cluster.local"),
        "the host *.svc.cluster.local takes in services of other namespaces than ada: name your own services",
    ),
    "a route for all that is called local": (routed("*.local"), "the host *.local takes in services"),
    "a route for all": (routed("*", gateways=["mesh"]), "the host * takes in services of other namespaces"),
    "a route for all of another's services": (
        routed("*.bob.svc.cluster.local"),
        "the host *.bob.svc.cluster.local is a service of another namespace than ada",
    ),
    "a route for another's service, in large letters": (
        routed("Reviews.Bob.Svc.Cluster.Local"),
        "the host reviews.bob.svc.cluster.local is a service of another namespace than ada",
    ),
    "the same with a dot at the end": (
        routed("reviews.bob.svc.cluster.local."),
        "the host reviews.bob.svc.cluster.local is a service of another namespace than ada",
    ),
    "others' hosts by a wildcard": (opened("*.mybookstore.com"), "opens the host *.mybookstore.com"),
    "a route at them": (
        routed("*.mybookstore.com", gateways=["bookinfo-gateway"]),
        "claims the host *.mybookstore.com at a gateway, and in namespace ada only ada.mybookstore.com",
    ),
    "a route at them in the Gateway API": (
        gateway_api("HTTPRoute", parentRefs=[BESIDE], hostnames=["*.mybookstore.com"]),
        "this HTTPRoute claims the host *.mybookstore.com at a gateway",
    ),
    "the node's files": (pod(volumes=[{"name": "node", "hostPath": {"path": "/"}}]), "may not mount files of the node"),
    "the node's network": (pod(hostNetwork=True), "may not use the network, the processes or the IPC of the node"),
    "the node's processes, in a template": (DEPLOYMENT, "may not use the network, the processes or the IPC"),
    "a port of the node": (
        pod({"ports": [{"containerPort": 80, "hostPort": 80}]}),
        "may not take a port of the node",
    ),
    "a privileged container": (secured(privileged=True), "may not be privileged"),
    "a capability": (secured(capabilities={"add": ["SYS_ADMIN"]}), "no capabilities beyond those"),
    "the proxy's user": (secured(runAsUser=1337), USER),
    "the proxy's group": (secured(runAsGroup=1337), USER),
    "the proxy's user, by its name": (
        beside("istio-proxy", labels=APART, securityContext={"runAsUser": 1337}),
        USER,
    ),
    "the same, by an annotation": (
        beside("istio-proxy", annotations=APART, securityContext={"runAsUser": 1337}),
        USER,
    ),
    "the proxy's group, before another starts": (beside("before", securityContext={"runAsGroup": 1337}), USER),
    "the proxy's user in a Deployment": (templated("Deployment", securityContext={"runAsUser": 1337}), USER),
    "a CronJob": (templated("CronJob"), 'cannot create resource "cronjobs"'),
    "the network, by a name of Istio's": (beside(labels=APART, securityContext=ADMIN), CAPABILITIES),
    "the network, through the injector": (beside(command=["id"]), CAPABILITIES),
    "the network, through an image": (beside(), CAPABILITIES),
    "the network, as if injected": (beside(annotations=INJECTED, command=["id"]), CAPABILITIES),
    "the network, by files of one's own": (
        beside(annotations=INJECTED, volumeMounts=[{"name": "istio-envoy", "mountPath": "/usr/local/bin"}]),
        CAPABILITIES,
    ),
    "the network, by paths of one's own": (
        beside(annotations=INJECTED, env=[{"name": "PATH", "value": "/tmp"}]),
        CAPABILITIES,
    ),
    "the network in a Deployment": (templated("Deployment", securityContext=ADMIN), CAPABILITIES),
    "the proxy's user for a pod": (pod(securityContext={"runAsUser": 1337}), USER),
    "no confinement": (secured(seccompProfile={"type": "Unconfined"}), "may not lower what confines a container"),
    "others' place": (pod(priorityClassName="system-node-critical"), "may not displace others"),
    "all memory": (
        pod({"resources": {"limits": {"memory": "8Gi"}}}),
        "maximum memory usage per Container is",
    ),
    "all processors": (
        pod({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}),
        "exceeded quota: mesh-workshop-attendee",
    ),
    "a port of all nodes": (
        document("v1", "Service", spec={"type": "NodePort", "ports": [{"port": 80}]}),
        "exceeded quota: mesh-workshop-attendee",
    ),
    "others' addresses": (
        document("v1", "Service", spec={"externalIPs": ["192.0.2.1"], "ports": [{"port": 80}]}),
        "may not take addresses of others",
    ),
    "a token without an end": (TOKEN, "attendees make no tokens"),
    "a webhook": (
        document("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", webhooks=[]),
        'cannot get resource "mutatingwebhookconfigurations"',
    ),
    "an EnvoyFilter for the gateway": (
        {**istio("EnvoyFilter"), "apiVersion": "networking.istio.io/v1alpha3", "namespace": "istio-system"},
        'cannot get resource "envoyfilters"',
    ),
    "a Telemetry for the mesh": (
        {**document("telemetry.istio.io/v1", "Telemetry", spec={}), "namespace": "istio-system"},
        'cannot get resource "telemetries"',
    ),
}
FORBIDDEN = {
    "get secrets -n bob": 'cannot list resource "secrets" in API group "" in the namespace "bob"',
    "get virtualservices -n bob": "cannot list resource",
    "exec -n bob {bob} -c productpage -- id": 'cannot get resource "pods" in API group "" in the namespace "bob"',
    "annotate lease mesh-workshop -n bob mesh.workshop/failure=attack": 'cannot get resource "leases"',
    "get pods --as admin": "cannot impersonate",
    "create clusterrole attack --verb=get --resource=pods": 'cannot create resource "clusterroles"',
    "create rolebinding attack --clusterrole=admin --user=ada": 'cannot create resource "rolebindings"',
    "label namespace ada app.kubernetes.io/part-of-": 'cannot patch resource "namespaces"',
    "delete resourcequota mesh-workshop-attendee": 'cannot delete resource "resourcequotas"',
    "delete sidecar mesh-workshop": "the Sidecar mesh-workshop keeps other attendees' rules out",
    "get serviceaccounts -n mesh-workshop-attendees": 'cannot list resource "serviceaccounts"',
    "create token bookinfo-ratings": 'cannot create resource "serviceaccounts/token"',
    "get --raw /api/v1/nodes/{node}/proxy/pods": 'cannot get resource "nodes/proxy"',
    "get --raw /api/v1/namespaces/istio-system/services/istiod:15014/proxy/debug/syncz": '"services/proxy"',
    "port-forward -n istio-system {istiod} :15014": 'cannot create resource "pods/portforward"',
    "delete validatingadmissionpolicies mesh-workshop-hosts": 'cannot delete resource "validatingadmissionpolicies"',
    "debug {ada} --image=mesh-workshop.local/none --profile=sysadmin -- id": "may not be privileged",
}


@pytest.fixture(scope="module")
def names(kube):
    """Names that nobody knows before."""
    (istiod,) = kube.core.list_namespaced_pod("istio-system", label_selector="app=istiod").items
    pods = {
        name: kube.core.list_namespaced_pod(name, label_selector="app=productpage").items[0].metadata.name
        for name in ("ada", "bob")
    }
    return {**pods, "istiod": istiod.metadata.name, "node": istiod.spec.node_name, "address": istiod.status.host_ip}


@pytest.fixture(scope="module", autouse=True)
def _gateway_api(ansible):
    """The definitions of the Gateway API, which attendees may use."""
    run = ansible.role("gateway_api", gateway_api_channel="experimental")
    assert run.status == 0, run.output


def test_an_attendee_may_use_the_gateway_api_in_their_namespace(kubectl):
    for one in (
        gateway_api("HTTPRoute", parentRefs=[BESIDE], hostnames=["ada.mybookstore.com"]),
        gateway_api("HTTPRoute", parentRefs=[{"group": "", "kind": "Service", "name": "reviews", "port": 9080}]),
        gateway_api("GRPCRoute", parentRefs=[BESIDE], hostnames=["ada.mybookstore.com"]),
        listening(hostname="ada.mybookstore.com"),
    ):
        status, _printed, said = kubectl("ada", "apply", "--dry-run=server", "-f", "-", given=json.dumps(one))
        assert status == 0, said


def test_pods_with_what_the_injector_adds_are_let_in(kubectl):
    for body in (pod(), beside("before"), pod(securityContext={"runAsUser": 1000})):
        status, _printed, said = kubectl("ada", "apply", "--dry-run=server", "-f", "-", given=json.dumps(body))
        assert status == 0, said


@pytest.mark.parametrize("attack", REFUSED)
def test_what_reaches_beyond_a_namespace_is_refused_with_the_reason(kubectl, attack):
    body, reason = REFUSED[attack]
    namespace = body.get("namespace", "ada")
    manifest = json.dumps({key: value for key, value in body.items() if key != "namespace"})
    status, _printed, said = kubectl("ada", "apply", "-n", namespace, "-f", "-", given=manifest)
    assert status != 0, f"{attack} is not refused"
    assert reason in said, said


@pytest.mark.parametrize("attack", FORBIDDEN)
def test_what_is_not_an_attendees_is_forbidden_with_the_reason(kubectl, names, attack):
    status, _printed, said = kubectl("ada", *shlex.split(attack.format(**names)))
    assert status != 0, f"{attack} is not refused"
    assert FORBIDDEN[attack] in said, said


def test_pods_get_nothing_from_istiods_and_the_kubelets_ports(kube, names):
    urls = ["http://istiod.istio-system:15014/debug/syncz", f"https://{names['address']}:10250/pods"]
    urls += [f"http://{names['address']}:10255/pods", "http://istiod.istio-system:15010/"]
    said = kube.execute(names["ada"], "productpage", "python3", "-c", CLIENT, "", *urls, namespace="ada")
    debug, kubelet, *closed = said.split()
    assert debug in ("401", "403")
    assert kubelet in ("401", "403")
    nothing = {"502", "503", "URLError", "ConnectionRefusedError", "RemoteDisconnected", "ConnectionResetError"}
    assert set(closed) <= nothing, "nobody listens at the kubelet's open port and at istiod's without encryption"


@pytest.fixture(scope="module")
def in_pod(kubectl, names):
    """What a script prints in a pod of ada's that gets the token by which her proxy there talks to istiod."""
    reads = 'read -r token < /var/run/secrets/tokens/istio-token; printf %s "$token"'
    status, token, said = kubectl("ada", "exec", names["ada"], "-c", "istio-proxy", "--", "sh", "-c", reads)
    assert status == 0, said

    def run(script, *arguments):
        command = ("exec", "-i", names["ada"], "-c", "productpage", "--", "python3", "-c", script, *arguments)
        status, printed, said = kubectl("ada", *command, given=token)
        assert status == 0, said
        return printed

    return run


def test_istiod_tells_a_proxys_token_what_is_its_namespaces(in_pod, names, kube):
    (istiod,) = kube.core.list_namespaced_pod("istio-system", label_selector="app=istiod").items
    theirs = [f"{path}?proxyID={names['bob']}.bob" for path in ("config_dump", "ndsz", "edsz")]
    asked = [f"config_dump?proxyID={names['ada']}.ada", *theirs, "syncz", "configz", "registryz", "mesh"]
    for port in (15014, 8080):
        urls = [f"http://{istiod.status.pod_ip}:{port}/debug/{path}" for path in asked]
        assert in_pod(CLIENT, "token", *urls).split() == ["200", *["404"] * 3, *["403"] * 4], f"port {port}"


def test_istiod_configures_a_proxys_token_for_its_own_namespace_alone(in_pod, names):
    script, clusters = Path(xds.__file__).read_text(), "envoy.config.cluster.v3.Cluster"
    own = in_pod(script, "sidecar", names["ada"], "ada", clusters)
    assert "outbound|9080||reviews.ada.svc.cluster.local" in own
    assert "bob" not in own
    assert in_pod(script, "sidecar", names["bob"], "bob", clusters) == "refused\n"
    assert in_pod(script, "router", "istio-ingressgateway", "istio-system", clusters) == "refused\n"


def test_processes_of_a_pod_have_an_end_and_others_go_on(gateway, started, names, eventually):
    forks = started("ada", "exec", "-i", names["ada"], "-c", "productpage", "--", "python3", "-c", FORKS)
    with forks:
        assert forks.stdout.readline() == "at the limit\n"
        assert {gateway.get("/productpage", host=host_of(name)).status for name in ("bob", "bookinfo")} == {200}
        forks.stdin.close()
        assert forks.wait(timeout=120) == 0
    # Her own proxy ends where it may begin no thread, and kubelet starts it again.
    eventually(lambda: gateway.get("/productpage", host=host_of("ada")).status == 200, "a page of ada's", 120)


def test_our_own_apply_says_why_it_is_refused(ansible, kube):
    before = bytes_of(kube, "ada")
    run = ansible.module("apply", namespace="ada", definitions=[opened("bob.mybookstore.com")])
    assert run.status != 0
    assert "opens the host bob.mybookstore.com" in run.output
    assert bytes_of(kube, "ada") == before


def test_an_attendee_walks_a_lab_with_what_they_were_handed(ansible, handed_out):
    for name, options in (
        ("lab", {"lab": "request_routing", "stage": "all_v1"}),
        ("verify", {}),
        ("status", {}),
        ("reset", {"reset_confirm": True}),
    ):
        run = ansible.play(name, attendee="ada", lab_kubeconfig=str(handed_out / "ada"), **options)
        assert run.status == 0, f"{name}: {run.output}"
