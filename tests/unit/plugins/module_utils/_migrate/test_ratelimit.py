# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter
from .quotas import BINDING, NEW, config_of, limits_of, old


def test_two_handlers_share_what_the_first_has_written(converter: Converter) -> None:
    other = NEW.replace("requests", "others").replace("name: quota,", "name: others,").replace("counter", "other")
    binding = BINDING.replace("CHARGE", "1").replace("requests", "others").replace("name: spec", "name: others")
    result = converter.result(old() + "---\n" + other + binding.replace("name: binding", "name: others"))
    assert result.refusals() == []
    config, shared = (out for doc in result.docs for out in doc.outputs)
    assert len(config_of([config])["descriptors"]) == 2
    assert len(limits_of([config, shared])) == 2
    written = ["ConfigMap ratelimit-config", "EnvoyFilter quota-ratings"]
    assert [doc.moved_to for doc in result.docs] == [[], *[written] * 9]
