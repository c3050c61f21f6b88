# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of several folders are one input, and variants in them stay apart."""

from __future__ import annotations

import typing as t

import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate

Json = dict[str, t.Any]

RBAC = "rbac.istio.io/v1alpha1"
MIXER = "config.istio.io/v1alpha2"


def document(api: str, kind: str, name: str, **spec: t.Any) -> str:
    metadata = {"name": name, "namespace": "default"}
    return yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}, sort_keys=False)


def role(name: str, *methods: str) -> str:
    rule = {"services": ["ratings.default.svc.cluster.local"], "methods": list(methods) or ["GET"]}
    return document(RBAC, "ServiceRole", name, rules=[rule])


def binding(name: str, role_name: str, user: str) -> str:
    ref = {"kind": "ServiceRole", "name": role_name}
    return document(RBAC, "ServiceRoleBinding", name, subjects=[{"user": user}], roleRef=ref)


def service(app: str) -> str:
    ports = [{"port": 80, "targetPort": 9080}]
    metadata = {"name": "ratings", "namespace": "default"}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": app}, "ports": ports},
        }
    )


SWITCH = document(RBAC, "ClusterRbacConfig", "default", mode="ON")
SERVICE = service("ratings")


def converted(**texts: str) -> Result:
    """What becomes of files; two underscores in a name stand for a slash."""
    return migrate([(f"{name.replace('__', '/')}.yaml", text.encode()) for name, text in texts.items()], Options())


def written(result: Result, name: str) -> list[Json]:
    text = next(file.text() for file in result.files if file.name == name)
    return [doc for doc in yaml.safe_load_all(text or "") if doc]


def callers(result: Result, name: str) -> list[str]:
    """Whom the policies of a file let in."""
    rules = [rule for doc in written(result, name) for rule in doc["spec"].get("rules", [])]
    return [who for rule in rules for source in rule["from"] for who in source["source"]["principals"]]


def test_folders_side_by_side_are_one_input() -> None:
    result = converted(
        bindings__b=binding("b", "r", "a"), cluster__rbac=SWITCH, roles__r=role("r"), services__s=SERVICE
    )
    assert result.refusals() == []
    assert [file.name for file in result.files] == [
        "bindings/b.yaml",
        "cluster/rbac.yaml",
        "roles/r.yaml",
        "services/s.yaml",
    ]
    assert callers(result, "roles/r.yaml") == ["a"]
    assert written(result, "bindings/b.yaml") == []
    assert result.files[0].docs[0].moved_to == ["AuthorizationPolicy r"]
    # The switch of the other folder is in force here, so nothing had to be assumed.
    assert not any("taken to have been on" in note.text for doc in result.docs for note in doc.differences)
    assert converted(roles__r=role("r") + "---\n" + binding("b", "r", "a"), services__s=SERVICE).docs[0].differences


def test_a_switch_that_was_off_counts_in_the_folders_beside_it() -> None:
    off = document(RBAC, "ClusterRbacConfig", "default", mode="OFF")
    result = converted(cluster__rbac=off, team__r=role("r") + "---\n" + binding("b", "r", "a"), services__s=SERVICE)
    assert (result.refusals(), written(result, "team/r.yaml")) == ([], [])


def test_the_nearest_folder_counts() -> None:
    files = {
        f"{place}__{folder}__x": text
        for place in ("dev", "prod")
        for folder, text in (("roles", role("r")), ("bindings", binding("b", "r", place)))
    }
    result = converted(**files, services__s=SERVICE)
    assert result.refusals() == []
    assert callers(result, "dev/roles/x.yaml") == ["dev"]
    assert callers(result, "prod/roles/x.yaml") == ["prod"]


