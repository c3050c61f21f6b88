# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deck that the labs come from: each listing of 2019, slips included, is converted, applied and judged by requests.

`slides` holds the listings as the slides have them; their names do not end in .yaml, since few of them are YAML that a
linter would take. The tests build on each other, as the slides do, and run in this order.
"""

from __future__ import annotations

import collections
import re
import typing as t
from pathlib import Path

import kubernetes
import pytest
import yaml

HERE = Path(__file__).parent
SLIDES = sorted((HERE / "slides").glob("*.txt"))
# The deck's analyzer and guestbook are there, and the policy names them so.
GUESTS = "default"
PAGES = 44  # enough to notice one wrong answer in ten with a certainty of 99 %
SECONDS = 5
UNAVAILABLE = "Sorry, product reviews are currently unavailable for this book."
RATINGS, REVIEWS = "http://ratings:9080/ratings/0", "http://reviews:9080/reviews/0"
DETAILS, HEALTH = "http://details:9080/details/0", "http://reviews:9080/health"

SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    do_GET = do_POST = answer
ThreadingHTTPServer(("", 9080), Handler).serve_forever()
"""


def guest(name: str, image: str) -> list[dict[str, t.Any]]:
    """A service with an account of its own that answers GET and POST."""
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-B", "-c", SERVER],
        "readinessProbe": {"httpGet": {"path": "/", "port": 9080}, "periodSeconds": 1, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    pod = {
        "metadata": {"labels": {"app": name, "sidecar.istio.io/inject": "true"}},
        "spec": {
            "serviceAccountName": name,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000},
            "containers": [container],
        },
    }
    selector = {"app": name}
    ports = [{"name": "http", "port": 9080, "targetPort": 9080}]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": selector, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": selector}, "template": pod},
        },
    ]


@pytest.fixture(scope="module", autouse=True)
def _guests(ansible, kube):
    names = [name for node in kube.core.list_node().items for image in node.status.images for name in image.names]
    image, *_others = (name for name in names if "/probe:" in name)
    documents = [document for name in ("guestbook", "analyzer") for document in guest(name, image)]
    run = ansible.module("apply", definitions=documents, namespace=GUESTS)
    assert run.status == 0, run.output
    yield
    run = ansible.module("apply", definitions=documents, namespace=GUESTS, state="absent")
    assert run.status == 0, run.output
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output


