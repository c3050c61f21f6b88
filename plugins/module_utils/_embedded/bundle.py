# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what explains a failed setup into one archive without secrets."""

from __future__ import annotations

import io
import os
import platform
import re
import tarfile
import tempfile
import typing as t

from .build.parts import VERSIONS
from .build.toolchain import compilers

# Secrets by their form: bearer and bootstrap tokens, JSON web tokens, private keys, basic auth, users and passwords in
# URLs (of proxies and registries, in build logs).
_SECRETS = (
    (re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S), b"<private key>"),
    (re.compile(rb"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"), b"<token>"),
    (re.compile(rb"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"), b"<bootstrap token>"),
    (re.compile(rb"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer)\s+)[^\s\"']+"), rb"\1<hidden>"),
    (re.compile(rb"(://)[^\s/@\"']+@"), rb"\1<hidden>@"),
    (re.compile(rb"(?i)((?:client-key-data|token|password|passwd)[\"']?\s*[:=]\s*[\"']?)[^\s\"',}]+"), rb"\1<hidden>"),
)
_TAIL_BYTES = 200_000


def redact(text: bytes) -> bytes:
    """The text, with everything replaced that has the form of a secret."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def tail_of(path: str, size: int = _TAIL_BYTES) -> bytes:
    """The last bytes of a file."""
    with open(path, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - size))
        return stream.read(size)


def log_files(root: str) -> t.Iterator[str]:
    """The log files below a folder, in order of their names."""
    for folder, _folders, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and (name.endswith(".log") or name == "current"):
                yield path


def logs_below(folder: str, name: str) -> dict[str, bytes]:
    """The ends of the log files below a folder, or why one cannot be read, as files below `name`."""
    files = {}
    for path in log_files(folder):
        inside = f"{name}/{os.path.relpath(path, folder)}"
        try:
            files[inside] = tail_of(path)
        except OSError as error:
            files[inside] = str(error).encode()
    return files


def versions(given: t.Mapping[str, t.Any], cache: str | None) -> dict[str, str]:
    """The versions that were given, and those of Python, of what the collection builds, and of Go, by name."""
    found = {str(name): str(version) for name, version in given.items()}
    found["Python"] = platform.python_version()
    found.update({f"built: {name}": version for name, version in VERSIONS.items()})
    if cache:
        found.update({f"Go at {path}": f"{major}.{minor}" for path, (major, minor) in compilers(cache)})
    return found


def from_machine(given: t.Mapping[str, t.Any], cache: str | None, data: str | None) -> dict[str, bytes]:
    """What this machine knows, by the file's name: its system, the versions, and the logs of builds and of the node.

    ``given`` are versions to note by name, ``cache`` is the folder with what is built, and ``data`` the folder of the
    cluster. Logs of what is not named are left out.
    """
    noted = versions(given, cache).items()
    return {
        "machine.txt": f"{platform.platform()}\n{os.cpu_count()} processors\n".encode(),
        "versions.txt": "".join(f"{name} {version}\n" for name, version in noted).encode(),
        **(logs_below(data, "node") if data else {}),
        **(logs_below(os.path.join(cache, "log"), "build") if cache else {}),
    }


def write(dest: str, files: t.Mapping[str, bytes], owner: int | None = None) -> None:
    """Write the files, redacted, as one .tar.gz of mode 0600. The archive is written atomically."""
    folder = os.path.dirname(dest) or "."
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".mesh-workshop-report-")
    try:
        with os.fdopen(handle, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in sorted(files.items()):
                safe = redact(content)
                entry = tarfile.TarInfo(name)
                entry.size = len(safe)
                entry.mode = 0o600
                archive.addfile(entry, io.BytesIO(safe))
        os.chmod(temporary, 0o600)
        if owner is not None:
            os.chown(temporary, owner, -1)
        os.replace(temporary, dest)
    except BaseException:
        os.unlink(temporary)
        raise
