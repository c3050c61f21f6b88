# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands of a guide need of the cluster, as `kubectl auth can-i` takes it. Pure functions."""

from __future__ import annotations

import re
import typing as t

from oracle.guides import read

Right = tuple[str, ...]

HOME = "bookinfo"
VERBS = {
    "get": ("get", "list"),
    "wait": ("get", "list", "watch"),
    "delete": ("get", "delete"),
    "patch": ("get", "patch"),
}
PODS = {"logs": ("get", "log"), "exec": ("create", "exec"), "port-forward": ("create", "portforward")}
# Commands that send documents: any kind that labs apply stands for all.
SENDING = {"apply": ("get", "create", "patch"), "create": ("create",), "diff": ("get", "patch")}
# By the name of their group where the cluster of a test need not know them.
LONG = {"httproute": "httproutes.gateway.networking.k8s.io"}
# Istio had them once. The guide shows that nobody knows them any more.
GONE = ("memquotas",)

_KUBECTL = re.compile(rf"kubectl ({'|'.join([*VERBS, *PODS, *SENDING])}) ([^|;>)\n]*)")
_FLAG = re.compile(r"(?:^|\s)--?[a-z][a-z-]*(?:[= ]\S+)?")
_PLACE = re.compile(r"(?:-n|--namespace)[= ](\S+)")
_RAW = re.compile(r'--raw "?/api/v1/namespaces/([^/]+)/services/([^/]+)/proxy')


def needed(guide: str) -> set[Right]:
    """The rights that a guide's commands need, each with its namespace at the end."""
    commands = [step.command for section in read(guide) for step in section.steps]
    found = {right for text in commands for verb, rest in _KUBECTL.findall(text) for right in _rights(verb, rest)}
    if any("istioctl proxy-config" in text for text in commands):
        found |= {("get", "pods", "-n", HOME), ("create", "pods", "--subresource=portforward", "-n", HOME)}
    if any("istioctl analyze" in text for text in commands):
        found |= {("list", kind, "-n", HOME) for kind in ("virtualservices", "destinationrules", "pods", "services")}
    return found


def namespace(right: Right) -> str:
    """Where it is needed."""
    return right[-1]


def _rights(verb: str, rest: str) -> t.Iterator[Right]:
    place = _PLACE.search(rest)
    where = ("-n", place[1] if place else HOME)
    raw = _RAW.search(rest)
    words = _FLAG.sub(" ", rest).split()
    if raw:
        yield "get", f"services/{raw[2]}", "--subresource=proxy", "-n", raw[1]
    elif verb in SENDING:
        yield from ((one, "virtualservices", *where) for one in SENDING[verb])
    elif verb in PODS:
        one, subresource = PODS[verb]
        yield "get", "pods", *where
        yield one, "pods", f"--subresource={subresource}", *where
        if words and words[0].startswith("service/"):
            yield "get", words[0].replace("service/", "services/"), *where
    else:
        for short in words[0].split(",") if words and words[0] not in GONE else ():
            kind = LONG.get(short, short)
            # One object is got by its name alone.
            if len(words) > 1 and verb == "get" and where[1] != HOME:
                yield "get", f"{kind}/{words[1]}", *where
            else:
                yield from ((one, kind, *where) for one in VERBS[verb])
