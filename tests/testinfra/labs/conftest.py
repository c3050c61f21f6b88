# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that a test needs, the order of the tests, and what a failed one leaves to the next.

`@pytest.mark.stage("tls", "strict")` says which stage of which lab the cluster is in when a test begins. To apply and
verify a stage takes seconds, so the tests of one stage run one after another, and it is applied for the first of them.
For each of the others it is applied again, unless nothing at all has happened in the cluster since then: no object has
another version, and istiod has taken in nothing (`oracle/snapshots.py`). So it does not matter what a test does to the
cluster, or whether it says so.

`@pytest.mark.leads_to("tls", "strict")` says that a test brings the cluster there itself, as the guides do, and so
comes before those which need that. Where it has seen the stage applied and verified, it says so to `held`.

First of all come the tests that compare with baseline; what needs no stage in particular comes last.
"""

from __future__ import annotations

from pathlib import Path

import kubernetes
import pytest
import yaml
from oracle.forms import forms_of
from oracle.guides import parts
from oracle.readers import Reader, Terminal
from oracle.snapshots import versions
from oracle.stages import BASELINE, CATALOGUE, FACTS, LABS, STAGES, UNKNOWN, place

FAILED = pytest.StashKey[bool]()
RIGHTS = Path(__file__).parents[3] / "roles" / "lab" / "files" / "attendee-rights.yml"
# Where the accounts of a room's attendees are: the labs' services show all of these what guides look at.
ROOM = "mesh-workshop-attendees"
ACCOUNT = "attendee-of-few-rights"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Last, since pytest keeps the tests of a file together for the sake of their fixtures."""

    def order(item):
        # What other tests leave would pass for baseline.
        return item.path.name != "test_pairs.py", place(marked(item, "stage"), marked(item, "leads_to"))

    items.sort(key=order)


def marked(item, name):
    """The stage that a test's marker names."""
    marker = item.get_closest_marker(name)
    return marker and marker.args


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Remember a failure until the next test begins."""
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_of_a_failed_test(request, ansible):
    """After a failure the next test begins at baseline, so that one failure is one and not ten."""
    if request.session.stash.get(FAILED, False):
        request.session.stash[FAILED] = False
        ansible.play("reset", reset_confirm="yes")


class Held:
    """The stage that the cluster is in, as long as that is certain."""

    def __init__(self, kube):
        self._kube = kube
        self._seen = None

    def note(self, lab, stage):
        """The stage has been applied and verified a moment ago."""
        self._seen = (lab, stage, versions(self._kube))

    def is_at(self, lab, stage):
        return self._seen == (lab, stage, versions(self._kube))


@pytest.fixture(scope="session")
def held(kube):
    return Held(kube)


@pytest.fixture(autouse=True)
def _stage(request, ansible, held, _nothing_of_a_failed_test):
    """The cluster is in the stage that the test's marker names."""
    visit = marked(request.node, "stage")
    if visit and not held.is_at(*visit):
        lab, stage = visit
        at_baseline = visit == BASELINE
        run = ansible.play("reset", reset_confirm="yes") if at_baseline else ansible.play("lab", lab=lab, stage=stage)
        assert run.status == 0, run.output
        held.note(lab, stage)


@pytest.fixture(name="attendee", scope="session")
def attendee_fixture(kube, kubeconfig, tmp_path_factory):
    """The kubeconfig of an attendee of a room: an account with exactly the rights that the collection publishes."""
    kube.core.create_namespace({"metadata": {"name": ROOM}})
    kube.core.create_namespaced_service_account(ROOM, {"metadata": {"name": ACCOUNT}})
    roles = yaml.safe_load(RIGHTS.read_text())["items"]
    for role in roles:
        meta = role["metadata"]
        kube.rbac.create_namespaced_role(meta["namespace"], role)
        binding = {
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ROOM}],
        }
        kube.rbac.create_namespaced_role_binding(meta["namespace"], binding)
    token = kube.core.create_namespaced_service_account_token(
        ACCOUNT,
        ROOM,
        # Longer than the tests of all labs take on any machine.
        kubernetes.client.AuthenticationV1TokenRequest(spec={"audiences": [], "expirationSeconds": 12 * 3600}),
    )
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.status.token}
    path = tmp_path_factory.mktemp("attendee") / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    yield path
    for role in roles:
        meta = role["metadata"]
        kube.rbac.delete_namespaced_role_binding(ACCOUNT, meta["namespace"])
        kube.rbac.delete_namespaced_role(meta["name"], meta["namespace"])
    kube.core.delete_namespace(ROOM)


@pytest.fixture(scope="session", name="reader_of")
def reader_of_fixture(request, tmp_path_factory, kubeconfig, attendee, gateway):
    """The reader of a lab's guide: the same until a test has failed, since what the shell knows may be gone then.

    They have an attendee's rights, but in the Gateway API, whose definitions are the instructor's.
    """
    readers = {}

    def reader_of(lab, api="istio"):
        key = lab, api, request.session.testsfailed
        if key not in readers:
            guide = (CATALOGUE / lab / "guide.md").read_text()
            forms = [stage for one, stage in forms_of(LABS) if one == lab] if api == "gateway" else None
            rights = kubeconfig if api == "gateway" else attendee
            terminal = Terminal(tmp_path_factory.mktemp(lab), rights, gateway.address, FACTS["host"])
            readers[key] = Reader(lab, terminal, parts(guide, STAGES[lab], api, forms))
        return readers[key]

    yield reader_of
    for reader in readers.values():
        reader.close()


@pytest.fixture(name="images", scope="session")
def images_fixture(kube):
    """Images of the labs' own workloads, as the node has them."""
    names = [name for node in kube.core.list_node().items for image in node.status.images for name in image.names]
    found = {}
    for fact, repository in (("python", "probe"), ("grpc_health", "grpc-health")):
        found[fact] = next(name for name in names if f"/{repository}:" in name)
    return found


@pytest.fixture(name="credentials")
def credentials_fixture(ansible):
    """The certificates and tokens that a lab is to be read with: what the cluster holds now, else new ones."""

    def look_up(lab):
        if "workshop.credentials" not in (CATALOGUE / lab / "lab.yml").read_text():
            return UNKNOWN
        return ansible.lookup("credentials", FACTS["namespace"], host=FACTS["host"])

    return look_up
