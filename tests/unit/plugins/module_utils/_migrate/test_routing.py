# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml

from .conftest import Converter

Json = dict[str, t.Any]


def service(spec: str, kind: str = "VirtualService") -> str:
    return f"apiVersion: networking.istio.io/v1alpha3\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n{spec}"


def http(text: str) -> str:
    return service("  hosts: [a]\n  http:\n" + text)


GOLDEN = [
    (
        "percent",
        "{fault: {delay: {percent: 10, fixedDelay: 1s}}}",
        "{fault: {delay: {percentage: {value: 10}, fixedDelay: 1s}}}",
    ),
    (
        "abort",
        "{fault: {abort: {percent: 5, http_status: 500}}}",
        "{fault: {abort: {percentage: {value: 5}, httpStatus: 500}}}",
    ),
    ("mirror", "{mirror: {host: b}, mirror_percent: 5}", "{mirror: {host: b}, mirrorPercentage: {value: 5}}"),
    ("append", "{appendHeaders: {x: y}}", "{headers: {request: {add: {x: y}}}}"),
    ("remove", "{removeResponseHeaders: [x]}", "{headers: {response: {remove: [x]}}}"),
    ("cors", "{corsPolicy: {allowOrigin: [http://a.b]}}", "{corsPolicy: {allowOrigins: [{exact: http://a.b}]}}"),
    ("websocket", "{websocketUpgrade: true}", "{}"),
    ("snake", "{match: [{source_labels: {v: x}}]}", "{match: [{sourceLabels: {v: x}}]}"),
]


@pytest.mark.parametrize(("name", "old", "new"), GOLDEN, ids=[case[0] for case in GOLDEN])
def test_fields_that_have_gone_become_their_successors(converter: Converter, name: str, old: str, new: str) -> None:
    route: Json = {"route": [{"destination": {"host": "a"}}]}
    items = yaml.safe_dump([{**yaml.safe_load(old), **route}], default_flow_style=True)
    found = converter.outputs(http(f"    {items}"))
    assert found[0]["apiVersion"] == "networking.istio.io/v1"
    assert found[0]["spec"]["http"] == [{**yaml.safe_load(new), **route}]


SLIPS = [
    (
        "headers as a list",
        "  - match:\n    - headers:\n      - user:\n        exact: me\n    route:\n    - destination: {host: a}\n",
        "exact is moved into user",
    ),
    (
        "a header beside headers",
        "  - match:\n    - headers:\n      user:\n        exact: me\n    route:\n    - destination: {host: a}\n",
        "user is moved into headers",
    ),
    (
        "fields beside destination",
        "  - match: [{headers: {user: {exact: me}}}]\n    route:\n    - destination:\n      host: a\n",
        "host is moved into destination",
    ),
    (
        "route outside of its item",
        "  - match: [{headers: {user: {exact: me}}}]\n  route:\n  - destination: {host: a}\n",
        "route is moved into the item of http",
    ),
]


@pytest.mark.parametrize(("name", "text", "said"), SLIPS, ids=[case[0] for case in SLIPS])
def test_slips_with_one_reading_are_mended_and_reported(converter: Converter, name: str, text: str, said: str) -> None:
    found = converter.outputs(http(text))
    assert found[0]["spec"]["http"] == [
        {"match": [{"headers": {"user": {"exact": "me"}}}], "route": [{"destination": {"host": "a"}}]}
    ]
    repairs = converter.result(http(text)).docs[0].repairs
    assert said in " ".join(note.text for note in repairs)
    assert all(note.line >= 7 and note.column for note in repairs)


DOUBLED = """\
  - match: [{uri: {prefix: /x}}]
    timeout: 1s
    route:
    - destination:
        host: a
        subset: v1
      weight: 100
    # kept
    route:
    - destination:
        host: a
        subset: v1
      weight: 100
  - route: [{destination: {host: a}}]
"""


