# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml

from .conftest import Converter
from .routings import http, service

Json = dict[str, t.Any]


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
            "line 8, VirtualService a: spec.http[0].timeuot has no place in today's API; is timeout meant?",
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


def test_a_day_is_so_many_hours(converter: Converter) -> None:
    text = http("    [{corsPolicy: {maxAge: 1d}, route: [{destination: {host: a}}]}]")
    assert converter.outputs(text)[0]["spec"]["http"][0]["corsPolicy"] == {"maxAge": "24h"}
    assert "1d is 24h." in [note.text for note in converter.result(text).docs[0].repairs]


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


def envoy_filter(name: str, value: str, kind: str = "HTTP_FILTER") -> str:
    listener = f"{{filterChain: {{filter: {{name: envoy.http_connection_manager, subFilter: {{name: {name}}}}}}}}}"
    change = f"{{operation: INSERT_BEFORE, value: {value}}}"
    patch = f"{{applyTo: {kind}, match: {{listener: {listener}}}, patch: {change}}}"
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


@pytest.mark.parametrize(
    ("kind", "today"),
    [("HTTP_FILTER", "envoy.filters.http.ext_authz"), ("NETWORK_FILTER", "envoy.filters.network.ext_authz")],
)
def test_a_name_of_two_filters_is_that_of_its_place(converter: Converter, kind: str, today: str) -> None:
    text = envoy_filter("envoy.ext_authz", "{name: envoy.ext_authz, typed_config: {}}", kind)
    (found,) = converter.outputs(text)
    (patch,) = found["spec"]["configPatches"]
    assert patch["patch"]["value"]["name"] == today
    match = patch["match"]["listener"]["filterChain"]["filter"]
    assert match["subFilter"]["name"] == "envoy.filters.http.ext_authz"
    network = envoy_filter("envoy.router", "{}", "CLUSTER").replace("envoy.http_connection_manager", "envoy.ext_authz")
    (found,) = converter.outputs(network)
    (patch,) = found["spec"]["configPatches"]
    assert patch["match"]["listener"]["filterChain"]["filter"]["name"] == "envoy.filters.network.ext_authz"


@pytest.mark.parametrize("key", ["@type", "type_url"])
@pytest.mark.parametrize(
    ("kind", "old"),
    [
        ("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", False),
        ("envoy.api.v2.auth.UpstreamTlsContext", True),
        ("envoy.config.accesslog.v2.FileAccessLog", True),
        ("envoy.config.filter.network.thrift_proxy.v2alpha1.ThriftProxy", True),
        ("acme.api.v2.Mine", False),
    ],
)
def test_types_of_the_old_api_are_found_however_deep(converter: Converter, key: str, kind: str, old: bool) -> None:
    config = f"{{'{key}': type.googleapis.com/{kind}}}"
    text = envoy_filter("envoy.router", f"{{sockets: [{{typed_config: {config}}}]}}", "CLUSTER")
    if old:
        assert f"patch.value.sockets[0].typed_config.{key} was written for Envoy's API v2" in converter.refusal(text)
    else:
        assert len(converter.outputs(text)) == 1


@pytest.mark.parametrize(
    "field", ["connectionPool: {tcp: {tcpKeepalive: {time: N}}}", "loadBalancer: {warmup: {duration: N}}"]
)
def test_seconds_without_a_unit_are_no_duration(converter: Converter, field: str) -> None:
    text = service(f"  host: a\n  trafficPolicy: {{{field}}}\n", "DestinationRule")
    assert "must be a duration with a unit" in converter.refusal(text.replace("N", "7200"))
    assert len(converter.outputs(text.replace("N", "7200s"))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{appendHeaders: {a: b}, appendRequestHeaders: {c: d}}", {"request": {"add": {"a": "b", "c": "d"}}}),
        ("{headers: {request: {add: {a: b}}}, append_headers: {c: d}}", {"request": {"add": {"a": "b", "c": "d"}}}),
        (
            "{headers: {response: {remove: [a]}}, removeResponseHeaders: [b]}",
            {"response": {"remove": ["a", "b"]}},
        ),
    ],
)
def test_headers_of_several_fields_are_joined(converter: Converter, old: str, new: Json) -> None:
    (found,) = converter.outputs(http(f"    [{old[:-1]}, route: [{{destination: {{host: a}}}}]}}]"))
    assert found["spec"]["http"][0]["headers"] == new


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (
            "{appendHeaders: {a: b}, appendRequestHeaders: {a: d}}",
            "appendRequestHeaders and spec.http[0].appendHeaders",
        ),
        (
            "{headers: {request: {add: {a: b}}}, appendHeaders: {a: d}}",
            "appendHeaders and spec.http[0].headers.request.add",
        ),
    ],
)
def test_one_header_in_two_fields_is_refused_with_both(converter: Converter, old: str, said: str) -> None:
    assert f"spec.http[0].{said} are about one header; keep one" in converter.refusal(http(f"    [{old}]"))


