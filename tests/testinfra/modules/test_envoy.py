# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the explainer predicts is what Envoy does: generated routes, matches, policies and requests, on a real Envoy.

Every route answers with its own name, so an answer tells which one took the request; many have policies of their own.
"""

from __future__ import annotations

import http.client
import random
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.access import Call, judge_access
from ansible_collections.mesh.workshop.plugins.module_utils._explain.normalizing import normalized
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import Peer, Request, request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.routing import choose_route
from modules.envoys import CASES, RBAC, RBAC_FILTER, SEED, free_port, http_chain, listener_of, running, with_rules

Json = dict[str, t.Any]

ROUTES = 6
SEGMENTS = ("a", "b", "ab", "reviews", "0")
NAMES = ("end-user", "x-a", "x-b")
VALUES = ("jason", "Jason", "ja", "son", "", "1")
QUERIES = (*VALUES, "%6aason", "ja+son", "ja%20son")
"""Compared as they are written."""
CROOKED = (*SEGMENTS, "..", ".", "", "%2e%2E", "%61", "a%2fb", "a%20b", "a;b", "%2e", "0..", "<a>", "a|b", "%c3%a9")
PARAMETERS = ("q", "r")
DOMAINS = ("a.example", "b.example", "*.example", "*.b.example", "a.*", "a.b.*", "reviews", "*")
AUTHORITIES = ("a.example", "A.example", "b.example", "x.example", "x.b.example", "a.other", "a.b.c", "reviews", "none")


class Maker:
    """Makes configurations and requests from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def path(self) -> str:
        return "/" + "/".join(self.random.choice(SEGMENTS) for _time in range(self.random.randint(0, 3)))

    def crooked_path(self) -> str:
        """A path as nobody writes it, which proxies make straight before they compare it."""
        return "/" + "/".join(self.random.choice(CROOKED) for _time in range(self.random.randint(1, 5)))

    def text_matcher(self, value: str) -> Json:
        kind = self.random.choice(("exact", "prefix", "suffix", "contains", "safe_regex"))
        if kind == "safe_regex":
            return {"safe_regex": {"regex": self.random.choice(("ja.*", "[a-z]+", ".*son", "[0-9]", "jason"))}}
        found: Json = {kind: value or "a"}
        if self.random.random() < 0.3:
            found["ignore_case"] = True
        return found

    def header_matcher(self, names: t.Sequence[str] = (*NAMES, ":method", ":authority")) -> Json:
        name = self.random.choice(names)
        found: Json = {"name": name}
        if self.random.random() < 0.2:
            found["present_match"] = self.random.random() < 0.7
        else:
            value = {":method": "GET", ":authority": "example"}.get(name) or self.random.choice(VALUES)
            found["string_match"] = self.text_matcher(value)
        if self.random.random() < 0.2:
            found["invert_match"] = True
        if "string_match" in found and self.random.random() < 0.2:
            found["treat_missing_header_as_empty"] = True
        return found

    def route_match(self) -> Json:
        kind = self.random.choice(("path", "prefix", "prefix", "path_separated_prefix", "safe_regex", "template"))
        path = self.path()
        if kind == "safe_regex":
            found: Json = {"safe_regex": {"regex": self.random.choice(("/a.*", "/[a-z]+/0", "/.*b", "/"))}}
        elif kind == "template":
            template = self.random.choice(("/a/*", "/*/b", "/a/**", "/{x=*}/0"))
            config = {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": template,
            }
            found = {
                "path_match_policy": {
                    "name": "envoy.path.match.uri_template.uri_template_matcher",
                    "typed_config": config,
                }
            }
        elif kind == "path_separated_prefix":
            found = {kind: path if path != "/" else "/a"}
        else:
            found = {kind: path}
        if kind in ("path", "prefix") and self.random.random() < 0.2:
            found["case_sensitive"] = False
        if self.random.random() < 0.5:
            found["headers"] = [self.header_matcher() for _time in range(self.random.randint(1, 2))]
        if self.random.random() < 0.3:
            parameter: Json = {"name": self.random.choice(PARAMETERS)}
            if self.random.random() < 0.5:
                parameter["present_match"] = True
            else:
                parameter["string_match"] = self.text_matcher(self.random.choice(VALUES))
            found["query_parameters"] = [parameter]
        return found

    def permission(self, depth: int = 2) -> Json:
        kind = self.random.choice(("any", "header", "url_path", "port", "and", "or", "not"))
        if depth and kind in ("and", "or"):
            parts = [self.permission(depth - 1) for _time in range(self.random.randint(1, 3))]
            return {f"{kind}_rules": {"rules": parts}}
        if depth and kind == "not":
            return {"not_rule": self.permission(depth - 1)}
        if kind == "header":
            return {"header": self.header_matcher()}
        if kind == "url_path":
            return {"url_path": {"path": self.text_matcher(self.path())}}
        if kind == "port":
            return {"destination_port": self.random.choice((PORT, 1))}
        return {"any": True}

    def principal(self, depth: int = 2) -> Json:
        kind = self.random.choice(("any", "header", "ip", "and", "or", "not", "identity"))
        if depth and kind in ("and", "or"):
            return {f"{kind}_ids": {"ids": [self.principal(depth - 1) for _time in range(self.random.randint(1, 3))]}}
        if depth and kind == "not":
            return {"not_id": self.principal(depth - 1)}
        if kind == "header":
            return {"header": self.header_matcher()}
        if kind == "ip":
            prefix, length = self.random.choice((("127.0.0.0", 8), ("10.0.0.0", 8), ("127.0.0.1", 32)))
            return {"direct_remote_ip": {"address_prefix": prefix, "prefix_len": length}}
        if kind == "identity":
            return {"authenticated": {"principal_name": {"exact": "spiffe://cluster.local/ns/a/sa/b"}}}
        return {"any": True}

    def rules(self) -> Json:
        policies = {
            f"ns[a]-policy[p{number}]-rule[0]": {
                "permissions": [self.permission() for _time in range(self.random.randint(1, 2))],
                "principals": [self.principal() for _time in range(self.random.randint(1, 2))],
            }
            for number in range(self.random.randint(1, 3))
        }
        return {"action": self.random.choice(("ALLOW", "DENY")), "policies": policies}

    def routes(self) -> Json:
        hosts = []
        for number, domain in enumerate(self.random.sample(DOMAINS, len(DOMAINS))):
            routes = []
            for index in range(ROUTES):
                name = f"{number}-{index}"
                route: Json = {"name": name, "match": self.route_match()}
                route["direct_response"] = {"status": 200, "body": {"inline_string": name}}
                if self.random.random() < 0.6:
                    route["typed_per_filter_config"] = with_rules(self.rules())
                routes.append(route)
            hosts.append({"name": f"host-{number}", "domains": [domain], "routes": routes})
        return {"name": "generated", "ignore_port_in_host_matching": True, "virtual_hosts": hosts}

    def request(self) -> Request:
        query = "&".join(f"{name}={self.random.choice(QUERIES)}" for name in PARAMETERS if self.random.random() < 0.4)
        headers = [(name, self.random.choice(VALUES[:4] + VALUES[5:])) for name in NAMES if self.random.random() < 0.5]
        headers.append(("host", self.random.choice(AUTHORITIES)))
        path = self.path() if self.random.random() < 0.7 else self.crooked_path()
        url = f"http://127.0.0.1:{PORT}{path}" + (f"?{query}" if query else "")
        return request_of(url, self.random.choice(("GET", "GET", "POST")), headers)


