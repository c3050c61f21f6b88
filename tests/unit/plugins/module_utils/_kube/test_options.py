# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.options import (
    AUTH_ARG_SPEC,
    ENVIRONMENT,
    effective_options,
    option_label,
)


def test_options_win_over_the_environment() -> None:
    environ = {"K8S_AUTH_HOST": "https://env", "K8S_AUTH_CONTEXT": "env", "K8S_AUTH_VERIFY_SSL": "no"}
    found = effective_options({"host": "https://option", "context": None}, environ)
    assert found == {"host": "https://option", "context": "env", "validate_certs": False}


def test_false_as_an_option_wins_over_the_environment() -> None:
    assert effective_options({"validate_certs": False}, {"K8S_AUTH_VERIFY_SSL": "yes"})["validate_certs"] is False


def test_groups_and_nested_headers_from_the_environment() -> None:
    environ = {"K8S_AUTH_IMPERSONATE_GROUPS": "a,b", "K8S_AUTH_PROXY_HEADERS_USER_AGENT": "me"}
    found = effective_options({}, environ)
    assert found == {"impersonate_groups": ["a", "b"], "proxy_headers.user_agent": "me"}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_every_option_has_a_name_in_messages(name: str) -> None:
    head, _dot, leaf = name.partition(".")
    assert head in AUTH_ARG_SPEC
    assert option_label(name, {}) == f"the variable {ENVIRONMENT[name]}"
    assert option_label(name, {head: {leaf: "x"} if leaf else "x"}) == f"the option {name}"
