# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, ConfigError, conflicting_fields
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import from_status

TYPED = "failed to create typed patch object (ns/r; networking.istio.io/v1, Kind=VirtualService): "


@pytest.mark.parametrize(
    ("status", "reason", "message", "causes", "sentence"),
    [
        (
            401,
            "Unauthorized",
            "Unauthorized",
            [],
            "the API server does not accept the credentials (401 Unauthorized); "
            "renew the token or the client certificate.",
        ),
        (
            403,
            "Forbidden",
            'pods is forbidden: User "jane" cannot list resource "pods"',
            [],
            'pods is forbidden: User "jane" cannot list resource "pods"; '
            "use credentials that have this right, or ask for it to be granted.",
        ),
        (
            403,
            "Forbidden",
            "it is being terminated",
            [{"reason": "NamespaceTerminating"}],
            "it is being terminated; wait until the namespace is gone, then run this again.",
        ),
        (
            403,
            "Forbidden",
            "exceeded quota: q",
            [],
            "exceeded quota: q; raise the quota or remove what is not needed.",
        ),
        (
            403,
            "Forbidden",
            'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
            '(container "c" must set securityContext.allowPrivilegeEscalation=false)',
            [],
            "the namespace admits only pods of the Pod Security level restricted, which these are not: "
            'allowPrivilegeEscalation != false (container "c" must set '
            "securityContext.allowPrivilegeEscalation=false); correct the pod's securityContext, "
            "or set the namespace's label pod-security.kubernetes.io/enforce to a level that admits it.",
        ),
        (
            0,
            "ExecFailed",
            'error executing command in container: exec: "cat": executable file not found in $PATH: unknown',
            [],
            "the container has no program cat; use another container or another image.",
        ),
        (
            400,
            "BadRequest",
            'admission webhook "validation.istio.io" denied the request: configuration is invalid: '
            "total destination weight = 0",
            [],
            "refused by the admission webhook validation.istio.io: configuration is invalid: "
            "total destination weight = 0; correct the document.",
        ),
        (
            500,
            "InternalError",
            'Internal error occurred: failed calling webhook "validation.istio.io": failed to call webhook: EOF',
            [],
            "the admission webhook validation.istio.io could not be asked: failed to call webhook: EOF; "
            "check that the pods behind it (for Istio kinds: istiod) are ready.",
        ),
        (
            500,
            "",
            TYPED + ".spec.htttp: field not declared in schema",
            [],
            "the API has no field spec.htttp; correct the spelling or the place of that field.",
        ),
        (
            500,
            "",
            TYPED + ".spec.hosts: expected list, got &{x}",
            [],
            "spec.hosts must be a list; correct the value.",
        ),
        (
            500,
            "",
            TYPED + ".spec.http[0].route[0].weight: expected numeric (int or float), got string",
            [],
            "spec.http[0].route[0].weight must be a number; correct the value.",
        ),
        (
            400,
            "BadRequest",
            'strict decoding error: unknown field "spec.portz"',
            [],
            "the API has no field spec.portz; correct the spelling or the place of that field.",
        ),
        (
            422,
            "Invalid",
            "invalid",
            [{"field": "metadata.name", "message": 'Invalid value: "X"'}],
            'the API server rejects it: metadata.name: Invalid value: "X"; correct these fields.',
        ),
        (
            404,
            "NotFound",
            'namespaces "x" not found',
            [],
            'namespaces "x" not found; create the namespace first, or put it in the same set of documents.',
        ),
        (
            429,
            "TooManyRequests",
            "slow down",
            [],
            "the API server is overloaded and refused every try (429 Too Many Requests); run this again later.",
        ),
        (500, "InternalError", "boom\n over\tlines.", [], "boom over lines."),
    ],
)
def test_sentences(status: int, reason: str, message: str, causes: list[dict[str, t.Any]], sentence: str) -> None:
    assert ApiError(status, reason, message, causes).sentence() == sentence


def test_the_object_comes_first_and_is_named_once() -> None:
    error = ApiError(500, "", "boom").about("Pod a/b").about("Pod c/d")
    assert error.sentence() == "Pod a/b: boom."


def test_conflicts_are_grouped_by_manager() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" using apps/v1',
            "field": ".spec.replicas",
        },
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".metadata.labels.a"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using apps/v1', "field": ".spec.paused"},
    ]
    error = ApiError(409, "Conflict", "Apply failed with 3 conflicts", causes, subject="Deployment a/b")
    assert conflicting_fields(error) == {"kubectl": ["spec.replicas", "spec.paused"], "helm": ["metadata.labels.a"]}
    assert error.sentence() == (
        "Deployment a/b: field manager kubectl owns spec.paused, spec.replicas; "
        "field manager helm owns metadata.labels.a; "
        "leave these fields out, or set force to true to take them over."
    )


def test_an_answer_of_something_else_than_the_api_server() -> None:
    error = from_status(502, b"<html>bad gateway</html>")
    assert error.sentence() == "<html>bad gateway</html>."
    assert from_status(503, b"").sentence() == "HTTP status 503."


def test_retry_after_from_the_body() -> None:
    assert from_status(429, b'{"kind": "Status", "details": {"retryAfterSeconds": 3}}').retry_after == 3.0


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind": "Status", "details": []}',
        b'{"kind": "Status", "details": {"causes": 5, "retryAfterSeconds": "x"}}',
        b'{"kind": "Status", "details": {"causes": [5]}}',
        b"[" * 100_000,
    ],
)
def test_a_status_that_is_none_is_an_error_all_the_same(body: bytes) -> None:
    error = from_status(500, body)
    assert error.sentence()
    assert (error.causes, error.retry_after) == ([], None)


def test_a_mistake_of_the_configuration_is_about_no_object() -> None:
    assert ConfigError("the option host is wrong.").about("Pod a/b").sentence() == "the option host is wrong."


@pytest.mark.parametrize("said", ["failed to create typed patch object (a): {}: x", "{}: x"])
def test_a_long_name_of_a_field_takes_no_time(said: str) -> None:
    begun = time.process_time()
    message = said.format("." * 200_000)
    assert ApiError(500, "InternalError", message).sentence()
    assert time.process_time() - begun < 2
