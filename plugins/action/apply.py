# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.loader import lookup_loader
from ansible_collections.mesh.workshop.plugins.module_utils._apply.sources import (
    SOURCE,
    DocumentError,
    list_sources,
    read_source,
)
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import ModuleAction


class ActionModule(ModuleAction):
    """Serves all modules that talk to the cluster (meta/runtime.yml leads here).

    For apply it reads O(src) and renders O(template) on the controller, where roles and playbooks keep their files.
    """

    _supports_async = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        del tmp
        args = dict(self._task.args)
        given = [name for name in ("definitions", "src", "template") if args.get(name) is not None]
        # With none or several of them the module's own validation has the right words.
        if given == ["src"]:
            args["definitions"] = self._read(str(args.pop("src")))
        elif given == ["template"]:
            args["definitions"] = self._render(str(args.pop("template")), task_vars or {})
        result.update(self.run_module(args, task_vars))
        return result

    def _read(self, src):
        # The part before the first wildcard is looked for; the rest is matched in what is found.
        plain = src
        while any(mark in plain for mark in "*?["):
            plain = os.path.dirname(plain)
        try:
            found = self._find_needle("files", plain or ".")
        except AnsibleError as exc:
            places = ", ".join(dict.fromkeys(getattr(exc, "paths", None) or [plain]))
            raise AnsibleActionFail(f"src {src} is not found; looked for {places}: correct the path.") from None
        try:
            paths = list_sources(os.path.join(found, src[len(plain) :].lstrip(os.sep)) if plain != src else found)
            # get_real_file decrypts what is encrypted with Ansible Vault.
            return [read_source(path, self._loader.get_real_file(path)) for path in paths]
        except DocumentError as exc:
            raise AnsibleActionFail(str(exc)) from exc
        except AnsibleError as exc:
            raise AnsibleActionFail(f"src {src} cannot be read: {exc}") from exc

    def _render(self, template, task_vars):
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            texts = lookup.run([template], variables=task_vars)
        except AnsibleError as exc:
            raise AnsibleActionFail(f"template {template} cannot be rendered: {exc}") from exc
        return [f"{SOURCE}{template}\n{text}" for text in texts]
