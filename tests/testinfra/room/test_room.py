# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A room of attendees on one mesh: the tests follow a class from its first minute to its last, in their order here."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import kubernetes
import yaml
from oracle import proxies
from oracle.processes import begun
from oracle.rooms import ADDED, EVERYBODY, FIRST, bytes_of, held, host_of, namespaces, outcomes
from oracle.snapshots import differences, listing


def served_by(gateway, name, count=12):
    """Which versions of reviews serve an attendee's page, by the stars of it."""
    seen = set()
    for _number in range(count):
        page = gateway.get("/productpage", host=host_of(name))
        assert page.status == 200, f"the page of {name} answered {page.status}"
        seen |= set(re.findall(r"\breviews-(v\d)-[a-z0-9]+-[a-z0-9]+\b", page.body))
    return seen


def test_each_has_a_page_of_their_own_and_pods_with_sidecars(kube, gateway):
    for name in EVERYBODY:
        pods = kube.core.list_namespaced_pod(name).items
        names = {one.metadata.name for one in pods if one.metadata.name.startswith("reviews")}
        shown = set(
            re.findall(r"\breviews-v\d-[a-z0-9]+-[a-z0-9]+\b", gateway.get("/productpage", host=host_of(name)).body)
        )
        assert shown
        assert shown <= names, f"the page of {name} comes from somebody else's pods"
        for pod in pods:
            containers = [*pod.spec.containers, *(pod.spec.init_containers or ())]
            assert "istio-proxy" in {one.name for one in containers}, pod.metadata.name
    assert "example.com" not in str(kube.core.list_namespace().to_dict()), "what else the list holds stays here"


def test_each_is_handed_a_file_for_their_own_namespace(handed_out, kubectl):
    assert sorted(path.name for path in handed_out.iterdir()) == list(ADDED)
    for path in handed_out.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        config = yaml.safe_load(path.read_text())
        assert config["contexts"][0]["context"]["namespace"] == path.name
        assert list(config["users"][0]["user"]) == ["token"]
        status, printed, said = kubectl(path.name, "get", "deployments", "-o", "name")
        assert (status, "deployment.apps/reviews-v3" in printed) == (0, True), said


def test_what_an_attendee_may_take_is_bounded(kube):
    (quota,) = kube.core.list_namespaced_resource_quota("ada").items
    used = {name: (quota.status.used[name], quota.status.hard[name]) for name in ("pods", "requests.memory")}
    assert used == {"pods": ("6", "24"), "requests.memory": ("576Mi", "2304Mi")}
    (limits,) = kube.core.list_namespaced_limit_range("ada").items
    assert limits.spec.limits[0].default["memory"] == "512Mi"
    assert not kube.core.list_namespaced_resource_quota("bookinfo").items, "setup's own Bookinfo is as it was"


def test_adding_them_again_changes_nothing(ansible, kube, room, handed_out):
    before = {name: bytes_of(kube, name) for name in EVERYBODY}
    run = ansible.play("attendees", attendees=str(room))
    assert (run.status, outcomes(run)) == (0, dict.fromkeys(ADDED, (0, 0))), run.output
    assert f"http://{host_of('ada')}/productpage" in run.output
    assert re.search(rf"/etc/hosts +[0-9.]+ {' '.join(map(host_of, ADDED))}", run.output), run.output
    for path in handed_out.iterdir():
        assert yaml.safe_load(path.read_text())["users"][0]["user"]["token"] not in run.output, "no token is shown"
    assert {name: bytes_of(kube, name) for name in EVERYBODY} == before


def test_setup_of_a_room_changes_nothing_for_who_is_there(ansible, kube):
    before, there = {name: bytes_of(kube, name) for name in EVERYBODY}, kube.generations()
    run = ansible.play("setup", attendees=",".join(FIRST))
    assert (run.status, run.changed, outcomes(run)) == (0, 0, dict.fromkeys(FIRST, (0, 0))), run.output
    for name in FIRST:
        assert f"http://{host_of(name)}/productpage" in run.output
    assert {name: bytes_of(kube, name) for name in EVERYBODY} == before
    assert kube.generations() == there


