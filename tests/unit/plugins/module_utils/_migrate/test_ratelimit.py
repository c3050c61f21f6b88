# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import engine

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


def service(number: int) -> str:
    spec = f"{{selector: {{app: s{number}}}, ports: [{{port: 80}}]}}"
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {spec}\n"


@pytest.mark.parametrize("quota", ["global", "local"])
def test_a_run_writes_so_many_limits_and_no_more(
    converter: Converter, monkeypatch: pytest.MonkeyPatch, quota: str
) -> None:
    monkeypatch.setattr(engine, "MAX_LIMITS", 20)
    handler = (
        "---\napiVersion: config.istio.io/v1alpha2\nkind: memquota\nmetadata: {name: hN}\n"
        "spec: {quotas: [{name: qN.quota.default, maxAmount: 5, validDuration: 1s}]}\n"
    )
    services = "".join(service(number) for number in range(9))
    result = converter.result(
        *(handler.replace("N", str(number)) for number in range(3)), services, known=False, quota=quota
    )
    assert [bool(doc.refusal) for doc in result.docs[:3]] == [False, False, True]
    assert "limits at 9 Services; bind them to fewer" in result.refusals()[0]


@pytest.mark.parametrize("quota", ["global", "local"])
def test_overrides_stand_for_so_many_values_and_no_more(converter: Converter, quota: str) -> None:
    overrides = ", ".join(
        f"{{dimensions: {{{key}: v{number}}}, maxAmount: 1, validDuration: 1s}}" for key in "abc" for number in range(9)
    )
    amounts = f"{{quotas: [{{name: q.quota.default, maxAmount: 5, validDuration: 1s, overrides: [{overrides}]}}]}}"
    keys = ", ".join(f"{key}: 'request.headers[\"{key}\"]'" for key in "abc")
    text = (
        f"apiVersion: config.istio.io/v1alpha2\nkind: memquota\nmetadata: {{name: h}}\nspec: {amounts}\n---\n"
        f"apiVersion: config.istio.io/v1alpha2\nkind: quota\nmetadata: {{name: q}}\nspec: {{dimensions: {{{keys}}}}}\n"
    )
    assert "the overrides stand for 1000 combinations of values" in str(converter.result(text, quota=quota).refusals())


def test_two_handlers_of_one_quota_would_share_a_counter(converter: Converter) -> None:
    other = NEW.replace("requests.instance", "requests.quota").replace("name: quota,", "name: others,")
    other = other.replace("name: requests,", "name: rest,").replace("[requests]", "[requests.quota]")
    result = converter.result(old() + "---\n" + other)
    refused = [(doc.kind, doc.name) for doc in result.docs if doc.refusal]
    # What both have in common goes on with the first.
    assert refused == [("handler", "counter"), ("instance", "rest"), ("rule", "others")]
    assert "memquota istio-system/handler counts requests.quota.istio-system too" in result.refusals()[0]
