# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import html.parser
import json
import os
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import jsonschema
import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.mesh.workshop.plugins.modules import migrate
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

from .test_modules import arguments

Json = dict[str, t.Any]

REPORTS = ["migration-report.html", "migration-report.json", "migration-report.md"]
CURRENT = "# kept\r\napiVersion:   v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 'y'}   # too\n\n"
ROUTE = """\
# who wrote it
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: r}
spec:
  hosts: ["a"]   # host
  http:
  - fault: {delay: {percent: 5, fixedDelay: 1s}}
    route: [{destination: {host: a}}]
"""
ROLE = """\
apiVersion: rbac.istio.io/v1alpha1
kind: ServiceRole
metadata: {name: viewer, namespace: default}
spec: {rules: [{services: [ratings.default.svc.cluster.local], methods: [GET]}]}
---
apiVersion: rbac.istio.io/v1alpha1
kind: ServiceRoleBinding
metadata: {name: bind, namespace: default}
spec: {subjects: [{user: a}], roleRef: {kind: ServiceRole, name: viewer}}
"""
SERVICE = {"name": "ratings", "selector": {"app": "ratings"}, "ports": [{"port": 80, "target_port": 9080}]}
BROKEN = "a: [b\n"
BOMB = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 9)
)


class Place:
    """A source and a destination, with the module between them."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.src = root / "src"
        self.dest = root / "dest"
        self.src.mkdir()
        self._capsys = capsys

    def put(self, **files: str) -> None:
        for name, text in files.items():
            path = self.src / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())

    def run(self, *, check: bool = False, diff: bool = False, **params: t.Any) -> Json:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}
        given = {"src": str(self.src), "dest": str(self.dest), **params}
        with arguments({**given, **internal}), pytest.raises(SystemExit):
            migrate.main()
        return t.cast(Json, json.loads(self._capsys.readouterr().out))

    def written(self) -> list[str]:
        found = (path.relative_to(self.dest) for path in self.dest.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path.name not in REPORTS)

    def text(self, name: str) -> str:
        return (self.dest / name).read_bytes().decode()


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, text, **_options: found.append(text))
    return found


def test_each_file_gets_one_and_its_own_output_changes_nothing(place: Place) -> None:
    place.put(route=ROUTE, sub__current=CURRENT, role=ROLE)
    (place.src / "role.yaml").chmod(0o600)
    result = place.run(facts={"services": [SERVICE]})
    assert (result["changed"], result["refused"]) == (True, [])
    assert result["summary"]["documents"] == 4
    assert result["summary"]["families"]["routing"]["converted"] == 1
    assert place.written() == ["role.yaml", "route.yaml", "sub/current.yaml"]
    assert place.text("sub/current.yaml") == CURRENT
    assert "# who wrote it\n" in place.text("route.yaml")
    assert '  hosts: ["a"]   # host\n' in place.text("route.yaml")
    assert (place.dest / "role.yaml").stat().st_mode & 0o777 == 0o600
    assert not place.run(facts={"services": [SERVICE]})["changed"]
    before = {name: place.text(name) for name in place.written()}
    place.src, place.dest = place.dest, place.dest.parent / "again"
    again = place.run()
    assert again["summary"]["unchanged"] == again["summary"]["documents"]
    assert [file["changed"] for file in again["files"]] == [False] * 3
    assert {name: place.text(name) for name in place.written()} == before


def test_several_paths_are_one_input(place: Place) -> None:
    role, _dashes, binding = ROLE.partition("---\n")
    place.put(roles__r=role, bindings__b=binding, other=ROUTE)
    (place.src / "bindings" / "b.yaml").chmod(0o640)
    src = [str(place.src / name) for name in ("roles", "bindings/b.yaml")]
    result = place.run(src=src, facts={"services": [SERVICE]}, diff=True)
    assert result["refused"] == []
    assert place.written() == ["bindings/b.yaml", "roles/r.yaml"]
    assert (place.dest / "bindings" / "b.yaml").stat().st_mode & 0o777 == 0o640
    assert "principals" in place.text("roles/r.yaml")
    assert [shown["before_header"] for shown in result["diff"]] == [
        f"{place.src}/roles/r.yaml",
        f"{place.src}/bindings/b.yaml",
    ]


def test_check_mode_writes_nothing_and_diff_shows_each_change(place: Place) -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hush}\n"
    place.put(route=ROUTE, current=CURRENT, keys=ROUTE + secret)
    result = place.run(check=True, diff=True)
    assert result["changed"]
    assert not place.dest.exists()
    hidden, shown = result["diff"]
    assert (shown["before_header"], shown["after_header"]) == (f"{place.src}/route.yaml", f"{place.dest}/route.yaml")
    assert shown["before"] == ROUTE
    assert "hush" not in json.dumps(hidden)
    assert hidden["before"] != hidden["after"]
    place.run()
    assert place.text("route.yaml") == shown["after"]
    assert "hush" in place.text("keys.yaml")
    assert not place.run(check=True)["changed"]


def test_nothing_that_is_there_is_overwritten_unless_forced(place: Place) -> None:
    place.put(route=ROUTE, current=CURRENT)
    place.dest.mkdir()
    (place.dest / "route.yaml").write_text("mine")
    (place.dest / "other").write_text("mine")
    for check in (True, False):
        result = place.run(check=check)
        assert result["failed"]
        assert "route.yaml would be overwritten; choose an empty dest, or set force" in result["msg"]
        assert place.written() == ["other", "route.yaml"]
        assert place.text("route.yaml") == "mine"
    assert place.run(force=True)["changed"]
    assert place.text("other") == "mine"
    assert "percentage" in place.text("route.yaml")


def test_source_and_destination_must_lie_apart(place: Place) -> None:
    place.put(route=ROUTE)
    for dest, reason in ((place.src, "same directory"), (place.src / "new", "lies in src")):
        result = place.run(dest=str(dest))
        assert result["failed"]
        assert reason in result["msg"]
    assert sorted(path.name for path in place.src.iterdir()) == ["route.yaml"]
    assert "nothing at" in place.run(src=str(place.src / "gone"))["msg"]
    file = place.src / "route.yaml"
    assert "output would be" in place.run(src=str(file), dest=str(place.src))["msg"]
    assert place.run(src=str(file))["changed"]
    assert place.written() == ["route.yaml"]


def test_refusals_are_warned_of_or_stop_all(place: Place, warned: list[str]) -> None:
    place.put(route=ROUTE, broken=BROKEN, role=ROLE)
    result = place.run(refusals="fail")
    assert result["failed"]
    assert result["msg"].startswith("Nothing is written, since a document is refused. broken.yaml, line ")
    assert "2 more refusals are in the report" in result["msg"]
    assert len(result["refused"]) == 3
    assert not place.dest.exists()
    result = place.run()
    assert warned == [text for text in warned if text.startswith("Some documents were not converted")]
    assert warned
    assert place.written() == ["broken.yaml", "role.yaml", "route.yaml"]
    assert list(yaml.safe_load_all(place.text("role.yaml"))) == [None]
    assert "Service default/ratings are not known" in place.text("role.yaml")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bytes.yaml", b"kind: \x00", "binary"),
        ("latin.yaml", b"kind: \xe9", "not UTF-8"),
        ("broken.yaml", BROKEN.encode(), "not valid YAML"),
        ("bomb.yaml", BOMB, "aliases"),
        ("large.yaml", b"kind: A\nx: " + b"y" * (10 << 20), "no API server takes more"),
        ("many.yaml", b"- a\n" * 400_000, "no API server takes more"),
        (b"\xff.yaml", BROKEN.encode(), "not valid YAML"),
    ],
    ids=["binary", "latin", "broken", "bomb", "large", "many", "name"],
)
def test_bad_input_is_told_of_beside_what_is_good(place: Place, name: str | bytes, data: bytes, reason: str) -> None:
    place.put(route=ROUTE)
    (place.src / os.fsdecode(name)).write_bytes(data)
    result = place.run()
    assert not result.get("failed")
    assert len(result["refused"]) == 1
    assert reason in result["refused"][0]
    assert "route.yaml" in place.written()


def test_an_unreadable_file_is_told_of_beside_what_is_good(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put(route=ROUTE, closed=ROUTE)
    status = os.stat

    def closed(path: t.Any, *args: t.Any, **options: t.Any) -> os.stat_result:
        if str(path).endswith("closed.yaml"):
            raise PermissionError(13, "Permission denied")
        return status(path, *args, **options)

    monkeypatch.setattr(os, "stat", closed)
    result = place.run()
    assert result["refused"] == [
        "closed.yaml, line 1: it cannot be read (Permission denied); correct its permissions or leave it out."
    ]
    assert place.written() == ["route.yaml"]
    assert {file["path"]: file["refused"] for file in result["files"]} == {"closed.yaml": True, "route.yaml": False}


def test_a_destination_that_cannot_be_written_is_named(place: Place) -> None:
    place.put(sub__route=ROUTE)
    place.dest.mkdir()
    (place.dest / "sub").write_text("a file")
    result = place.run()
    assert result["failed"]
    assert "sub" in result["msg"]
    assert (place.dest / "sub").read_text() == "a file"


def test_facts_come_from_a_variable_the_input_or_a_cluster(place: Place) -> None:
    place.put(role=ROLE)
    assert "Service default/ratings are not known" in place.run()["refused"][0]
    odd = place.run(facts={"service": []}, force=True)
    assert odd["failed"]
    assert "Facts.service is not known" in odd["msg"]
    api = FakeApi()
    try:
        ports = [{"port": 80, "targetPort": 7}]
        meta = {"name": "ratings", "namespace": "default"}
        api.put(
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"a": "b"}, "ports": ports}}
        )
        result = place.run(ask_cluster=True, host=api.url, api_key="the-token", force=True)
    finally:
        api.stop()
    assert result["refused"] == []
    assert yaml.safe_load(place.text("role.yaml").partition("---")[0])["spec"]["selector"] == {
        "matchLabels": {"a": "b"}
    }
    gone = place.run(ask_cluster=True, host=api.url, api_key="the-token", force=True)
    assert gone["failed"]


def test_lists_and_json_are_converted_as_they_are(place: Place) -> None:
    items = [yaml.safe_load(ROUTE), yaml.safe_load(CURRENT)]
    (place.src / "list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    place.put(list=yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    assert place.run()["refused"] == []
    found = json.loads(place.text("list.json"))
    assert [item["kind"] for item in found["items"]] == ["VirtualService", "ConfigMap"]
    assert list(yaml.safe_load_all(place.text("list.yaml"))) == found["items"]


class Balance(html.parser.HTMLParser):
    """Fails where a page's elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href"} & {name for name, _value in attrs}, "the page needs nothing else"
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_reports_are_valid(place: Place) -> None:
    place.put(route=ROUTE.replace("name: r", "name: '<b>*r*|`x`'"), broken=BROKEN, role=ROLE, current=CURRENT)
    result = place.run()
    report = json.loads(place.text("migration-report.json"))
    schema = json.loads((Path(next(iter(collection.__path__))) / "docs" / "migration-report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(report)
    assert report["summary"] == result["summary"]
    assert sum(len(file["documents"]) for file in report["files"]) == report["summary"]["documents"] == 5
    page = Balance()
    page.feed(place.text("migration-report.html"))
    page.close()
    assert page.open == []
    assert {"html", "table", "h2", "h3"} <= page.seen
    assert "b" not in page.seen
    text = place.text("migration-report.md")
    assert result["table"] in text
    assert text.count("\n## ") == 4
    assert text.count("\n### ") == 5
    assert "\\<b\\>\\*r\\*\\|\\`x\\`" in text
    place.put(more=CURRENT)
    assert not jsonschema.Draft202012Validator(schema).is_valid({**report, "more": 1})
