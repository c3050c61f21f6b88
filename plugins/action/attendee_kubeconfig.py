# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the kubeconfig of an attendee on the control node, and shows nothing of its token."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.handout import (
    ACCOUNTS,
    checked_hours,
    claims_of,
    kubeconfig_for,
    still_serves,
    token_request,
)

Json = dict[str, t.Any]

OPTIONS: Json = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "name": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "hours": {"type": "int", "default": 12},
    "server": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MODE = 0o600


class ActionModule(ActionBase):
    """The action of mesh.workshop.attendee_kubeconfig."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Write the file, or remove it."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(OPTIONS)
        path, check = Path(options["path"]), bool(self._task.check_mode)
        try:
            if options["state"] == "absent":
                return {"changed": remove(path, check), "path": str(path)}
            checked_hours(options["hours"])
            with contextlib.closing(
                connect({name: options[name] or None for name in ("kubeconfig", "context")})
            ) as client:
                return hand_out(client, path, options, check)
        except (ApiError, LabError) as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            raise AnsibleActionFail(
                f"{path} cannot be written ({error.strerror}): name another folder, or correct its rights."
            ) from error


def hand_out(client: Client, path: Path, options: Json, check: bool) -> Json:
    """Write the kubeconfig where the one that is there does not serve any more. Raises ApiError, LabError, OSError."""
    name, hours, server = options["name"], options["hours"], options["server"] or ""
    account = client.get("v1", "ServiceAccount", name, ACCOUNTS)
    if account is None and not check:
        raise LabError(f"Attendee {name} has no ServiceAccount in namespace {ACCOUNTS}: add them again.")
    uid = account["metadata"]["uid"] if account else ""
    there = read(path)
    if still_serves(there, kubeconfig_for(name, client.settings, "", server), uid, time.time(), hours):
        return told(path, there["users"][0]["user"]["token"], path.stat().st_mode & 0o777 != MODE, check)
    if check:
        return {"changed": True, "path": str(path)}
    way = f"/api/v1/namespaces/{ACCOUNTS}/serviceaccounts/{name}/token"
    token = client.request("POST", way, body=token_request(hours)).json()["status"]["token"]
    write(path, kubeconfig_for(name, client.settings, token, server))
    return told(path, token, True, check)


def told(path: Path, token: str, changed: bool, check: bool) -> Json:
    """The action's result, without the token."""
    if changed and not check:
        path.chmod(MODE)
    claims = claims_of(token)
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims.ends)) if claims else ""
    return {"changed": changed, "path": str(path), "expires": ends}


def read(path: Path) -> t.Any:
    """What a file holds; None where it is not there or holds no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError):
        return None


def write(path: Path, document: Json) -> None:
    """Put a file in its place at once, readable by its owner alone from the first byte."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        try:
            # Values of options are of types of Ansible's own, which only JSON takes for what they are.
            yaml.safe_dump(json.loads(json.dumps(document)), stream, sort_keys=False)
            stream.flush()
            os.replace(stream.name, path)
        except BaseException:
            os.unlink(stream.name)
            raise


def remove(path: Path, check: bool) -> bool:
    """Whether there is such a file, which is gone then, as is its folder if nothing else is in it."""
    there = path.exists()
    if there and not check:
        path.unlink()
        with contextlib.suppress(OSError):
            path.parent.rmdir()
    return there