def test_variants_share_what_is_above_them_and_nothing_else() -> None:
    files = {f"{place}__b": binding("b", "r", place) for place in ("dev", "prod")}
    result = converted(base__r=role("r"), base__c=SWITCH, services__s=SERVICE, **files)
    assert result.refusals() == []
    assert callers(result, "dev/b.yaml") == ["dev"]
    assert callers(result, "prod/b.yaml") == ["prod"]
    assert written(result, "base/c.yaml")[0]["metadata"]["name"] == "allow-nothing"
    assert callers(result, "base/r.yaml") == []


def test_two_folders_that_are_equally_near_are_no_answer() -> None:
    result = converted(a__r=role("r", "GET"), b__r=role("r", "POST"), c__b=binding("b", "r", "x"), services__s=SERVICE)
    (refusal,) = result.refusals()
    assert "c/b.yaml" in refusal


def test_folders_that_do_not_name_each_other_stay_apart() -> None:
    rules = [
        document(
            MIXER,
            "RouteRule",
            name,
            destination={"name": "ratings"},
            precedence=number,
            match={"request": {"headers": {"x": {"exact": name}}}},
            route=[{"labels": {"version": name}}],
        )
        for number, name in enumerate(("v1", "v2"))
    ]
    result = converted(a__x=rules[0], b__x=rules[1])
    assert [len(written(result, f"{name}/x.yaml")) for name in "ab"] == [2, 2]


def test_a_quota_finds_its_parts_in_other_folders() -> None:
    handler = document(
        MIXER, "memquota", "h", quotas=[{"name": "q.quota.default", "maxAmount": 5, "validDuration": "1s"}]
    )
    result = converted(
        a__h=handler,
        b__q=document(MIXER, "quota", "q", dimensions={"u": 'request.headers["user"]'}),
        c__r=document(MIXER, "rule", "r", actions=[{"handler": "h.memquota", "instances": ["q.quota"]}]),
        d__s=document(MIXER, "QuotaSpec", "s", rules=[{"quotas": [{"charge": 1, "quota": "q"}]}]),
        e__b=document(MIXER, "QuotaSpecBinding", "b", quotaSpecs=[{"name": "s"}], services=[{"name": "ratings"}]),
        f__s=SERVICE,
    )
    assert result.refusals() == []
    assert {doc["kind"] for doc in written(result, "a/h.yaml")} == {"ConfigMap", "EnvoyFilter"}
    assert "user" in str(written(result, "a/h.yaml"))


def test_a_policy_of_old_routing_goes_with_the_rules_of_its_host() -> None:
    rule = document(MIXER, "RouteRule", "r", destination={"name": "ratings"}, route=[{"labels": {"version": "v1"}}])
    policy = document(
        MIXER, "DestinationPolicy", "p", destination={"name": "ratings"}, loadBalancing={"name": "ROUND_ROBIN"}
    )
    result = converted(policies__p=policy, rules__r=rule)
    found = [doc for name in ("policies/p", "rules/r") for doc in written(result, f"{name}.yaml")]
    (only,) = [doc for doc in found if doc["kind"] == "DestinationRule"]
    assert only["spec"]["trafficPolicy"]["loadBalancer"] == {"simple": "ROUND_ROBIN"}
    assert only["spec"]["subsets"] == [{"name": "v1", "labels": {"version": "v1"}}]


def test_of_two_services_of_one_name_the_nearest_counts() -> None:
    pair = role("r") + "---\n" + binding("b", "r", "x")
    files = {
        f"{place}__{name}": text for place in ("dev", "prod") for name, text in (("s", service(place)), ("r", pair))
    }
    result = converted(**files)
    assert result.refusals() == []
    for place in ("dev", "prod"):
        (policy,) = written(result, f"{place}/r.yaml")
        assert policy["spec"]["selector"] == {"matchLabels": {"app": place}}
    (refusal,) = converted(
        a__s=service("x"), b__s=service("y"), c__r=role("r") + "---\n" + binding("b", "r", "x")
    ).refusals()[:1]
    assert "a/s.yaml" in refusal
    assert "b/s.yaml" in refusal
