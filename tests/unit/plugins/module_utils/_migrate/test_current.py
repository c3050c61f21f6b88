# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.module_utils._migrate import with_current_fields


def test_only_what_is_outdated_is_converted() -> None:
    route = {"route": [{"destination": {"host": "a"}}]}
    document = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": {"http": [{"mirror": {"host": "b"}, "mirrorPercent": 5, **route}]},
    }
    found, said = with_current_fields(document)
    assert found["spec"]["http"] == [{"mirror": {"host": "b"}, "mirrorPercentage": {"value": 5}, **route}]
    assert said == ["spec.http[0].mirrorPercent: mirrorPercent is mirrorPercentage today."]
    assert with_current_fields(found) == (found, [])


def test_a_document_that_is_wrong_is_left_to_the_server() -> None:
    for http in (
        [{"mirrorPercent": 500}],
        [{"timeuot": "1s"}],
        [{"route": [{"destination": {"host": "a", "weight": 1}}], "mirrorPercent": 5}],
    ):
        document = {"kind": "VirtualService", "metadata": {"name": "a"}, "spec": {"http": http}}
        assert with_current_fields(document) == (document, [])