def test_setup_of_a_room_in_check_mode_tells_who_would_be_added(ansible, kube, handed_out):
    there, files = namespaces(kube), {path.name: path.read_bytes() for path in handed_out.iterdir()}
    run = ansible.play("setup", "--check", attendees="ada,eve", attendees_host="{name}.example")
    assert (run.status, run.changed) == (0, 0), run.output
    found = outcomes(run)
    assert found["ada"] == (0, 0), run.output
    assert (found["eve"][0] > 0, found["eve"][1]) == (True, 0), run.output
    assert "Adding 1 attendee takes" in run.output, "ada is there"
    assert "eve" not in there
    assert namespaces(kube) == there
    assert {path.name: path.read_bytes() for path in handed_out.iterdir()} == files


def test_setup_of_a_room_in_check_mode_makes_no_cluster(ansible, cluster):
    other = f"{cluster}-next"
    run = ansible.play("setup", "--check", attendees="ada,eve", cluster_name=other)
    assert (run.status, outcomes(run)) == (0, {}), run.output
    assert "Adding 2 attendees takes" in run.output, "nobody is there yet"
    assert "Later steps need what this step would create. Run setup without --check to continue." in run.output
    assert not Path("/var/lib/mesh-workshop", other).exists()


def test_who_is_meant_has_to_be_said(ansible):
    run = ansible.play("lab", lab="request_routing")
    assert run.status != 0
    assert f"There are {len(EVERYBODY)} attendees: {', '.join(EVERYBODY)}. Say who is meant" in run.message
    run = ansible.play("verify", attendee="ada,eve")
    assert run.status != 0
    assert f"There is no attendee eve. The attendees are: {', '.join(EVERYBODY)}." in run.message
    run = ansible.play("attendees")
    assert run.status == 0
    for name in EVERYBODY:
        assert re.search(rf"\b{name} +{host_of(name)}\b", run.output), run.output


def test_all_are_brought_to_a_stage_and_one_failure_stops_nobody(ansible, kube, gateway, tmp_path):
    run = ansible.play("lab", lab="request_routing", stage="all_v1", attendee="all")
    assert (run.status, outcomes(run)) == (0, dict.fromkeys(EVERYBODY, (1, 0))), run.output
    assert {name: served_by(gateway, name) for name in EVERYBODY} == dict.fromkeys(EVERYBODY, {"v1"})
    run = ansible.play("lab", lab="request_routing", stage="jason_v2", attendee="cleo")
    assert run.status == 0, run.output
    kube.custom.delete_namespaced_custom_object("networking.istio.io", "v1", "bob", "virtualservices", "reviews")
    screen = tmp_path / "screen"
    with begun(ansible, "verify", attendee="all", log=screen, callback="mesh.workshop.room") as process:
        assert process.wait(300) != 0
    shown = screen.read_text()
    ends = dict(re.findall(r"^(\w+): \d+ ok(.*)$", shown, re.MULTILINE))
    assert [name for name in EVERYBODY if "failure" in ends[name]] == ["bob"], shown
    heads = re.findall(r"^Lab request_routing, stage (\w+) \[(\w+)\]: ", shown, re.MULTILINE)
    heads = {name: stage for stage, name in heads}
    assert heads == {name: "jason_v2" if name == "cleo" else "all_v1" for name in EVERYBODY}
    (_before, end) = shown.split("FAILED  ")
    assert end.startswith("Lab request_routing, stage all_v1 [bob]\n"), "the end says who failed"
    assert "cause VirtualService bob/reviews of stage all_v1 of lab request_routing is missing" in " ".join(end.split())
    back = "remedy Apply the stage: ansible-playbook mesh.workshop.lab -e lab=request_routing -e stage=all_v1"
    assert f"{back} -e attendee=bob." in " ".join(end.split())
    run = ansible.play("status")
    assert run.status == 0
    for name in EVERYBODY:
        stage = "jason_v2" if name == "cleo" else "all_v1"
        verified = "no" if name == "bob" else r"(just now|\d+ min ago)"
        assert re.search(rf"\b{name} +request_routing +{stage} +{verified} ", run.output), run.output
    assert re.search(r"bob: failed (just now|\d+ min ago): .*\breviews\b", run.output), run.output
    assert "bob: VirtualService bob/reviews of stage all_v1 of lab request_routing is missing" in run.output
    assert "ada: " not in run.output, "others are not to blame"