@pytest.fixture(scope="module")
def converted(ansible, kubeconfig, tmp_path_factory, _guests):
    """The folder with what `migrate` makes of all listings at once; what it has to know it asks the cluster."""
    legacy, current = tmp_path_factory.mktemp("legacy"), tmp_path_factory.mktemp("current")
    for slide in SLIDES:
        (legacy / f"{slide.stem}.yaml").write_text(slide.read_text())
    (legacy / "quota-by-user.yaml").write_text((HERE / "quota-by-user.txt").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("K8S_AUTH_KUBECONFIG", str(kubeconfig))
        options = {"default_namespace": "bookinfo", "ask_cluster": True, "refusals": "fail"}
        run = ansible.play("migrate", src=str(legacy), dest=str(current), **options)
    assert run.status == 0, run.output
    return current


@pytest.fixture
def apply(ansible, converted):
    """Apply the outputs of listings as they are, and return the module's result."""

    def run(*names, **options):
        documents = [(converted / f"{name}.yaml").read_text() for name in names]
        run = ansible.module("apply", definitions=documents, namespace="bookinfo", **options)
        assert run.status == 0, run.output
        return run.result

    return run


def statuses(answers):
    return collections.Counter(answer.status for answer in answers)


def test_every_listing_of_the_deck_is_here():
    assert len(SLIDES) == 9


def test_the_gateway_opens_and_the_match_conditions_decide(ansible, apply, gateway):
    run = ansible.play("lab", lab="gateway", stage="closed")
    assert run.status == 0, run.output
    apply("gateway")
    assert gateway.get("/productpage").status == 404  # a way in that leads nowhere
    apply("virtualservice-bookinfo")
    for path, status in {
        "/productpage": 200,
        "/static/style.css": 200,
        "/logout": 302,
        "/api/v1/products": 200,
        "/api/v1/products/0/ratings": 200,
        "/": 404,
        "/health": 404,
        "/productpage/more": 404,
    }.items():
        assert gateway.get(path).status == status, path
    assert gateway.login("jason")
    assert gateway.get("/productpage", host="other.example").status == 404


def test_mutual_tls_leads_to_all_versions_where_plain_text_is_refused(ansible, apply, gateway, kube, eventually):
    apply("destinationrule-reviews")
    spec = {"selector": {"matchLabels": {"app": "reviews"}}, "mtls": {"mode": "STRICT"}}
    run = ansible.module("peer_authentication", name="reviews", namespace="bookinfo", spec=spec)
    assert run.status == 0, run.output

    def refused():
        try:
            kube.service_get("reviews", "/reviews/0")
        except kubernetes.client.ApiException as error:
            return error.status in (500, 502, 503)
        return False

    eventually(refused, "a client without a sidecar is refused")
    assert set(gateway.versions(PAGES)) == {"v1", "v2", "v3"}
    assert kube.istio("destinationrules")["reviews"]["spec"]["trafficPolicy"] == {"tls": {"mode": "ISTIO_MUTUAL"}}


def test_jason_gets_v2_and_everyone_else_v1(apply, gateway):
    apply("virtualservice-reviews-routing")
    assert set(gateway.versions(PAGES, gateway.login("jason"))) == {"v2"}
    assert set(gateway.versions(PAGES)) == {"v1"}
    assert set(gateway.versions(PAGES, gateway.login("mary"))) == {"v1"}


def test_ratings_takes_seven_seconds_for_jason_alone(ansible, apply, gateway, ask_from):
    # The slide's subset is one of those that the deck takes to be there.
    subset = {"host": "ratings", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}
    run = ansible.module("destination_rule", name="ratings", namespace="bookinfo", spec=subset)
    assert run.status == 0, run.output
    assert apply("virtualservice-ratings-delay")["changed"]
    assert not apply("virtualservice-ratings-delay-2")["changed"], "the second listing of the slide means the same"
    (answer,) = ask_from("reviews", RATINGS, version="v2", headers={"end-user": "jason"})
    assert answer.status == 200
    assert 6.9 <= answer.seconds < 14  # once, and not twice
    page = gateway.get("/productpage", headers=gateway.login("jason"))
    assert UNAVAILABLE in page.body
    # Two attempts of three seconds each; a third would make it nine.
    assert 5.5 <= page.seconds < 9
    for headers in ({"end-user": "mary"}, {}):
        (answer,) = ask_from("reviews", RATINGS, version="v2", headers=headers)
        assert answer.status == 200
        assert answer.seconds < 5


def test_v3_gets_one_request_in_twenty(apply, ask_from):
    apply("virtualservice-reviews-shifting")
    answers = ask_from("productpage", REVIEWS, count=1000)
    seen = collections.Counter(re.match(r"reviews-(v\d)-", answer.json()["podname"])[1] for answer in answers)
    assert set(seen) == {"v1", "v3"}
    # Of 1000 requests 5 % are outside of these in one of a million runs, 10 % in nine of ten runs.
    assert 21 <= seen["v3"] <= 87, seen


@pytest.fixture(scope="module")
def limits(ansible, converted):
    """The rate limit service with what the conversion has written for it, until the quotas are seen."""
    (config,) = (
        document["data"]["config.yaml"]
        for document in yaml.safe_load_all((converted / "memquota.yaml").read_text())
        if document["kind"] == "ConfigMap"
    )
    run = ansible.role("ratelimit", ratelimit_descriptors=yaml.safe_load(config)["descriptors"])
    assert run.status == 0, run.output
    yield
    run = ansible.role("ratelimit", ratelimit_state="absent")
    assert run.status == 0, run.output


@pytest.fixture
def quotas(apply, limits, ask_from, eventually):
    apply("memquota")

    def counted():
        seen = ask_from("productpage", DETAILS, HEALTH, RATINGS, count=PAGES)
        seen += ask_from("reviews", RATINGS, version="v2", count=PAGES)
        return all("x-ratelimit-limit" in answer.headers for answer in seen)

    # A connection that callers have kept answers once more without the filter; so many requests use all of them up.
    eventually(counted, "every answer says how many requests are allowed")
    yield
    apply("memquota", state="absent")


def identity(account):
    """What a caller writes who wants to be taken for another."""
    return {"x-forwarded-client-cert": f"URI=spiffe://cluster.local/ns/bookinfo/sa/{account}"}


@pytest.mark.usefixtures("quotas")
def test_quotas_count_by_destination_and_the_first_override_wins(ask_from):
    def limit(answer):
        return answer.headers["x-ratelimit-limit"].partition(",")[0]

    seen = ask_from("productpage", DETAILS, HEALTH, DETAILS, HEALTH, within_a_second=True)
    assert statuses(seen) == {200: 4}
    assert {limit(answer) for answer in seen} == {"5000"}
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in seen]
    # One counter for each destination.
    assert [left[0] - left[2], left[1] - left[3]] == [1, 1]
    # Any caller but reviews may ask ratings a hundred times, whatever it claims to be.
    seen = ask_from("productpage", RATINGS, count=10, headers=identity("bookinfo-reviews"), within_a_second=True)
    assert statuses(seen) == {200: 10}
    assert {limit(answer) for answer in seen} == {"100"}
    # Windows are fixed seconds: of the first and the last only a part is seen, or one more than was waited for.
    for claims in ({}, identity("bookinfo-productpage")):
        found = statuses(ask_from("reviews", RATINGS, version="v2", seconds=SECONDS, headers=claims))
        assert set(found) == {200, 429}, found
        assert SECONDS - 1 <= found[200] <= SECONDS + 2, found
    # In the later form: an expression over a header, where the rule's match asks for another.
    users = {"jason": [200, 200, 429, 429], "mary": [200] * 4}
    for user, wanted in users.items():
        headers = {"end-user": user, "x-plan": "free-trial"}
        seen = ask_from("productpage", DETAILS, count=4, headers=headers, within_a_second=True)
        assert [answer.status for answer in seen] == wanted, user
    seen = ask_from("productpage", DETAILS, count=4, headers={"end-user": "jason", "x-plan": "paid"})
    assert statuses(seen) == {200: 4}


def test_the_analyzer_takes_posts_of_the_guestbook_alone(apply, ask_from, eventually):
    url = f"http://analyzer.{GUESTS}:9080/"
    apply("servicerole-analyzer")
    eventually(lambda: ask_from("productpage", url)[0].status == 403, "the policy is in force")
    asked = [
        ask_from("guestbook", url, namespace=GUESTS, method="POST", body="a book", count=PAGES),
        ask_from("guestbook", url, namespace=GUESTS, count=PAGES),
        ask_from("productpage", url, method="POST", body="a book", count=PAGES),
        ask_from("productpage", url, count=PAGES),
    ]
    apply("servicerole-analyzer", state="absent")
    assert [set(statuses(answers)) for answers in asked] == [{200}, {403}, {403}, {403}]
    assert {answer.body for answers in asked[1:] for answer in answers} == {"RBAC: access denied"}
