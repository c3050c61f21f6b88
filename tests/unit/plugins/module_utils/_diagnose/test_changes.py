# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shlex

from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.changes import commands
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.mend import Apply, moved, setting
from ansible_collections.mesh.workshop.plugins.module_utils._explain.origin import Origin


def test_a_field_is_set_by_a_patch_that_a_shell_takes() -> None:
    said = commands(setting(Origin("Gateway", "shop", "way-in"), ("spec", "servers", 0, "hosts", 0), "it's"))
    start = ["kubectl", "-n", "shop", "patch", "gateways.networking.istio.io", "way-in", "--type=json", "-p"]
    assert shlex.split(said)[:-1] == start
    operation = {"op": "replace", "path": "/spec/servers/0/hosts/0", "value": "it's"}
    assert json.loads(shlex.split(said)[-1]) == [operation]


def test_an_object_is_moved_by_applying_and_deleting_it() -> None:
    one = {"metadata": {"name": "tokens", "namespace": "default"}, "spec": {"jwtRules": []}}
    said = commands(moved("RequestAuthentication", one, "shop"))
    assert said.startswith("kubectl apply --server-side --force-conflicts -f - <<'END'\n")
    assert "  namespace: shop\n" in said
    assert said.endswith("\nEND\nkubectl -n default delete requestauthentication tokens")


def test_where_there_is_nothing_to_do_nothing_is_said() -> None:
    assert commands(None) == ""
    assert commands(Apply((), ())) == ""