def test_a_request_is_explained_for_whoever_is_meant(ansible):
    url = f"http://{host_of('ada')}/productpage"
    run = ansible.play("explain", attendee="ada", url=url)
    assert run.status == 0, run.output
    assert "VirtualService ada/bookinfo" in run.output
    run = ansible.play("explain", url=url)
    assert run.status != 0
    assert "Say who is meant" in run.message


def test_the_board_is_written_as_a_page_and_as_json(ansible, kube, tmp_path):
    with held(kube, "bookinfo", "eve@desk (process 7, lab tls, stage strict)"):
        for name in ("board.html", "board.json"):
            run = ansible.play("status", board=str(tmp_path / name))
            assert run.status == 0, run.output
    assert re.search(r"bookinfo: in progress: lab tls, stage strict since [0-9:]+ UTC, by eve@desk", run.output)
    board = {one["namespace"]: one for one in json.loads((tmp_path / "board.json").read_text())}
    assert set(board) == set(EVERYBODY)
    assert (board["ada"]["lab"], board["ada"]["stage"], board["ada"]["healthy"]) == ("request_routing", "all_v1", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", board["ada"]["verified"])
    assert (board["bob"]["verified"], board["bookinfo"]["verified"]) == ("", "")
    assert "reviews" in board["bob"]["failure"]
    assert board["bookinfo"]["running"].startswith("lab tls, stage strict since ")
    page = (tmp_path / "board.html").read_text()
    assert '<a href="http://ada.mybookstore.com/productpage">' in page
    assert "VirtualService bob/reviews of stage all_v1 of lab request_routing is missing" in page
    assert f'<time datetime="{board["ada"]["verified"]}"' in page
    assert f'<time datetime="{board["bob"]["failed"]}"' in page
    assert "src=" not in page, "it needs nothing else"
    (command,) = re.findall(r"run mesh.workshop.lab (-e lab=\S+ -e stage=\S+ -e attendee=bob)\.", str(board["bob"]))
    run = ansible.play("lab", **dict(one.split("=") for one in command.replace("-e ", "").split()))
    assert (run.status, run.changed) == (0, 1), f"the remedy mends it: {run.output}"
    run = ansible.play("status", board=str(tmp_path / "board.txt"))
    assert run.status != 0
    assert "name a file that ends with .html or .json" in run.message


def test_everybody_gets_an_exercise_of_their_own(ansible, kube):
    run = ansible.play("break", attendee="all", seed=1)
    assert run.status == 0, run.output
    for stage, names in (("jason_v2", ["cleo"]), ("all_v1", [name for name in EVERYBODY if name != "cleo"])):
        back = f"mesh.workshop.lab -e lab=request_routing -e stage={stage} -e attendee={','.join(names)}\n"
        assert f"Back to the stage that this has ended: ansible-playbook {back}" in run.output
    markers = {name: kube.core.read_namespaced_config_map("mesh-workshop", name).data["lab"] for name in EVERYBODY}
    assert len(set(markers.values())) == len(EVERYBODY), markers
    # Names and seed are all that an exercise is drawn by.
    again = ansible.play("break", attendee="ada,bob", seed=1)
    assert (again.status, outcomes(again)) == (0, dict.fromkeys(FIRST, (0, 0))), again.output
    assert "Back to" not in again.output


def test_an_exercise_is_mended_by_hand_and_alone(ansible, kube, kubectl, handed_out):
    run = ansible.play("break", attendee="ada", fault="page_refused")
    assert run.status == 0, run.output
    others = {name: bytes_of(kube, name) for name in EVERYBODY if name != "ada"}
    # With ada's own kubeconfig: she may read which hints she was given, and note one more.
    mine = {"attendee": "ada", "lab_kubeconfig": str(handed_out / "ada")}
    run = ansible.play("verify", **mine)
    assert run.status != 0
    symptom, hint = run.message.splitlines()
    assert symptom.startswith("Not mended yet."), run.message
    assert hint.startswith("Hint 1 of "), run.message
    assert kube.core.read_namespaced_config_map("mesh-workshop-exercise", "ada").data == {"hints": "1"}
    status, _printed, said = kubectl("ada", "delete", "authorizationpolicy", "productpage")
    assert status == 0, said
    run = ansible.play("verify", **mine)
    assert run.status == 0, run.output
    assert "Mended. The cause was: AuthorizationPolicy productpage denies every GET" in run.output
    assert {name: bytes_of(kube, name) for name in others} == others
    run = ansible.play("verify", attendee="ada,bob")
    assert outcomes(run) == {"ada": (0, 0), "bob": (0, 1)}, run.output
    assert run.message.startswith("Not mended yet."), run.message
    for lab, stage, names in (
        ("request_routing", "all_v1", ("ada", "bob", "bookinfo")),
        ("faults", "abort", ("cleo", "dora", "emil")),
    ):
        run = ansible.play("lab", lab=lab, stage=stage, attendee=",".join(names))
        assert (run.status, set(outcomes(run))) == (0, set(names)), run.output


def test_a_reset_of_one_leaves_the_others_alone(ansible, kube, gateway):
    others = [name for name in EVERYBODY if name != "bob"]
    before = {name: bytes_of(kube, name) for name in others}
    # Those of setup's own Bookinfo are compared at every stage of the walk (test_isolation.py).
    told = {name: proxies.snapshot(kube, name, gateways=False) for name in ADDED if name != "bob"}
    run = ansible.play("reset", attendee="bob", reset_confirm=True)
    assert run.status == 0, run.output
    assert {name: bytes_of(kube, name) for name in others} == before
    for name in told:
        changed = differences(told[name], proxies.snapshot(kube, name, gateways=False))
        assert not changed, f"{name}: {listing(changed)}"
    assert served_by(gateway, "bob", 30) == {"v1", "v2", "v3"}
    assert served_by(gateway, "ada") == {"v1"}


def test_a_tour_is_of_one_attendee(ansible, kube, tmp_path):
    before = {name: bytes_of(kube, name) for name in EVERYBODY}
    run = ansible.play("tour", attendee="ada,bob")
    assert run.status != 0
    assert "A tour is of one attendee, whose namespace it resets after each lab, and 2 are meant" in run.message
    run = ansible.play("tour", attendee="ada", lab="mirroring", tour_report=str(tmp_path / "tour.xml"))
    assert run.status == 0, run.output
    assert re.search(r"mirroring +reset", run.output), run.output
    after = {name: bytes_of(kube, name) for name in EVERYBODY}
    assert [name for name in EVERYBODY if after[name] != before[name]] == ["ada"]


def test_two_use_what_the_mesh_has_once_at_the_same_time(ansible, kube):
    """The certificates of a gateway, the counts of one rate limit service, and what the proxies trace."""
    for lab, stage in (("tls", "secure_gateway"), ("quotas", "cluster_small")):
        run = ansible.play("lab", lab=lab, stage=stage, attendee="ada,bob")
        assert run.status == 0, run.output
        assert set(outcomes(run)) == {"ada", "bob"}
    for name, stage in (("ada", "on"), ("bob", "sampled")):
        run = ansible.play("lab", lab="tracing", stage=stage, attendee=name)
        assert run.status == 0, run.output
    run = ansible.play("verify", attendee="ada")
    assert run.status == 0, f"bob has another stage of the lab now:\n{run.output}"
    run = ansible.play("reset", attendee="ada", reset_confirm=True)
    assert run.status == 0, run.output
    run = ansible.play("verify", attendee="bob")
    assert run.status == 0, f"ada has none any more:\n{run.output}"
    assert ansible.play("reset", attendee="bob", reset_confirm=True).status == 0
    for name in ("tracing", "ratelimit"):
        assert ansible.role(name, **{f"{name}_state": "absent"}).status == 0


def test_a_namespace_that_was_deleted_comes_back_and_an_interrupted_addition_is_finished(
    ansible, kube, gateway, kubectl, eventually
):
    others = {name: bytes_of(kube, name) for name in EVERYBODY if name != "bob"}
    kube.core.delete_namespace("bob")
    eventually(lambda: "bob" not in namespaces(kube), "the namespace bob goes", 120)
    with begun(ansible, "attendees", attendees="bob") as process:
        eventually(lambda: "bob" in namespaces(kube), "the addition begins")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
    run = ansible.play("attendees", attendees="bob")
    assert run.status == 0, run.output
    assert served_by(gateway, "bob", 30) == {"v1", "v2", "v3"}
    status, _printed, said = kubectl("bob", "get", "deployment", "reviews-v3")
    assert status == 0, said
    assert {name: bytes_of(kube, name) for name in others} == others


def test_bad_input_is_told_before_anything_is_changed(ansible, kube, eventually):
    kube.core.create_namespace({"metadata": {"name": "theirs"}})
    try:
        kube.core.create_namespaced_config_map("theirs", {"metadata": {"name": "something"}})
        before = namespaces(kube)
        for given, said in (
            ("eve,-x", "Attendee '-x' cannot be the name of a namespace"),
            (["Eve", "eve"], "Attendee 'eve' and attendee 'Eve' would both be eve: change one of the names."),
            (1000, "1000 more attendees do not fit into this cluster"),
            ("/nowhere/room.csv", "/nowhere/room.csv cannot be read (No such file or directory)"),
            ("eve,theirs", "Namespace theirs cannot be the workshop's"),
        ):
            for name in ("attendees", "setup"):
                run = ansible.play(name, attendees=given)
                assert run.status != 0
                assert said in run.message, run.output
                assert "Check the machine or cluster" not in run.output, "what comes next has not begun"
        assert namespaces(kube) == before
    finally:
        kube.core.delete_namespace("theirs")
        eventually(lambda: "theirs" not in namespaces(kube), "the namespace theirs goes")


def test_removing_them_leaves_nothing(ansible, kube, gateway, room, handed_out):
    run = ansible.play("lab", lab="tls", stage="secure_gateway", attendee="ada")
    assert run.status == 0, run.output
    before = bytes_of(kube, "bookinfo")
    selector = {"label_selector": f"mesh.workshop/attendee in ({','.join(ADDED)})"}
    assert {one.metadata.namespace for one in kube.core.list_secret_for_all_namespaces(**selector).items} >= {
        "istio-system"
    }
    removal = {"attendees": str(room), "attendees_state": "absent"}
    run = ansible.play("attendees", **removal)
    assert run.status != 0
    assert f"Nobody was removed: type {','.join(ADDED)} when asked" in run.message
    run = ansible.play("attendees", **removal, attendees_confirm=True)
    assert run.status == 0, run.output
    assert not {*ADDED, "mesh-workshop-attendees"} & namespaces(kube)
    policies = kubernetes.client.AdmissionregistrationV1Api(kube.core.api_client)
    assert not policies.list_validating_admission_policy().items
    assert not policies.list_validating_admission_policy_binding().items
    bindings = [one.metadata for one in kube.rbac.list_role_binding_for_all_namespaces().items]
    left = {one.namespace for one in bindings if one.name == "mesh-workshop-attendees"}
    # Those of the labs' services are for whoever comes next.
    assert not [one for one in left if not one.startswith("mesh-workshop-")]
    assert not kube.istio("sidecars", "bookinfo"), "who is alone on the mesh knows all of it"
    assert not handed_out.exists()
    assert not kube.core.list_secret_for_all_namespaces(**selector).items
    assert not kube.core.list_config_map_for_all_namespaces(**selector).items
    assert gateway.get("/productpage", host="ada.mybookstore.com").status == 404
    assert bytes_of(kube, "bookinfo") == before
    run = ansible.play("attendees", **removal)
    assert (run.status, run.changed) == (0, 0), run.output
    assert "None of them is there." in run.output
    run = ansible.play("status")
    assert "Applied     request_routing, stage all_v1" in run.output, "one attendee is the case without attendees"
