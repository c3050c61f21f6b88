# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn what a failed command printed into a cause and a remedy. Pure."""

from __future__ import annotations

import re
import typing as t


class BuildError(Exception):
    """One sentence for the user: what was not built, why, and what to do."""


def lacking_tools(what: str, tools: t.Sequence[str]) -> str:
    """A sentence that names the missing programs and the remedy."""
    names = tools[0] if len(tools) == 1 else f"{', '.join(tools[:-1])} and {tools[-1]}"
    return f"{what} cannot be built: {names} not found; install {'it' if len(tools) == 1 else 'them'} with apt-get."


_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full",
        "free some space below {cache}, or name a larger place with the option cache",
    ),
    (
        r"checksum mismatch|SECURITY ERROR|do not match the hashes|hash mismatch|Hash Sum mismatch|EINTEGRITY",
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
        r"|could not connect|unable to connect|ENOTFOUND|EAI_AGAIN|failed to establish a new connection|proxyconnect"
        r"|tls handshake|certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED"
        r"|bad gateway|service unavailable",
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
    """Cause and remedy of a failure, from what the command printed."""
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return cause, remedy.format(cache=cache)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else "the command printed nothing"
    return f'it ended with "{last}"', "read the log and run it again"