def test_the_first_settings_for_http_counted_each_5xx(converter: Converter) -> None:
    def outlier(text: str) -> str:
        return service(f"  host: a\n  trafficPolicy: {{outlierDetection: {text}}}\n", "DestinationRule")

    (found,) = converter.outputs(
        outlier("{http: {consecutiveErrors: 7, interval: 5m, base_ejection_time: 15m, maxEjectionPercent: 50}}")
    )
    assert found["spec"]["trafficPolicy"]["outlierDetection"] == {
        "consecutive5xxErrors": 7,
        "interval": "5m",
        "baseEjectionTime": "15m",
        "maxEjectionPercent": 50,
    }
    (empty,) = converter.outputs(outlier("{http: {}}"))
    assert empty["spec"]["trafficPolicy"]["outlierDetection"] == {}
    assert "http and spec.trafficPolicy.outlierDetection.interval are both there" in converter.refusal(
        outlier("{http: {consecutiveErrors: 7}, interval: 5m}")
    )
    assert "outlierDetection.http must be a mapping" in converter.refusal(outlier("{http: 5}"))
    assert "outlierDetection.timeout has no place" in converter.refusal(outlier("{http: {timeout: 5s}}"))


@pytest.mark.parametrize("port", ["80", "{name: http}"])
def test_a_port_of_a_destination_is_a_number(converter: Converter, port: str) -> None:
    (found,) = converter.outputs(http(f"    [{{route: [{{destination: {{host: ratings, port: {port}}}}}]}}]"))
    assert found["spec"]["http"][0]["route"][0]["destination"]["port"] == {"number": 80}
    level = "{host: ratings, trafficPolicy: {portLevelSettings: [{port: {name: http}}]}}"
    text = service("", "DestinationRule").replace("spec:\n", f"spec: {level}\n")
    (rule,) = converter.outputs(text)
    assert rule["spec"]["trafficPolicy"]["portLevelSettings"] == [{"port": {"number": 80}}]
    unknown = http("    [{route: [{destination: {host: ratings, port: {name: grpc}}}]}]")
    assert "the Service ratings with that port is needed" in converter.refusal(unknown)


def test_an_old_field_beside_its_successor_is_left_out(converter: Converter) -> None:
    outlier = "{consecutiveErrors: 7, consecutiveGatewayErrors: 3}"
    text = service(f"  host: a\n  trafficPolicy: {{outlierDetection: {outlier}}}\n", "DestinationRule")
    (found,) = converter.outputs(text)
    assert found["spec"]["trafficPolicy"]["outlierDetection"] == {"consecutiveGatewayErrors": 3}
    (note,) = converter.result(text).docs[0].notes
    assert note.field == "spec.trafficPolicy.outlierDetection.consecutiveErrors"
    assert note.text == "consecutiveErrors is left out, since its successor is there."


def test_an_external_service_is_a_service_entry(converter: Converter) -> None:
    spec = "  hosts: [a.b]  # there\n  ports: [{number: 80, name: http, protocol: HTTP}]\n  discovery: DNS\n"
    text = (converter.result(service(spec, "ExternalService")).files[0].text() or "").partition("\n")[2]
    assert text.startswith("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n")
    assert "hosts: [a.b]  # there\n" in text
    (found,) = converter.outputs(service(spec, "ServiceEntry"))
    assert found["spec"]["resolution"] == "DNS"
    assert found == converter.outputs(service(spec, "ExternalService"))[0]
