# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names as Kubernetes validates them, and the one place where they become a part of a URL."""

from __future__ import annotations

import re
from urllib.parse import quote

# k8s.io/apimachinery, pkg/util/validation: IsDNS1123Label, IsDNS1123Subdomain, IsValidLabelValue, IsQualifiedName.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253

# Kinds whose names may be any segment of a path (ValidatePathSegmentName in their groups' validation): roles such as
# system:node, OpenShift's users such as kube:admin, and an IPAddress, which may be one of version 6.
_SEGMENT_GROUPS = frozenset(("rbac.authorization.k8s.io", "flowcontrol.apiserver.k8s.io"))
_SEGMENT_SUFFIX = ".openshift.io"
_SEGMENT_KINDS = frozenset((("networking.k8s.io", "IPAddress"),))

_SHOWN = 80


def name_fault(group: str, kind: str, name: str) -> str:
    """Why the API server would refuse `name` for an object of that kind, with the remedy; empty where it would not."""
    loose = group in _SEGMENT_GROUPS or group.endswith(_SEGMENT_SUFFIX) or (group, kind) in _SEGMENT_KINDS
    if loose:
        return segment_fault(name)
    if (group, kind) == ("", "Namespace"):
        return namespace_fault(name)
    if len(name) > _LONGEST_SUBDOMAIN:
        return f"the name {_shown(name)} has {len(name)} characters; use {_LONGEST_SUBDOMAIN} at most."
    if not _SUBDOMAIN.fullmatch(name):
        return (
            f"{_shown(name)} is not a valid name; use lower case letters, digits, '-' and '.', "
            "with a letter or a digit at both ends of each part."
        )
    return ""


def namespace_fault(name: str) -> str:
    """As name_fault(), for the name of a namespace."""
    if len(name) > _LONGEST_LABEL:
        return f"the namespace's name {_shown(name)} has {len(name)} characters; use {_LONGEST_LABEL} at most."
    if not _LABEL.fullmatch(name):
        return (
            f"{_shown(name)} is not a valid namespace name; use lower case letters, digits and '-', "
            "with a letter or a digit at both ends."
        )
    return ""


def label_value_fault(value: str) -> str:
    """Why `value` can be the value of no label, with the remedy; empty where it can."""
    if len(value) > _LONGEST_LABEL:
        return f"the label value {_shown(value)} has {len(value)} characters; use {_LONGEST_LABEL} at most."
    if not _LABEL_VALUE.fullmatch(value):
        return (
            f"{_shown(value)} is not a valid label value; use letters, digits, '-', '_' and '.', "
            "with a letter or a digit at both ends."
        )
    return ""


def segment_fault(text: str) -> str:
    """Why `text` cannot be a segment of a path (apimachinery, IsValidPathSegmentName); empty where it can."""
    if not text:
        return "the name is empty; give it one."
    if text in (".", ".."):
        return f"{_shown(text)} is not a valid name; choose another one."
    if any(character in "/%" for character in text):
        return f"{_shown(text)} is not a valid name, since it contains '/' or '%'; leave these out."
    if not text.isprintable():
        return f"{_shown(text)} is not a valid name, since it contains a control character; leave it out."
    return ""


def api_version_fault(text: str) -> str:
    """Why `text` can be the apiVersion of nothing, with the remedy; empty where it can."""
    group, slash, version = text.rpartition("/")
    if (slash and not _SUBDOMAIN.fullmatch(group)) or not _LABEL.fullmatch(version):
        return f"{_shown(text)} is not a valid apiVersion; write it like networking.istio.io/v1 or v1."
    return ""


def quoted(segment: str) -> str:
    """`segment` percent-encoded, so that it can be nothing but one segment of a path."""
    return quote(segment, safe=":", errors="surrogatepass")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
