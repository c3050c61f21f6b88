# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the converter that Istio 1.4 and 1.5 had for RBAC, where they lie beside the project."""

from __future__ import annotations

import itertools
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate

from . import reference
from .conftest import shared

Json = dict[str, t.Any]

ROOT = "my-root-namespace"


class Case(t.NamedTuple):
    """A line of the index; files may be missing."""

    name: str
    folder: Path
    inputs: list[str]
    wanted: str
    error: str

    @property
    def complete(self) -> bool:
        """Whether all is there but Services, which the tests bring along."""
        own = [
            name for name in [*self.inputs, self.wanted] if name and not name.startswith(("svc-", "service-", "istio-"))
        ]
        return all((self.folder / name).exists() for name in own)


def cases() -> list[Case]:
    corpus = shared("legacy-corpus")
    if corpus is None:
        return []
    found = []
    for line in (corpus / "ORACLES.tsv").read_text().splitlines()[1:]:
        version, name, inputs, wanted, error = [*line.split("\t"), ""][:5]
        folder = corpus / "istio+istio" / version / "istioctl/cmd/testdata/authz/converter"
        found.append(Case(f"{version} {name}", folder, inputs.split(), wanted, error))
    return [case for case in found if case.complete]


CASES = cases()


def service(name: str, **labels: str) -> Json:
    ports = [{"port": 9080, "target_port": 9080}]
    return {"name": name, "namespace": "default", "selector": labels, "ports": ports}


def services(case: Case) -> list[Json]:
    """Services with the selectors that the wanted outputs have."""
    version = {"version": "v1"} if case.name.startswith("1.5") else {}
    found = [service(name, app=name, **version) for name in ("productpage", "details", "reviews", "ratings")]
    found += [service(name, app=name) for name in ("httpbin", "prefix-httpbin1-suffix", "prefix-httpbin2-suffix")]
    return [*found, service("svc-a", app="svc-a"), service("a-svc", app="a-svc")]


def converted(case: Case) -> Result:
    sources: list[tuple[str, bytes | str]] = [
        (name, (case.folder / name).read_bytes()) for name in case.inputs if (case.folder / name).exists()
    ]
    return migrate(sources, Options(root_namespace=ROOT), [{"services": services(case)}])


def demands(policies: list[Json]) -> t.Iterator[tuple[str, str]]:
    """All that policies compare, with a value that fits it."""
    for policy in policies:
        for rule in (policy["spec"] or {}).get("rules", []):
            parts = [item["source"] for item in rule.get("from", [])] + [
                item["operation"] for item in rule.get("to", [])
            ]
            for part in parts:
                for name, patterns in part.items():
                    for pattern in patterns:
                        yield reference.FIELDS[name], fitting(name, pattern)
            for condition in rule.get("when", []):
                for pattern in condition["values"]:
                    yield condition["key"], fitting("", pattern)


def fitting(name: str, pattern: str) -> str:
    if name == "ipBlocks":
        return pattern.partition("/")[0]
    return pattern.replace("*", "some") if pattern != "*" else "some"


def requests(policies: list[Json]) -> t.Iterator[dict[str, str]]:
    """Requests with all that is asked for, each of them lacking some of it or having something else."""
    values: dict[str, set[str]] = {"request.method": {"GET"}, "request.path": {"/"}}
    for key, value in demands(policies):
        values.setdefault(key, set()).add(value)
    values.pop("destination.port", None)
    keys = sorted(values)
    always = {"request.method", "request.path"}
    for chosen in itertools.islice(itertools.product(*(sorted(values[key]) for key in keys)), 300):
        full = {"destination.port": "9080", **dict(zip(keys, chosen, strict=True))}
        yield full
        for count in (1, 2):
            for changed in itertools.combinations(keys, count):
                yield {**full, **{key: "9.9.9.9" if key == "source.ip" else "other" for key in changed}}
                yield {key: value for key, value in full.items() if key not in changed or key in always}


def workloads(case: Case, policies: list[Json]) -> list[tuple[str, dict[str, str]]]:
    found = [(item["namespace"], item["selector"]) for item in services(case)]
    found += [(namespace, {"app": "any"}) for namespace in ("default", "ns1", "ns2", "ns3", "ns4")]
    for policy in policies:
        labels = ((policy["spec"] or {}).get("selector") or {}).get("matchLabels") or {}
        found.append((policy["metadata"]["namespace"], labels))
    return found


if CASES:

    @pytest.mark.parametrize("case", [case for case in CASES if case.wanted], ids=lambda case: case.name)
    def test_the_output_means_what_istios_own_did(case: Case) -> None:
        result = converted(case)
        assert result.refusals() == []
        ours = [out for doc in result.docs for out in doc.outputs]
        wanted = [doc for doc in yaml.safe_load_all((case.folder / case.wanted).read_text()) if doc]
        said = " ".join(note.text for doc in result.docs for note in doc.differences)
        for namespace, labels in workloads(case, [*ours, *wanted]):
            for request in requests([*ours, *wanted]):
                here = reference.allowed(ours, namespace, labels, request, ROOT)
                there = reference.allowed(wanted, namespace, labels, request, ROOT)
                # Istio's left out a condition whose value is "*"; here it asks for one, and the report says so.
                assert here == there or (there and not here and "not empty" in said), (namespace, labels, request)

    @pytest.mark.parametrize("case", [case for case in CASES if case.error], ids=lambda case: case.name)
    def test_what_istios_own_refused_is_refused_or_explained(case: Case) -> None:
        result = converted(case)
        word = case.error.split()[0].rstrip('"')
        if case.error.startswith("no ClusterRbacConfig"):
            assert "RBAC is taken to have been on" in str([doc.differences for doc in result.docs])
        else:
            assert any(word in line for line in result.refusals()), result.refusals()
