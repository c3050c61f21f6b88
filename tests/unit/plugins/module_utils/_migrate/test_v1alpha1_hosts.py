# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter


def test_the_first_form_is_read_too(converter: Converter) -> None:
    text = """\
type: route-rule
name: r
spec:
  destination: ratings.default.svc.cluster.local
  match: {httpHeaders: {cookie: {exact: a}}}
  route: [{tags: {version: v1}, weight: 100}]
"""
    service = converter.outputs(text)[0]
    assert service["spec"]["http"][0]["route"] == [{"destination": {"host": "ratings", "subset": "v1"}}]
