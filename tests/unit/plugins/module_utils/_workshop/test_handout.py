# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.handout import (
    Claims,
    checked_hours,
    claims_of,
    kubeconfig_for,
    still_serves,
    token_request,
)

Json = dict[str, t.Any]
SETTINGS = Settings(
    server="https://192.0.2.1:6443",
    ca=b"CA",
    headers={"Impersonate-User": "root"},
    credentials=Credentials(token="the-instructors"),
)


def token(uid: str = "u1", begins: int = 0, ends: int = 7200) -> str:
    body = json.dumps({"kubernetes.io": {"serviceaccount": {"uid": uid}}, "iat": begins, "exp": ends}).encode()
    return f"head.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.signature"


WANTED = kubeconfig_for("ada", SETTINGS, "")
HANDED = kubeconfig_for("ada", SETTINGS, token())


def test_a_kubeconfig_reaches_the_server_as_the_attendee_alone() -> None:
    assert HANDED["clusters"][0]["cluster"] == {
        "server": "https://192.0.2.1:6443",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
    }
    assert HANDED["users"][0]["user"] == {"token": token()}
    assert HANDED["contexts"][0]["context"]["namespace"] == "ada"
    assert "instructor" not in str(HANDED)
    assert "root" not in str(HANDED)
    elsewhere = kubeconfig_for("ada", SETTINGS, token(), "https://shop.example:6443")
    assert elsewhere["clusters"][0]["cluster"]["server"] == "https://shop.example:6443"


def test_what_no_kubeconfig_can_say_is_refused() -> None:
    behind = Settings(server="https://a", proxy_headers={"X-Pass": "secret"})
    with pytest.raises(LabError, match="no kubeconfig can say"):
        kubeconfig_for("ada", behind, token())


def test_a_token_says_whose_it_is_and_how_long_it_holds() -> None:
    assert claims_of(token("u2", 5, 9)) == Claims("u2", 5, 9)
    for wrong in ("", "a.b.c", "a.e30.c", "a.W10.c", "abc"):
        assert claims_of(wrong) is None


def test_hours_are_bounded() -> None:
    assert token_request(checked_hours(48))["spec"] == {"expirationSeconds": 172800}
    for wrong in (0, -1, 49):
        with pytest.raises(LabError, match=f"hours is {wrong}: an attendee's token lasts from 1 to 48 hours"):
            checked_hours(wrong)


def test_a_file_serves_until_half_of_its_time_is_over() -> None:
    assert still_serves(HANDED, WANTED, "u1", 3600, 2)
    assert not still_serves(HANDED, WANTED, "u1", 3601, 2)
    assert not still_serves(HANDED, WANTED, "u1", 0, 1), "it holds longer than is wanted"
    assert not still_serves(HANDED, WANTED, "another account of that name", 0, 2)


def test_a_file_with_anything_else_does_not_serve() -> None:
    other = kubeconfig_for("ada", SETTINGS, "", "https://192.0.2.2:6443")
    assert not still_serves(HANDED, other, "u1", 0, 2)
    for change in (lambda one: one.pop("users"), lambda one: one["users"].clear(), lambda one: one.update(users=5)):
        broken = copy.deepcopy(HANDED)
        change(broken)
        assert not still_serves(broken, WANTED, "u1", 0, 2)
    for broken in (None, "text", []):
        assert not still_serves(broken, WANTED, "u1", 0, 2)
