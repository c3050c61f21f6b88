# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that make root file systems from Debian's packages."""

from __future__ import annotations

import glob
import os
import shutil
import typing as t

from .context import CONTAINED, Context
from .files import hard_link, lay_out, remove
from .steps import Planned


def packages(text: str) -> tuple[str, ...]:
    """Names in a package list: one per line, and `#` starts a comment."""
    names = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(name for name in names if name)


def build_rootfs(context: Context, item: Planned, work: str, result: str) -> None:
    """Unpack Debian packages into a root file system, as a folder or as an archive."""
    recipe = item.step.recipe
    title = item.step.subject
    root = os.path.join(work, "root")
    with open(os.path.join(context.source, recipe["packages"]), encoding="utf-8") as stream:
        names = packages(stream.read())
    hooks = "/usr/share/mmdebstrap/hooks/merged-usr"
    context.run(
        title,
        [
            *CONTAINED,
            "mmdebstrap",
            "--variant=extract",
            "--format=directory",
            f"--include={','.join(names)}",
            *([f"--hook-dir={hooks}"] if os.path.isdir(hooks) else []),
            '--aptopt=Acquire::Languages "none"',
            recipe["suite"],
            root,
        ],
    )
    finish_rootfs(root, recipe)
    if recipe["compile_python"]:
        # Its maintainer script would do that. Without it, Python compiles its own library at each start.
        context.run(
            title,
            [
                *CONTAINED,
                *("chroot", root, "/usr/bin/python3", "-m", "compileall", "-q"),
                "--invalidation-mode=unchecked-hash",
                *("/" + os.path.relpath(path, root) for path in sorted(glob.glob(f"{root}/usr/lib/python3*"))),
            ],
        )
    if not recipe["archive"]:
        os.rename(root, result)
        return
    context.run(
        title,
        [
            "tar",
            "--create",
            f"--file={result}",
            "--sort=name",
            "--mtime=@0",
            "--numeric-owner",
            f"--directory={root}",
            ".",
        ],
    )


def finish_rootfs(root: str, recipe: t.Mapping[str, t.Any]) -> None:
    """Do what the packages' maintainer scripts would have done, and drop the files that came from this machine."""

    def at(path: str) -> str:
        return os.path.join(root, path)

    def write(path: str, text: str) -> None:
        os.makedirs(os.path.dirname(at(path)), exist_ok=True)
        remove(at(path))
        with open(at(path), "w", encoding="utf-8") as stream:
            stream.write(text)

    for path in recipe["drop"]:
        remove(at(path))
    remove(at("dev"))
    for path in ("dev", "proc", "sys", "run", "root", "tmp", "var/tmp", "var/cache", "var/log", "usr/local/bin"):
        os.makedirs(at(path), exist_ok=True)
        os.chmod(at(path), {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}.get(path, 0o755))
    users: t.Mapping[str, int] = recipe["users"]
    write(
        "etc/passwd",
        "".join(
            f"{name}:x:{uid}:{uid}:{name}:{'/root' if uid == 0 else '/nonexistent'}:"
            f"{'/bin/sh' if uid == 0 else '/usr/sbin/nologin'}\n"
            for name, uid in users.items()
        ),
    )
    write("etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in users.items()))
    write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    # mmdebstrap copies these two from the machine that it runs on.
    write("etc/resolv.conf", "")
    remove(at("etc/hostname"))
    for family in ("iptables", "ip6tables"):
        for action in ("", "-save", "-restore"):
            if not os.path.lexists(at(f"usr/sbin/{family}-{recipe['iptables']}{action}")):
                continue  # not among the packages
            remove(at(f"usr/sbin/{family}{action}"))
            os.symlink(f"{family}-{recipe['iptables']}{action}", at(f"usr/sbin/{family}{action}"))
    bundle = []
    for path in sorted(glob.glob(at("usr/share/ca-certificates/**/*.crt"), recursive=True)):
        with open(path, encoding="utf-8") as stream:
            bundle.append(stream.read().strip() + "\n")
    write("etc/ssl/certs/ca-certificates.crt", "".join(bundle))


def build_tree(context: Context, item: Planned, work: str, result: str) -> None:
    """Add files to another step's tree. Hard links keep each file once in the cache."""
    shutil.copytree(context.result_of(item.step.recipe["tree"]), result, symlinks=True, copy_function=hard_link)
    lay_out(context, item, result)
