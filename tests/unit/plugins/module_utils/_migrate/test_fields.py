# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml

from .conftest import Converter
from .route_rules import rule
from .routings import service

Json = dict[str, t.Any]


def virtual_service(spec: str) -> str:
    return service("", "VirtualService").replace("spec:\n", f"spec: {spec}\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{hosts: a}", "{hosts: [a]}", "spec.hosts is a list; its one item becomes a list of one."),
        (
            "{http: [{retries: {attempts: '3'}}]}",
            "{http: [{retries: {attempts: 3}}]}",
            "The quotes around the number 3 are dropped.",
        ),
        (
            "{http: [{route: [{destination: {host: a, subset: 1}}]}]}",
            "{http: [{route: [{destination: {host: a, subset: '1'}}]}]}",
            "1 is quoted, since spec.http[0].route[0].destination.subset is a string.",
        ),
        ("{http: [{timeout: 0}]}", "{http: [{timeout: 0s}]}", "0 is 0s."),
        ("{http: [{timeout: 1d}]}", "{http: [{timeout: 24h}]}", "1d is 24h."),
    ],
)
def test_what_has_one_reading_is_mended_and_told(converter: Converter, old: str, new: str, said: str) -> None:
    (found,) = converter.outputs(virtual_service(old))
    assert found["spec"] == yaml.safe_load(new)
    assert [note.text for note in converter.result(virtual_service(old)).docs[0].repairs] == [said]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{hosts: {a: b}}", "spec.hosts must be a list."),
        ("{http: [null]}", "spec.http[0] is empty; fill it in or remove it."),
        ("{http: [5]}", "spec.http[0] must be a mapping."),
        ("{http: [{name: [a]}]}", "spec.http[0].name must be a single value."),
        ("{http: [{name: true}]}", "spec.http[0].name must be a string; quote true."),
        ("{http: [{retries: {attempts: true}}]}", "spec.http[0].retries.attempts must be a number, not true."),
        ("{http: [{retries: {attempts: 1.5}}]}", "spec.http[0].retries.attempts must be a number, not 1.5."),
        (
            "{http: [{corsPolicy: {allowCredentials: often}}]}",
            "spec.http[0].corsPolicy.allowCredentials must be true or false, not 'often'.",
        ),
        (
            "{http: [{redirect: {derivePort: MINE}}]}",
            "spec.http[0].redirect.derivePort must be one of FROM_PROTOCOL_DEFAULT, FROM_REQUEST_PORT, not MINE.",
        ),
        ("{export_to: [a], exportTo: [b]}", "spec.exportTo appears twice, in two spellings."),
        ("{htpp: []}", "spec.htpp has no place in today's API; is http meant?"),
    ],
)
def test_what_has_none_is_refused_with_its_field(converter: Converter, spec: str, said: str) -> None:
    assert converter.refusal(virtual_service(spec)).endswith(said)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("corsPolicy: {allowMethods: GET}", "spec.http[0].corsPolicy.allowMethods, which must be a list."),
        ("rewrite: {uri: {a: b}}", "spec.http[0].rewrite.uri, which must be a single value."),
        (
            "corsPolicy: {allowHeaders: [{a: b}]}",
            "spec.http[0].corsPolicy.allowHeaders[0], which must be a single value.",
        ),
    ],
)
def test_what_is_made_anew_is_what_the_api_takes(converter: Converter, spec: str, said: str) -> None:
    refusal = converter.refusal(rule("a", f"{{destination: {{name: ratings}}, {spec}}}"))
    assert refusal.endswith(f"the VirtualService ratings would have {said}")
