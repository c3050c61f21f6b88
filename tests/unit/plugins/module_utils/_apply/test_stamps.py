# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.stamps import stamp_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError


def test_a_stamp_is_what_the_server_has_noted() -> None:
    assert stamp_of({"metadata": {"uid": "u"}}, "uid") == "u"


@pytest.mark.parametrize(
    ("obj", "subject"),
    [
        ({"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}, "Pod b/a"),
        ({"kind": "Pod", "metadata": {"name": "a", "namespace": "b", "uid": 7}}, "Pod b/a"),
        ({"metadata": None}, "an object"),
        ({}, "an object"),
    ],
)
def test_an_answer_without_it_is_an_error_that_names_the_object(obj: dict[str, t.Any], subject: str) -> None:
    with pytest.raises(ApiError, match=f"^{subject}: the answer of the API server has no metadata.uid; make sure"):
        stamp_of(obj, "uid")
