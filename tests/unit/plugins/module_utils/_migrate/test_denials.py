# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .test_mixer import denier, listed


def test_tcp_is_what_has_no_method(converter: Converter) -> None:
    texts = [note.text for note in converter.result(denier("'request.method != \"GET\"'")).docs[2].differences]
    assert texts[0] == (
        "request.method with another value: a connection by TCP, which has no request.method, is denied too."
    )
    assert 'a connection by TCP, which has no request.method, counts as "GET" and is denied' in str(
        converter.result(denier('\'(request.method | "GET") == "GET"\'')).refusals()
    )
    texts = [note.text for note in converter.result(denier('\'request.headers["x"] != "y"\'')).docs[2].differences]
    assert texts[0] == 'request.headers["x"] with another value: a request without it is denied too.'


def test_an_asterisk_that_stood_for_itself_is_told_as_such(converter: Converter) -> None:
    refusals = converter.result(denier('\'match(request.headers["x"], "*a*")\'')).refusals()
    assert "* in *a stood for itself, and would make it a pattern today" in str(refusals)


def test_a_list_may_be_of_methods_paths_or_hosts(converter: Converter) -> None:
    def operation(params: str, value: str) -> object:
        return converter.outputs(listed(params, value))[0]["spec"]["rules"][0]["to"][0]["operation"]

    assert operation("{overrides: [GET, HEAD], blacklist: false}", "request.method") == {"notMethods": ["GET", "HEAD"]}
    assert operation("{overrides: [/admin], blacklist: true}", 'request.path | "/"') == {"paths": ["/admin"]}
    assert operation("{overrides: [a.example], blacklist: true}", "request.host") == {"hosts": ["a.example"]}
    told = converter.result(listed("{overrides: [/admin], blacklist: true}", "request.path")).docs[2].differences
    assert "without its query string" in str(told)
    asked = listed("{overrides: [GET], blacklist: true}", "request.method", "'request.method == \"POST\"'")
    assert "request.method is asked for twice" in str(converter.result(asked).refusals())


def test_a_workload_is_asked_for_by_its_labels(converter: Converter) -> None:
    refusals = converter.result(denier("'destination.workload.name == \"ratings\"'")).refusals()
    assert "destination.workload.name cannot be said in an AuthorizationPolicy; ask for the workload's labels" in str(
        refusals
    )


def test_where_an_empty_header_was_denied_so_is_a_missing_one_and_that_is_told(converter: Converter) -> None:
    result = converter.result(denier('\'request.headers["x"] == ""\''))
    assert "a request without it is denied too" in str([doc.differences for doc in result.docs])


SERVICE = """apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {selector: {app: ratings}, ports: [{port: 80, targetPort: 9080}, {port: 81, targetPort: 9081}]}
---
"""
NAMED = 'destination.service == "ratings.default.svc.cluster.local"'


@pytest.mark.parametrize("tests", [(NAMED, 'destination.port == "9081"'), ('destination.port == "9081"', NAMED)])
def test_a_port_narrows_those_of_a_service(converter: Converter, tests: tuple[str, str]) -> None:
    (*_rest, policy) = converter.outputs(SERVICE + denier(f"'{' && '.join(tests)}'"))
    assert policy["spec"]["rules"][0]["to"] == [{"operation": {"ports": ["9081"]}}]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (('destination.port == "1"', 'destination.port == "2"'), "the port is asked to be 2 and 1"),
        ((NAMED, 'destination.port == "1"'), "the port is asked to be 1 and 9080 or 9081"),
        (('destination.port == "1"', NAMED), "the port is asked to be 9080 or 9081 and 1"),
    ],
)
def test_ports_that_exclude_each_other_are_refused(converter: Converter, tests: tuple[str, str], said: str) -> None:
    assert said in str(converter.result(SERVICE + denier(f"'{' && '.join(tests)}'")).refusals())
