# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as people published them: a server of today takes each document that is made of them, strictly."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import re
from pathlib import Path

import pytest
import yaml


def facts():
    """What the manifests speak of, as the playbook's variable."""
    known = yaml.safe_load(Path(__file__).with_name("facts.yml").read_text())
    ports = [{"port": port, "name": f"http-{port}", "target_port": port} for port in known["ports"]]
    places = list(itertools.product(known["names"], known["namespaces"]))
    return {
        "services": [
            {"name": name, "namespace": namespace, "selector": {"app": name}, "ports": ports}
            for name, namespace in places
        ],
        "workloads": [
            {"namespace": namespace, "labels": {"app": name, "version": version}, "service_account": name}
            for name, namespace in places
            for version in ("v1", "v2", "v3")
        ],
    }


def documents(folder):
    """What was written, without what was passed through: file and document."""
    for path in sorted(folder.rglob("*.y*ml*")):
        for text in re.split(r"^---", path.read_text(), flags=re.MULTILINE):
            document = yaml.safe_load(text)
            if document and "# mesh.workshop.migrate: from" in text:
                yield str(path.relative_to(folder)), document


@pytest.fixture(scope="module")
def outputs(ansible, corpus, tmp_path_factory):
    current = tmp_path_factory.mktemp("current")
    run = ansible.play("migrate", src=str(corpus), dest=str(current), facts=facts())
    assert run.status == 0, run.output
    found = list(documents(current))
    # As many as there are in the docs, and more: a document may become several.
    assert len(found) > 400
    return found


def plural(kind):
    return re.sub(r"ys$", "ies", f"{kind.lower()}s").replace("gatewaies", "gateways")


@pytest.fixture
def refusal(kube):
    """What the server says against a document, strictly and without changing anything."""
    client = kube.core.api_client

    def ask(document):
        version, name = document["apiVersion"], document["metadata"]["name"]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        body = {**document, "metadata": {**document["metadata"], "namespace": "bookinfo"}}
        query = "dryRun=All&fieldValidation=Strict&fieldManager=tests&force=true"
        url = f"{client.configuration.host}{path}/namespaces/bookinfo/{plural(document['kind'])}/{name}?{query}"
        headers = {"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"}
        answer = client.call_api("PATCH", url, headers, json.dumps(body))
        said = json.loads(answer.read())
        return said["message"] if said["kind"] == "Status" else ""

    return ask


def test_the_server_takes_each_document_strictly(outputs, refusal):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        said = list(pool.map(refusal, (document for _file, document in outputs)))
    refused = [(file, why) for (file, _document), why in zip(outputs, said, strict=True) if why]
    assert refused == []


def test_a_slip_would_be_refused(outputs, refusal):
    (_file, document) = next(item for item in outputs if item[1]["kind"] == "VirtualService")
    assert ".spec.htpp: field not declared" in refusal({**document, "spec": {**document["spec"], "htpp": []}})