PORT = free_port()


def predicted(routes: Json, request: Request) -> tuple[int, str]:
    """Status, and the name of the route that answers."""
    request = normalized({"normalize_path": True}, request)
    found = choose_route(routes, request)
    assert not found.unknown
    if found.route is None:
        return 404, ""
    config = (found.route.get("typed_per_filter_config") or {}).get(RBAC)
    if config:
        access = judge_access(config["rbac"]["rules"], Call(request, Peer("", "127.0.0.1"), PORT))
        assert not access.uncertain
        if access.denies:
            return 403, ""
    return 200, str(found.route["name"])


@pytest.fixture(scope="module", name="envoy")
def envoy_fixture(tmp_path_factory, eventually):
    """Envoy with generated routes; ends with the tests."""
    routes = Maker(SEED).routes()
    listener = listener_of(PORT, [http_chain(routes, RBAC_FILTER)])
    with running(tmp_path_factory.mktemp("envoy"), [listener], eventually):
        yield routes


def test_envoy_does_what_is_predicted(envoy):
    maker = Maker(SEED + 1)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    outcomes: dict[int, int] = {}
    wrong = []
    for number in range(CASES):
        request = maker.request()
        status, name = predicted(envoy, request)
        connection.request(request.method, request.header(":path") or "/", headers=dict(request.headers))
        answer = connection.getresponse()
        body = answer.read().decode()
        outcomes[status] = outcomes.get(status, 0) + 1
        if (answer.status, body if answer.status == 200 else "") != (status, name):
            wrong.append((number, request, (status, name), (answer.status, body)))
    connection.close()
    assert not wrong, f"{len(wrong)} of {CASES}, seed {SEED}; the first: {wrong[0]}"
    # The generated worlds are not trivial.
    assert min(outcomes.get(status, 0) for status in (200, 403, 404)) > CASES / 50, outcomes