def test_a_key_that_is_there_twice_with_one_value_is_there_once(converter: Converter) -> None:
    result = converter.result(http(DOUBLED))
    (file,) = result.files
    (doc,) = file.docs
    assert [(note.text, note.line, note.column) for note in doc.repairs] == [
        ("route appears twice with one value; the second is dropped.", 15, 5)
    ]
    once = {"destination": {"host": "a", "subset": "v1"}, "weight": 100}
    assert yaml.safe_load(file.text() or "")["spec"]["http"][0]["route"] == [once]
    assert (file.text() or "").count("weight: 100") == 1
    assert "# kept" in (file.text() or "")
    # The file ends where the second value does.
    (found,) = converter.outputs(http("  - route: [{destination: {host: a}}]\n    timeout: 1s\n    timeout: 1s"))
    assert found["spec"]["http"][0]["timeout"] == "1s"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DOUBLED.replace("weight: 100\n  -", "weight: 50\n  -"), "line 15, "),
        (DOUBLED.replace("weight: 100\n  -", "weight: 50\n  -"), "the key route appears twice, with another value"),
        (DOUBLED.replace("timeout: 1s", "{timeout: 1s, timeout: 1s}"), "not valid YAML"),
        (
            "  - {route: [{destination: {host: a}}], timeout: 1s, timeout: 1s}\n",
            "twice, with the same value; keep one",
        ),
        # Two of its kind, not one.
        ("  - timeout: 1\n    timeout: '1'\n    route: [{destination: {host: a}}]\n", "with another value"),
    ],
)
def test_a_key_that_is_there_twice_otherwise_is_refused(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(http(text))


def test_a_nested_route_is_a_rule_of_its_own(converter: Converter) -> None:
    text = (
        "  - match: [{port: 1}]\n    route:\n    - destination: {host: a}\n"
        "    - route:\n      - destination: {host: b}\n"
    )
    assert converter.outputs(http(text))[0]["spec"]["http"] == [
        {"match": [{"port": 1}], "route": [{"destination": {"host": "a"}}]},
        {"route": [{"destination": {"host": "b"}}]},
    ]


def test_a_weight_in_a_destination_is_moved_out(converter: Converter) -> None:
    text = "  - route:\n    - destination: {host: a, weight: 95}\n    - destination: {host: b, weight: 5}\n"
    assert converter.outputs(http(text))[0]["spec"]["http"][0]["route"] == [
        {"destination": {"host": "a"}, "weight": 95},
        {"destination": {"host": "b"}, "weight": 5},
    ]


def test_errors_counted_502_to_504_only(converter: Converter) -> None:
    text = service("  host: a\n  trafficPolicy: {outlierDetection: {consecutiveErrors: 7}}\n", "DestinationRule")
    assert converter.outputs(text)[0]["spec"]["trafficPolicy"]["outlierDetection"] == {
        "consecutiveGatewayErrors": 7,
        "consecutive5xxErrors": 0,
    }


def test_comments_stay_and_untouched_text_stays_as_it_is(converter: Converter) -> None:
    text = "# why\n" + service("  # hosts\n  hosts:   [a]  # one\n  http:\n  - route: [{destination: {host: a}}]\n")
    out = converter.result(text).files[0].text() or ""
    assert out.replace(out.splitlines()[0] + "\n", "") == text.replace("v1alpha3", "v1")
    text = "# why\n" + http(
        "  # late\n  - fault:\n      delay: {percent: 1, fixedDelay: 1s}  # slow\n    route: "
        "[{destination: {host: a}}]\n"
    )
    out = converter.result(text).files[0].text() or ""
    assert all(comment in out for comment in ("# why", "# late", "# slow"))
    assert yaml.safe_load(out)["spec"]["http"][0]["fault"] == {
        "delay": {"percentage": {"value": 1}, "fixedDelay": "1s"}
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            http("  - route: [{destination: {host: a}}]\n    timeuot: 1s\n"),
            "line 8, VirtualService a, spec.http[0].timeuot",
        ),
        (http("  - match: [{uri: {regex: '(?!a)'}}]\n    route: [{destination: {host: a}}]\n"), "RE2"),
        (http("  - {}\n  - {}\n  route:\n  - destination: {host: a}\n"), "not clear to which"),
        (service("  filters: []\n", "EnvoyFilter"), "written for Envoy's API v2"),
        (http("  - route: [{destination: {host: a, port: {name: x}}}]\n"), "must be a number today"),
        (http("  - fault: {delay: {percent: 101, fixedDelay: 1s}}\n"), "from 0 to 100"),
    ],
)
def test_what_has_no_place_is_named(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(text)


def test_subsets_that_are_no_list_are_refused(converter: Converter) -> None:
    text = (
        "apiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: r}\n"
        "spec: {host: r, subsets: 5}\n"
    )
    assert "spec.subsets must be a list of mappings" in converter.refusal(text)


@pytest.mark.parametrize(
    "item",
    [
        "{fault: {delay: {percent: 100, fixedDelay: 5}}}",
        "{fault: {delay: {percent: 100, fixed_delay: '5'}}}",
        "{timeout: 2.5}",
        "{retries: {attempts: 3, perTryTimeout: 2}}",
        "{corsPolicy: {maxAge: 1 day}}",
    ],
)
def test_a_duration_without_a_unit_has_no_single_reading(converter: Converter, item: str) -> None:
    assert "must be a duration with a unit, such as 5s or 100ms" in converter.refusal(http(f"    [{item}]"))


def test_zero_is_zero_in_any_unit_and_names_of_headers_are_none(converter: Converter) -> None:
    item = "{timeout: 0, headers: {request: {set: {timeout: '5'}}}, route: [{destination: {host: a}}]}"
    (found,) = converter.outputs(http(f"    [{item}]"))
    assert found["spec"]["http"][0]["timeout"] == "0s"
    assert found["spec"]["http"][0]["headers"]["request"]["set"] == {"timeout": "5"}


def test_origins_without_a_value_are_left_out(converter: Converter) -> None:
    (found,) = converter.outputs(http("    [{corsPolicy: {allow_origin: null, maxAge: 24h}}]"))
    assert found["spec"]["http"][0]["corsPolicy"] == {"maxAge": "24h"}
    assert "must be a list of strings" in converter.refusal(http("    [{corsPolicy: {allow_origin: [null]}}]"))


def test_what_a_server_set_is_left_out_of_what_changes(converter: Converter) -> None:
    applied = "{kubectl.kubernetes.io/last-applied-configuration: '{}', mine: a}"
    meta = f"{{name: a, uid: x, resourceVersion: '5', managedFields: [], annotations: {applied}}}"
    text = http("    [{mirror_percent: 5, mirror: {host: a}}]").replace("{name: a}", meta) + "\nstatus: {a: b}\n"
    assert meta in text
    (found,) = converter.outputs(text)
    assert found["metadata"] == {"name": "a", "annotations": {"mine": "a"}}
    assert "status" not in found
    said = [note.text for note in converter.result(text).docs[0].notes]
    for field in ("metadata.uid", "metadata.resourceVersion", "metadata.managedFields", "status", "last-applied"):
        assert any(field in text and "left out" in text for text in said)
    # A document that has nothing to convert passes byte for byte, whatever it holds.
    same = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, uid: x}\n"
    assert converter.result(same).files[0].text() == same


