# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renders a lab.yml of the catalogue once, parses it once, and validates its layout."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    APIS,
    BASELINE,
    EXERCISES,
    ISTIO,
    Catalogue,
    LabError,
    lab_names,
    read_lab,
)


class ActionModule(ActionBase):
    """The action of mesh.workshop.lab_info."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """What the lab holds. It may contain keys and tokens, so no callback shows it."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "catalogue": {"type": "path", "required": True},
                "lab": {"type": "str", "default": BASELINE},
                "stage": {"type": "str", "default": ""},
                "exercises": {"type": "bool", "default": False},
                "api": {"type": "str", "choices": list(APIS), "default": ISTIO},
            }
        )
        read: dict[str, dict[str, t.Any]] = {}
        home = arguments["catalogue"]
        folder = os.path.join(home, EXERCISES) if arguments["exercises"] else home

        def content(name: str) -> dict[str, t.Any]:
            if name not in read:
                place = os.path.join(home if name == BASELINE else folder, name, "lab.yml")
                read[name] = self._read(place, task_vars or {})
            return read[name]

        name, stage = arguments["lab"], arguments["stage"]
        if stage and name == BASELINE:
            told = f"stage has no effect with lab {BASELINE}, which has no stages: leave out one of the two."
            raise AnsibleActionFail(told)
        try:
            labs = lab_names(folder)
            catalogue = Catalogue([*labs, BASELINE] if name == BASELINE else labs, content, arguments["api"])
            lab = catalogue.lab(name)
            # A lab without any stage in this API is listed; only to ask for one is wrong.
            shown = lab.stage(stage).name if stage or lab.stages else ""
            baseline = content(BASELINE)
        except LabError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            "changed": False,
            "lab": name,
            "labs": labs,
            "stage": shown,
            "stages": [one.name for one in lab.stages],
            "experimental": [one.name for one in lab.stages if one.channel],
            "needs": list(lab.needs),
            "definition": read[name],
            "baseline": baseline,
            "_ansible_no_log": True,
        }

    def _read(self, path: str, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            with open(path, encoding="utf-8") as stream:
                template = stream.read()
            (rendered,) = lookup.run([path], variables=task_vars)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise LabError(f"{path} cannot be read ({why}): correct the file or its rights.") from None
        except AnsibleError as error:
            raise LabError(f"{path} cannot be rendered: {error}") from error
        return read_lab(path, template, str(rendered))  # libyaml takes no subclass of str
