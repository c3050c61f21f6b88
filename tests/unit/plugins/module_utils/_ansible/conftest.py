# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module of a few lines, run against an API server that is not real."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.module import VERIFY_ARG_SPEC, WAIT_ARG_SPEC
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import Runner, run_module
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]
Run = t.Callable[..., Json]


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module whose body is given; what it printed."""

    def call(
        body: t.Callable[[Runner], None],
        *,
        check: bool = False,
        diff: bool = False,
        result: Json | None = None,
        errors: tuple[type[Exception], ...] = (),
        spec: Json | None = None,
        **arguments: t.Any,
    ) -> Json:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        given = {"host": api.url, "api_key": "the-token", "wait": False, **arguments, **internal}
        with patch_module_args(given), pytest.raises(SystemExit):
            run_module({**WAIT_ARG_SPEC, **VERIFY_ARG_SPEC, **(spec or {})}, body, result=result, errors=errors)
        return dict(json.loads(capsys.readouterr().out))

    return call
