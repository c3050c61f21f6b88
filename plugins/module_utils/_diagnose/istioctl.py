# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``istioctl analyze`` says about the mesh. Without istioctl, or where it does not answer, that is nothing."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import threading
import typing as t
from dataclasses import dataclass

from .._kube.errors import ApiError, ConfigError
from .._kube.export import kubeconfig_of

if t.TYPE_CHECKING:
    from .._kube import Client

PROGRAM_VARIABLE = "MESH_WORKSHOP_ISTIOCTL"
OFFERED = ("/var/lib/mesh-workshop/*/bin/istioctl", "/var/cache/mesh-workshop/bin/istio-*/istioctl")
"""Where embedded clusters offer it (``programs`` of ``_embedded.layout``), and where setup has built it."""
PATIENCE = 20.0
"""Seconds for the whole analysis. It takes about one; a busy machine needs more."""
KEPT_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
ORIGIN = re.compile(r"^(?P<kind>\w+) (?:(?P<namespace>[^/\s]+)/)?(?P<name>\S+)")


@dataclass(frozen=True)
class Message:
    """One message: about which object, how bad, and what it says."""

    code: str
    level: str
    text: str
    kind: str = ""
    namespace: str = ""
    name: str = ""
    url: str = ""

    @property
    def subject(self) -> str:
        """The object as sentences call it."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name}".strip()


def parse(output: str) -> tuple[Message, ...]:
    """The messages in the output of ``istioctl analyze -o json``; what is not one is passed over."""
    try:
        found: t.Any = json.loads(output)
    except ValueError:
        return ()
    return tuple(
        _message(one) for one in (found if isinstance(found, list) else ()) if isinstance(one, dict) and one.get("code")
    )


def _message(one: t.Mapping[str, t.Any]) -> Message:
    origin = ORIGIN.match(str(one.get("origin") or ""))
    return Message(
        code=str(one["code"]),
        level=str(one.get("level") or ""),
        text=" ".join(str(one.get("message") or "").split()),
        kind=origin["kind"] if origin else "",
        namespace=(origin["namespace"] or "") if origin else "",
        name=origin["name"] if origin else "",
        url=str(one.get("documentationUrl") or "").partition("?")[0],
    )


def find_program(environ: t.Mapping[str, str], offered: t.Sequence[str] = OFFERED) -> str | None:
    """istioctl: as the variable says, else on the PATH, else as an embedded cluster offers it, else as it was built."""
    if PROGRAM_VARIABLE in environ:
        return shutil.which(environ[PROGRAM_VARIABLE]) if environ[PROGRAM_VARIABLE] else None
    on_path = shutil.which("istioctl", path=environ.get("PATH"))
    if on_path:
        return on_path
    found = (path for pattern in offered for path in sorted(glob.glob(pattern)))
    return next((path for path in found if os.access(path, os.X_OK)), None)


class Analysis:
    """One analysis for all that has failed in a run; it goes on while the proxies' logs are read."""

    def __init__(self, client: Client, program: str | None = None) -> None:
        self._client = client
        self._program = program
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._found: tuple[Message, ...] = ()

    def begin(self) -> None:
        """Start it, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def messages(self) -> tuple[Message, ...]:
        """What it has found, within its time."""
        self.begin()
        if self._thread is not None:
            self._thread.join(PATIENCE + 1)
        return self._found

    def _run(self) -> None:
        try:
            program = self._program or find_program(os.environ)
            config = kubeconfig_of(self._client.settings) if program else None
            if program and config is not None:
                self._found = parse(ask(program, config))
        except (ApiError, ConfigError, OSError, subprocess.SubprocessError):
            self._found = ()


def impersonation(config: t.Mapping[str, t.Any]) -> list[str]:
    """Options for whom to act as: istioctl does not take it from a kubeconfig."""
    user = config["users"][0]["user"]
    flags = [f"--{name}={user[name]}" for name in ("as", "as-uid") if name in user]
    return flags + [f"--as-group={group}" for group in user.get("as-groups", ())]


def ask(program: str, config: t.Mapping[str, t.Any]) -> str:
    """Run it on the cluster of this kubeconfig.

    The kubeconfig has credentials inside: it is neither an argument nor a file, but memory that only this process and
    the program see. Nothing of the user's environment or home directory can lead the program to another cluster.
    """
    if not hasattr(os, "memfd_create"):
        return ""
    handle = os.memfd_create("kubeconfig")
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(json.dumps(config).encode())
        path = f"/dev/fd/{handle}"
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        done = subprocess.run(
            [program, "analyze", "--all-namespaces", "--output=json", f"--kubeconfig={path}", *impersonation(config)],
            env={"KUBECONFIG": path, "HOME": "/nonexistent", "PATH": os.defpath, **kept},
            pass_fds=[handle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(handle)
    return done.stdout.decode("utf-8", "replace")
