# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module from its arguments to its exit: nothing is changed, nothing is sent in check mode, secrets stay hidden."""

from __future__ import annotations

import http.server
import json
import pathlib
import threading
import typing as t
from xml.etree import ElementTree

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._ansible import runner
from ansible_collections.mesh.workshop.plugins.module_utils._kube import connect
from ansible_collections.mesh.workshop.plugins.modules import verify
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred

Json = dict[str, t.Any]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything with 200."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def log_message(self, *arguments: t.Any) -> None:
        """Be quiet."""


@pytest.fixture
def site() -> t.Iterator[str]:
    """Address of a server that is content with everything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.listen(128)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Json]:
    """Run the module; what it printed."""
    monkeypatch.setattr(runner, "connect", lambda params: Barred())
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda self, msg, log_args=None: logged.append(f"{msg} {log_args}"))

    def run(**arguments: t.Any) -> Json:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            verify.main()
        result = dict(json.loads(capsys.readouterr().out))
        result["logged"] = " ".join(logged)
        return result

    return run


def check(status: int = 200, **parts: t.Any) -> Json:
    request = {"url": "http://shop.example/", **parts.pop("request", {})}
    return {"name": "the page", "request": request, "expect": {"status": status}, **parts}


def test_a_right_world(call: t.Callable[..., Json], site: str, tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.xml"
    result = call(checks=[check()], gateway=site, junit=str(report))
    assert result["changed"] is False
    assert result["message"] == "1 check passed."
    assert result["checks"][0]["passed"] is True
    assert "the page" in result["table"]
    assert ElementTree.parse(report).getroot()[0].get("tests") == "1"


def test_a_wrong_world(call: t.Callable[..., Json], site: str, tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.xml"
    result = call(checks=[check(404)], gateway=site, once=True, junit=str(report))
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["msg"].startswith("the page: expected status 404, observed status 200 in 15 requests.")
    assert ElementTree.parse(report).getroot()[0].get("failures") == "1"


def test_check_mode_sends_nothing(call: t.Callable[..., Json]) -> None:
    result = call(checks=[check()], gateway="192.0.2.1:1", _ansible_check_mode=True)
    assert result["changed"] is False
    assert result["checks"] == [{"name": "the page", "skipped": True, "passed": None, "reason": "check mode"}]


def test_a_mistake_is_one_sentence(call: t.Callable[..., Json]) -> None:
    result = call(checks=[{"name": "x", "request": {"url": "http://a/"}, "expect": {"stauts": 200}}])
    assert result["failed"] is True
    assert result["msg"].startswith("Check 'x': expect.stauts is not known: did you mean status?")


def test_a_report_that_cannot_be_written(call: t.Callable[..., Json], site: str) -> None:
    result = call(checks=[check()], gateway=site, junit="/no/such/folder/report.xml")
    assert result["msg"] == "The report /no/such/folder/report.xml could not be written: No such file or directory."


@pytest.mark.parametrize("status", [200, 404, 0])
def test_secrets_are_shown_nowhere(call: t.Callable[..., Json], site: str, status: int) -> None:
    request = {"headers": {"authorization": "Bearer s3cr3t"}, "session": {"username": "jason", "password": "pa55word"}}
    result = call(checks=[check(status, request=request, no_log=True)], gateway=site, once=True)
    assert "s3cr3t" not in json.dumps(result)
    assert "pa55word" not in json.dumps(result)
    assert "Invoked with" in result["logged"], "the call is logged, without what is secret"


def test_a_report_has_no_secret_either(call: t.Callable[..., Json], site: str, tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.xml"
    request = {"url": "http://shop.example/?token=s3cr3t"}
    secret = {**check(request=request, no_log=True), "name": "GET http://shop.example/?token=s3cr3t"}
    call(checks=[secret], gateway=site, once=True, junit=str(report))
    assert "s3cr3t" not in report.read_text()


def test_a_mutation_is_named_and_not_shown(call: t.Callable[..., Json], site: str) -> None:
    secret = {"kind": "Secret", "data": {"tls.key": "a2V5"}}
    result = call(checks=[check(fails_in={"mutation": {"resources": [secret]}})], gateway=site, once=True)
    assert result["checks"][0]["fails_in"] == "mutation"
    del result["invocation"], result["logged"]
    assert "a2V5" not in json.dumps(result)


def test_no_check_would_prove_nothing(call: t.Callable[..., Json]) -> None:
    result = call(checks=[])
    assert result["failed"]
    assert result["msg"] == "checks is empty, so nothing would be verified: give it checks."


def test_all_rights_that_checks_need_are_named_with_the_first_refusal(
    call: t.Callable[..., Json], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "connect", connect)
    api.fail(403, method="GET", part="/pods", times=99)
    rules = [{"verbs": ["get"], "apiGroups": ["*"], "resources": ["*"]}]
    body = {"status": {"resourceRules": rules, "incomplete": False}}
    api.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)
    result = call(checks=[{**check(), "from": "reviews"}], namespace="bookinfo", host=api.url, api_key="the-token")
    assert result["failed"] is True
    lacks = "This user lacks rights in namespace bookinfo: create pods/exec; list and watch pods; patch "
    assert f" {lacks}pods/ephemeralcontainers. The Roles in " in result["msg"]
