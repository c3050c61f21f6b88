# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import images


@pytest.mark.parametrize(("kind", "driver"), [("ext4", "overlay"), ("overlay", "vfs"), ("tmpfs", "vfs")])
def test_storage_driver(monkeypatch, kind, driver):
    monkeypatch.setattr(images, "file_system", lambda folder: kind)
    assert images.storage_driver("/data/tmp") == driver
