# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig that an attendee is handed: what it says, and whether one that was handed out still serves. Pure."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import typing as t

from .._kube.credentials import Credentials
from .._kube.export import kubeconfig_of
from .._kube.settings import Settings
from .errors import LabError

Json = dict[str, t.Any]

ACCOUNTS = "mesh-workshop-attendees"
"""The namespace of the attendees' ServiceAccounts, whose names are theirs."""
MOST_HOURS = 48


class Claims(t.NamedTuple):
    """What a ServiceAccount's token says: whose it is, and from when to when it holds, in seconds since 1970."""

    uid: str
    begins: int
    ends: int


def checked_hours(hours: int) -> int:
    """Raise LabError for a time that no attendee's token may have."""
    if not 1 <= hours <= MOST_HOURS:
        raise LabError(f"hours is {hours}: an attendee's token lasts from 1 to {MOST_HOURS} hours.")
    return hours


def token_request(hours: int) -> Json:
    """The body that asks the API server for a token; it may grant a shorter time."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": hours * 3600},
    }


def claims_of(token: str) -> Claims | None:
    """What a token says, unverified, since only its holder reads it; None where it is none of a ServiceAccount's.

    The claims are those of bound ServiceAccount tokens: https://kubernetes.io/docs/reference/access-authn-authz/.
    """
    try:
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return Claims(str(said["kubernetes.io"]["serviceaccount"]["uid"]), int(said["iat"]), int(said["exp"]))
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def kubeconfig_for(name: str, settings: Settings, token: str, server: str = "") -> Json:
    """The kubeconfig of attendee ``name``, by which they reach the server of ``settings``, or ``server``.

    Nothing of the user of ``settings`` is in it. Raises LabError where no kubeconfig can say how the server is reached.
    """
    own = dataclasses.replace(settings, headers={}, credentials=Credentials(token=token))
    if server:
        own = dataclasses.replace(own, server=server)
    document = kubeconfig_of(own)
    if document is None:
        raise LabError(
            f"The API server of attendee {name} is reached by a proxy with headers of its own, which no kubeconfig can "
            "say: name a kubeconfig without them."
        )
    document["contexts"][0]["context"]["namespace"] = name
    return document


def still_serves(handed: t.Any, wanted: Json, uid: str, now: float, hours: int) -> bool:
    """Whether a kubeconfig that was handed out says what ``wanted`` says, but for a token that lasts long enough.

    ``uid`` is that of the attendee's ServiceAccount. Long enough is half of the time that the token was given, and no
    longer than ``hours`` in all, so a class that begins has most of it, and a run now and then renews it.
    """
    try:
        token = handed["users"][0]["user"]["token"]
        claims = claims_of(token)
        same = {**handed, "users": wanted["users"]} == wanted
    except (KeyError, IndexError, TypeError):
        return False
    if claims is None or not same or claims.uid != uid:
        return False
    lasts = claims.ends - claims.begins
    return lasts <= hours * 3600 and claims.ends - now >= lasts / 2
