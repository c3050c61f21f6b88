# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what explains a failed setup into one archive without secrets."""

from __future__ import annotations

import io
import os
import re
import tarfile
import tempfile
import typing as t

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


def pod_line(pod: dict[str, t.Any]) -> str:
    """One pod's state in a line: phase, and per container ready, restarts and why it waits or ended."""
    metadata, status = pod["metadata"], pod.get("status", {})
    parts = [f"{metadata.get('namespace')}/{metadata['name']} {status.get('phase', 'Unknown')}"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        detail = ""
        for key in ("waiting", "terminated"):
            if key in state:
                detail = f" {key}: {state[key].get('reason', '')} {state[key].get('message', '')}".rstrip()
        ready = "ready" if container.get("ready") else "not ready"
        parts.append(f"  {container['name']}: {ready}, {container.get('restartCount', 0)} restarts{detail}")
    for condition in status.get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            parts.append(f"  {condition['type']}: {condition['message']}")
    return "\n".join(parts)


def event_line(event: dict[str, t.Any]) -> str:
    """One event in a line."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    when = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
    return (
        f"{when} {event.get('type', '')} {event.get('reason', '')} "
        f"{about.get('kind', '')}/{about.get('namespace', '')}/{about.get('name', '')}: "
        f"{event.get('message') or event.get('note') or ''}"
    )


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
