# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import labels, name_fault

KEYS = [value for name, value in vars(labels).items() if name.isupper() and name != "BASELINE"]


@pytest.mark.parametrize("key", KEYS)
def test_labels_are_keys_of_our_domain(key: str) -> None:
    domain, _slash, name = key.partition("/")
    assert domain == "mesh.workshop"
    assert not name_fault("", "ConfigMap", name)


def test_no_two_labels_are_the_same() -> None:
    assert len(set(KEYS)) == len(KEYS) == 4


def test_baseline_can_be_the_value_of_a_label() -> None:
    assert not name_fault("", "ConfigMap", labels.BASELINE)