def envoy_filter(name: str, value: str) -> str:
    listener = f"{{filterChain: {{filter: {{name: envoy.http_connection_manager, subFilter: {{name: {name}}}}}}}}}"
    change = f"{{operation: INSERT_BEFORE, value: {value}}}"
    patch = f"{{applyTo: HTTP_FILTER, match: {{listener: {listener}}}, patch: {change}}}"
    api = "networking.istio.io/v1alpha3"
    return f"apiVersion: {api}\nkind: EnvoyFilter\nmetadata: {{name: a}}\nspec: {{configPatches: [{patch}]}}\n"


def test_old_names_of_filters_become_todays(converter: Converter) -> None:
    typed = "{name: envoy.lua, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}"
    (found,) = converter.outputs(envoy_filter("envoy.router", typed))
    (patch,) = found["spec"]["configPatches"]
    assert patch["match"]["listener"]["filterChain"]["filter"] == {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": {"name": "envoy.filters.http.router"},
    }
    assert patch["patch"]["value"]["name"] == "envoy.filters.http.lua"
    for name, value, reason in (
        ("mixer", typed, "Mixer is gone"),
        ("envoy.router", "{name: envoy.lua, config: {inlineCode: x}}", "Envoy's API v2"),
        (
            "envoy.router",
            "{name: a, typed_config: {'@type': type.googleapis.com/envoy.config.filter.http.lua.v2.Lua}}",
            "Envoy's API v2",
        ),
    ):
        assert reason in converter.refusal(envoy_filter(name, value))
