# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as people published them: a server of today takes each document that is made of them, strictly, and
istioctl finds nothing wrong with them."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import re
import subprocess
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


# What istioctl says of a file although the conversion is right: code, pattern, and why.
EXCEPTED = [
    ("IST0101", r"Referenced (?:host|mirror)\+subset", "the DestinationRule is in a file that was not collected"),
    ("IST0101", r"Referenced gateway not found", "the Gateway is in a file that was not collected"),
    ("IST0132", r"not found in Gateway", "the Gateway is in a file that was not collected"),
    (
        "IST0130",
        r"not used",
        "a rule before it has no match, so it was never reached either; it is kept, and the report says so",
    ),
    (
        "IST0131",
        r"is not used",
        "a rule of higher precedence has the same match, so it was never reached; the report says so",
    ),
    ("IST0129", r"no caCertificates are set", "EgressRule began TLS, and the certificates of the system are used"),
    ("IST0133", r"EnvoyFilter exposes internal implementation", "rate limits have no other API"),
    ("IST0133", r"due to the use of only HTTP attributes", "the report says so of each such policy"),
]


def analysed(istioctl, path):
    """What istioctl says of a file's documents alone: two files may have one name for other things."""
    command = [str(istioctl), "analyze", "--use-kube=false", "--output", "json", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.stdout.strip(), answer.stderr
    return json.loads(answer.stdout) or []


@pytest.fixture
def istioctl(kubeconfig):
    return Path("/var/lib/mesh-workshop") / kubeconfig.name / "bin" / "istioctl"


@pytest.fixture
def slides(ansible, tmp_path):
    """What is made of the deck's listings: file and document."""
    src, dest = tmp_path / "slides", tmp_path / "current"
    src.mkdir()
    for path in Path(__file__).with_name("slides").glob("*.txt"):
        (src / f"{path.stem}.yaml").write_text(path.read_text())
    run = ansible.play("migrate", src=str(src), dest=str(dest), facts=facts())
    assert run.status == 0, run.output
    return list(documents(dest))


@pytest.fixture
def messages(istioctl, outputs, slides, tmp_path):
    """Each message of istioctl with the file that it is about."""
    assert len({file for file, _document in slides}) > 5
    files = {}
    for file, document in [*outputs, *slides]:
        files.setdefault(file, []).append(document)
    paths = {}
    for number, (file, found) in enumerate(files.items()):
        paths[file] = tmp_path / f"{number}.yaml"
        paths[file].write_text(yaml.safe_dump_all(found))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda path: analysed(istioctl, path), paths.values()))
    return [(file, message) for file, found in zip(paths, said, strict=True) for message in found]


def test_istioctl_finds_nothing_wrong(messages):
    wrong, used = [], set()
    for file, message in messages:
        rules = [rule for rule in EXCEPTED if rule[0] == message["code"] and re.search(rule[1], message["message"])]
        used.update(rules)
        if not rules:
            wrong.append((file, message["code"], message["message"]))
    assert wrong == []
    assert used == set(EXCEPTED)


def test_istioctl_would_see_a_gateway_of_another_host(istioctl, outputs, tmp_path):
    (_file, service) = next(item for item in outputs if item[1]["kind"] == "VirtualService")
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump({**service, "spec": {**service["spec"], "gateways": ["none"]}}))
    assert "IST0101" in [message["code"] for message in analysed(istioctl, path)]
