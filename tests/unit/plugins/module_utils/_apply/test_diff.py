# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._apply.diff import document_diff, mask_secrets, same

Json = dict[str, t.Any]


def obj(**more: t.Any) -> Json:
    meta = {"name": "a", "resourceVersion": "1", "managedFields": [{}], "generation": 1, "uid": "u", **more}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "status": {"x": more}}


def test_what_the_server_keeps_for_itself_is_no_difference() -> None:
    other = obj(resourceVersion="2", generation=3, annotations={"deployment.kubernetes.io/revision": "1"})
    assert same(obj(), other)
    assert not same(obj(), obj(labels={"x": "y"}))
    assert not same(obj(), obj(annotations={"x": "y"}))


def test_a_diff_is_clean_yaml() -> None:
    entry = document_diff("ConfigMap a", None, obj())
    assert entry == {
        "before_header": "ConfigMap a (absent)",
        "after_header": "ConfigMap a",
        "before": "",
        "after": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
    }


def test_the_removal_of_a_secret_shows_no_value() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "dmFsdWU="}}
    entry = document_diff("Secret s", secret, None)
    assert "dmFsdWU=" not in str(entry)
    assert "k: <hidden>" in entry["before"]


def test_masking_leaves_the_originals_alone() -> None:
    secret = {"kind": "Secret", "data": {"k": "v"}}
    mask_secrets(secret, secret)
    assert secret["data"] == {"k": "v"}


def test_the_last_applied_annotation_is_not_shown() -> None:
    entry = document_diff("x", None, obj(annotations={"kubectl.kubernetes.io/last-applied-configuration": "secret"}))
    assert "secret" not in entry["after"]
