# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import context, filesystems, steps


def test_packages():
    assert filesystems.packages("# all\n\nbash # a shell\n  s6\n") == ("bash", "s6")


def test_finish_rootfs_makes_what_the_scripts_would(tmp_path):
    root = tmp_path / "root"
    (root / "usr/sbin").mkdir(parents=True)
    for action in ("", "-save", "-restore"):
        (root / f"usr/sbin/ip6tables-nft{action}").symlink_to("xtables-nft-multi")
    (root / "usr/share/doc/x").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("builder")
    (root / "etc/resolv.conf").write_text("nameserver 192.0.2.1")
    certificates = root / "usr/share/ca-certificates/mozilla"
    certificates.mkdir(parents=True)
    (certificates / "b.crt").write_text("B")
    (certificates / "a.crt").write_text("A\n")
    recipe = {"drop": ["usr/share/doc"], "users": {"root": 0, "app": 1000}, "iptables": "nft"}
    filesystems.finish_rootfs(str(root), recipe)
    filesystems.finish_rootfs(str(root), recipe)
    assert os.readlink(root / "usr/sbin/ip6tables-restore") == "ip6tables-nft-restore"
    assert not os.path.lexists(root / "usr/sbin/iptables")  # not among the packages
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "A\nB\n"
    assert (root / "etc/resolv.conf").read_text() == ""
    assert not (root / "etc/hostname").exists()
    assert not (root / "usr/share/doc").exists()
    assert "app:x:1000:1000:" in (root / "etc/passwd").read_text()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_a_tree_adds_files_to_another_one_and_keeps_each_once(tmp_path):
    base = tmp_path / "base-1"
    (base / "usr").mkdir(parents=True)
    (base / "usr" / "kept").write_text("kept")
    (base / "usr" / "alias").symlink_to("kept")
    here = context.Context(str(tmp_path), "/s", "/b")
    here.planned = {"base": steps.Planned(steps.Step("base", "Base", "rootfs", "base-{key}", {}), "1")}
    recipe = {"tree": "base", "context": {"usr/more": "base:usr/kept"}, "links": {"usr/link": "more"}}
    item = steps.Planned(steps.Step("node", "Node", "tree", "node-{key}", recipe), "2")
    filesystems.build_tree(here, item, str(tmp_path / "work"), str(tmp_path / "result"))
    result = tmp_path / "result" / "usr"
    assert (result / "kept").samefile(base / "usr" / "kept")
    assert os.readlink(result / "alias") == "kept"
    assert (result / "link").read_text() == "kept"
    assert sorted(os.listdir(base / "usr")) == ["alias", "kept"]
