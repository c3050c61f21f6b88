# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that make programs: from Go modules, a wheel, a Maven repository or the npm registry."""

from __future__ import annotations

import hashlib
import os
import shutil

from .context import Context
from .failures import BuildError
from .files import link
from .steps import Planned
from .toolchain import find_go, go_environment, pip_install


def build_go(context: Context, item: Planned, work: str, result: str) -> None:
    """Compile programs from Go modules that the role's go.sum verifies."""
    recipe = item.step.recipe
    title = item.step.subject
    go = find_go(context, title, work)
    folder = os.path.join(context.source, recipe["directory"])
    environment = go_environment(context.cache, go)
    os.makedirs(result)
    # Programs whose package has their name are linked side by side.
    together = [package for name, package in recipe["builds"].items() if package.rsplit("/", 1)[1] == name]
    command = [go, "build", *recipe["flags"], "-ldflags", recipe["ldflags"]]
    if together:
        context.run(title, [*command, "-o", result + "/", *together], folder, environment)
    for name, package in recipe["builds"].items():
        if package not in together:
            context.run(title, [*command, "-o", os.path.join(result, name), package], folder, environment)
    if recipe["module_files"]:
        # A module that no program here is built from may not be there yet.
        context.run(title, [go, "mod", "download", recipe["module"]], folder, environment)
        listed = context.run(
            title, [go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", recipe["module"]], folder, environment
        )
        module = listed.strip().splitlines()[-1]
        for name, path in recipe["module_files"].items():
            shutil.copyfile(os.path.join(module, path), os.path.join(result, name))
    link(result, recipe["links"])


def unpack_wheel(context: Context, item: Planned, work: str, result: str) -> None:
    """Take files out of a wheel that is pinned by its hash."""
    staged = os.path.join(work, "wheel")
    pip_install(context, item.step.subject, item.step.recipe["requirements"], staged)
    os.makedirs(result)
    for name, path in item.step.recipe["files"].items():
        os.rename(os.path.join(staged, path), os.path.join(result, name))
        os.chmod(os.path.join(result, name), 0o755)


def fetch_maven(context: Context, item: Planned, work: str, result: str) -> None:
    """Fetch one file from a Maven repository with Maven, which honours the user's own mirrors and proxies."""
    recipe = item.step.recipe
    title = item.step.subject
    staged = os.path.join(work, "maven")
    context.run(
        title,
        [
            *("mvn", "--batch-mode", "--no-transfer-progress"),
            f"{recipe['plugin']}:copy",
            f"-Dartifact={recipe['artifact']}",
            f"-DoutputDirectory={staged}",
            f"-Dmaven.repo.local={os.path.join(work, 'repository')}",
        ],
        # A folder without a pom.xml.
        cwd=work,
    )
    (name,) = os.listdir(staged)
    with open(os.path.join(staged, name), "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != recipe["sha256"]:
        raise BuildError(
            f"{title} was not built: {name} from the Maven repository has the checksum {digest[:12]}… and not the"
            " one that is pinned; look at the proxy or mirror in between; do not use the file."
        )
    os.makedirs(result)
    os.rename(os.path.join(staged, name), os.path.join(result, recipe["file"]))


def fetch_npm(context: Context, item: Planned, work: str, result: str) -> None:
    """Take files out of packages that a lock file pins by their checksums, with npm and the user's own registry."""
    recipe = item.step.recipe
    staged = os.path.join(work, "npm")
    os.makedirs(staged)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(os.path.join(context.source, recipe["directory"], name), os.path.join(staged, name))
    context.run(
        item.step.subject,
        # No package runs a program of its own here.
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", f"--cache={os.path.join(work, 'cache')}"],
        cwd=staged,
    )
    os.makedirs(result)
    for name, path in recipe["files"].items():
        shutil.copyfile(os.path.join(staged, "node_modules", path), os.path.join(result, name))
