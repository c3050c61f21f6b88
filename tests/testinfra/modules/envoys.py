# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Envoy, the one that the cluster's proxies are made of, started by itself on 127.0.0.1 with what tests make."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import typing as t
from pathlib import Path

Json = dict[str, t.Any]

SEED = int(os.environ.get("MESH_WORKSHOP_SEED", "1"))
CASES = int(os.environ.get("MESH_WORKSHOP_CASES", "2000"))
"""Of each kind."""
CACHE = Path("/var/cache/mesh-workshop")
API = "type.googleapis.com/envoy.extensions"
TYPES = f"{API}.filters"
RBAC = "envoy.filters.http.rbac"
JWT = "envoy.filters.http.jwt_authn"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def listener_of(port: int, chains: t.Sequence[Json], **parts: t.Any) -> Json:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"name": f"port-{port}", "address": address, "filter_chains": list(chains), **parts}


def http_chain(routes: Json, *filters: Json, **parts: t.Any) -> Json:
    """A filter chain for HTTP, with these filters before the router, and these other settings."""
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "generated",
        "normalize_path": True,
        "route_config": routes,
        "http_filters": [*filters, router],
        **parts,
    }
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}


RBAC_FILTER: Json = {"name": RBAC, "typed_config": {"@type": f"{TYPES}.http.rbac.v3.RBAC"}}
"""Does nothing but where a route has rules of its own."""


def with_rules(rules: Json) -> Json:
    """What a route says of policies."""
    return {RBAC: {"@type": f"{TYPES}.http.rbac.v3.RBACPerRoute", "rbac": {"rules": rules}}}


@contextlib.contextmanager
def running(
    folder: Path, listeners: t.Sequence[Json], eventually: t.Callable[..., None], clusters: t.Sequence[Json] = ()
) -> t.Iterator[None]:
    """Envoy with these listeners and clusters, until the block ends."""
    (program, *_others) = sorted(CACHE.glob("bin/envoy-*/envoy"), key=lambda one: one.stat().st_mtime)[::-1]
    ports = [one["address"]["socket_address"]["port_value"] for one in listeners]
    resources = {"listeners": list(listeners), "clusters": list(clusters)}
    (folder / "envoy.json").write_text(json.dumps({"static_resources": resources}))
    arguments = ["-c", str(folder / "envoy.json"), "--base-id", str(30_000 + ports[0]), "--concurrency", "1"]
    arguments += ["--file-flush-interval-msec", "50"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(program), *arguments], stdout=log, stderr=log)

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        for port in ports:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    try:
        eventually(listens, "Envoy does not listen", 20)
        yield
    finally:
        process.terminate()
        process.wait(10)
