# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one sentence with the remedy, a non-zero exit, and nothing changed."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nothing_changes(kube):
    before = kube.generations()
    yield
    assert kube.generations() == before


def test_an_unknown_lab_is_answered_with_those_that_exist(ansible):
    run = ansible.play("lab", lab="gatewya")
    assert run.status != 0
    for word in ("gatewya", "gateway", "request_routing"):
        assert word in run.message, run.output


def test_an_unknown_stage_is_answered_with_those_that_exist(ansible):
    run = ansible.play("lab", lab="gateway", stage="ajar")
    assert run.status != 0
    for word in ("ajar", "closed", "open", "login"):
        assert word in run.message, run.output


def test_a_cluster_name_that_cannot_be_one_is_named(ansible):
    run = ansible.play("setup", cluster_name="No_Such Name")
    assert run.status != 0
    assert "No_Such Name" in run.message, run.output


def test_a_cluster_that_is_not_set_up_is_named(ansible):
    run = ansible.play("lab", lab="gateway", cluster_name="never-set-up")
    assert run.status != 0
    assert "never-set-up" in run.message, run.output


def test_a_spec_that_the_api_server_rejects_is_told_in_its_words(ansible):
    run = ansible.module(
        "virtual_service",
        name="rejected",
        namespace="bookinfo",
        spec={"hosts": ["reviews"], "http": [{"route": [{"destinatoin": {"host": "reviews"}}]}]},
    )
    assert run.status != 0
    assert "destinatoin" in run.message, run.output


def test_verify_fails_where_routing_is_not_applied(ansible):
    run = ansible.module("verify", checks=[served_by({"v1": 100})])
    assert run.status != 0
    assert "v1" in run.message, run.output
    assert "v2" in run.message or "v3" in run.message, run.output


def test_verify_fails_where_another_status_is_expected(ansible):
    check = served_by({})
    check["expect"] = {"status": 404}
    run = ansible.module("verify", checks=[check])
    assert run.status != 0
    assert "404" in run.message, run.output
    assert "200" in run.message, run.output


def test_verify_fails_where_a_listener_answers_that_should_not_be_there(ansible):
    check = served_by({})
    check["expect"] = {"no_listener": True}
    run = ansible.module("verify", checks=[check])
    assert run.status != 0


def test_verify_passes_where_it_is_as_expected(ansible):
    """The counterpart of the three above: they do not fail for another reason."""
    check = served_by({})
    check["expect"] = {"status": 200}
    run = ansible.module("verify", checks=[check])
    assert run.status == 0, run.output


def served_by(shares):
    return {
        "name": "who answers",
        "from": "host",
        "deadline": 3,
        "request": {"url": "http://mybookstore.com/productpage"},
        "expect": {"status": 200, "served_by": shares},
    }
