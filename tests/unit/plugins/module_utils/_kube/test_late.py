# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.late import late_attributes


def test_a_name_is_imported_from_its_home_when_it_is_asked_for() -> None:
    attribute = late_attributes("json", {"JSONDecoder": ".decoder"})
    assert attribute("JSONDecoder") is importlib.import_module("json.decoder").JSONDecoder


def test_a_name_that_is_not_offered_is_no_attribute() -> None:
    attribute = late_attributes("json", {"JSONDecoder": ".decoder"})
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'JSONEncoder'"):
        attribute("JSONEncoder")


@pytest.mark.parametrize("room", ["_apply", "_kube", "_verify"])
def test_rooms_offer_all_that_they_name(room: str) -> None:
    package = importlib.import_module(f"ansible_collections.mesh.workshop.plugins.module_utils.{room}")
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    assert not hasattr(package, "nothing")
