# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas in Mixer's forms, and what is written for them."""

from __future__ import annotations

import typing as t

import yaml

Json = dict[str, t.Any]

OLD = """\
apiVersion: config.istio.io/v1alpha2
kind: {kind}
metadata: {{name: handler, namespace: istio-system}}
spec:
  quotas:
  - name: requests.quota.istio-system
    maxAmount: 500
    validDuration: 60s
    overrides:
    - dimensions: {{destination: ratings, source: reviews}}
      maxAmount: 1
      {window}
---
apiVersion: config.istio.io/v1alpha2
kind: quota
metadata: {{name: requests, namespace: istio-system}}
spec:
  dimensions:
    source: source.labels["app"] | "unknown"
    destination: destination.labels["app"] | destination.service | "unknown"
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{name: quota, namespace: istio-system}}
spec:
  match: {match}
  actions:
  - handler: handler.{kind}
    instances: [requests.quota]
---
"""
BINDING = """\
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpec
metadata: {name: spec, namespace: istio-system}
spec: {rules: [{quotas: [{charge: CHARGE, quota: requests}]}]}
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpecBinding
metadata: {name: binding, namespace: istio-system}
spec:
  quotaSpecs: [{name: spec, namespace: istio-system}]
  services: [{name: ratings, namespace: default}]
"""
NEW = """\
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: counter, namespace: istio-system}
spec:
  compiledAdapter: redisquota
  params:
    redisServerUrl: redis:6379
    quotas:
    - name: requests.instance.istio-system
      maxAmount: 10
      validDuration: 1s
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: requests, namespace: istio-system}
spec:
  compiledTemplate: quota
  params:
    dimensions:
      caller: request.headers["x-forwarded-for"] | "nobody"
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: quota, namespace: istio-system}
spec:
  actions:
  - handler: counter
    instances: [requests]
---
"""


def old(kind: str = "memquota", window: str = "validDuration: 60s", match: str = '"true"', charge: int = 1) -> str:
    return OLD.format(kind=kind, window=window, match=match) + BINDING.replace("CHARGE", str(charge))


def config_of(found: list[Json]) -> Json:
    return t.cast(Json, yaml.safe_load(found[0]["data"]["config.yaml"]))


def limits_of(found: list[Json]) -> list[Json]:
    return t.cast(list[Json], found[1]["spec"]["configPatches"][1]["patch"]["value"]["rate_limits"])
