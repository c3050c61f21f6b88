# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package openshift on the collection's own connection.

Its client sends nothing by itself here: credentials, proxies, patience and the wording of errors stay the same for all
requests of a run. It is imported where a cluster has been seen to serve OpenShift's APIs, and nowhere else.
"""

from __future__ import annotations

import sys
import typing as t
from types import SimpleNamespace

from .._kube import ApiError, Client, ConfigError

# The package keeps what it has discovered in a file that it looks for under a known name in the folder for temporary
# files. One that cannot be there switches that off.
_NO_CACHE = "/dev/null/none"
# OpenShift 3 has it. The package asks for it first, and goes on where it is refused.
_VERSION = "/version/openshift"


class Found(t.Protocol):
    """What the package returns: an object, or a list of objects."""

    def to_dict(self) -> dict[str, t.Any]:
        """As the API server has sent it."""


def dynamic(client: Client) -> t.Any:
    """OpenShift's DynamicClient. Raises ApiError where the package is missing."""
    try:
        from kubernetes.client.rest import ApiException
        from kubernetes.dynamic.resource import ResourceInstance
        from openshift.dynamic import DynamicClient
    except ImportError as error:
        raise ConfigError(
            f"The cluster is an OpenShift, and the Python package openshift cannot be imported ({error}): install it "
            f"for {sys.executable}, or say cluster_platform=kubernetes."
        ) from error

    def request(this: t.Any, method: str, path: str, body: t.Any = None, **options: t.Any) -> t.Any:
        serializer = options.get("serializer", ResourceInstance)
        # The package builds the path of a discovery without its first slash.
        try:
            answer = client.request(method.upper(), "/" + path.lstrip("/"), body=body)
        except ApiError as error:
            if path == _VERSION:
                raise ApiException(status=error.status) from error
            raise
        return serializer(this, answer.json())

    ours = type("DynamicClientOnOurConnection", (DynamicClient,), {"request": request})
    # Of the client that it usually gets the package reads the server's address, which names the file above.
    connection = SimpleNamespace(configuration=SimpleNamespace(host=client.settings.server))
    return ours(connection, cache_file=_NO_CACHE)


def listed(client: Client, api_version: str, kind: str, namespace: str) -> list[dict[str, t.Any]]:
    """The objects of a kind of OpenShift's in a namespace."""
    found: Found = dynamic(client).resources.get(api_version=api_version, kind=kind).get(namespace=namespace)
    return list(found.to_dict().get("items") or ())


def created(client: Client, document: dict[str, t.Any]) -> dict[str, t.Any]:
    """Create an object of a kind of OpenShift's; returns what the server answers."""
    kind = dynamic(client).resources.get(api_version=document["apiVersion"], kind=document["kind"])
    try:
        answer: Found = kind.create(body=document)
    except ApiError as error:
        raise error.about(f"{document['kind']} {document['metadata']['name']}") from None
    return answer.to_dict()
