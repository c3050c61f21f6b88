# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.plan import (
    ORDER,
    Action,
    Observed,
    Wanted,
    plan,
)

HEALTHY = Observed(
    settings=True,
    inotify_limit=True,
    container=True,
    running=True,
    as_wanted=True,
    linked=True,
    containerd=True,
    images=True,
    configured=True,
    kubelet=True,
    api=True,
    registered=True,
    addons=True,
    ready=True,
    kubeconfig=True,
    programs=True,
)
# What cannot be seen while the container is not there.
GONE = {
    "container": False,
    "running": False,
    "linked": False,
    "containerd": False,
    "images": False,
    "kubelet": False,
    "api": False,
    "registered": False,
    "addons": False,
    "ready": False,
}
A = Action
ABOVE_API = [A.CONTROL_PLANE, A.REGISTER, A.ADDONS, A.READY]
START = [A.CREATE_NODE, A.LINK, A.CONTAINERD, A.IMAGES, A.KUBELET, *ABOVE_API]


def but(**seen: bool) -> Observed:
    return dataclasses.replace(HEALTHY, **seen)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(HEALTHY, [], id="healthy"),
        pytest.param(
            Observed(),
            [a for a in ORDER if a not in (A.REMOVE_NODE, A.PUBLISH, A.UNPUBLISH)],
            id="nothing there",
        ),
        pytest.param(but(**GONE), START, id="machine restarted"),
        pytest.param(but(inotify_limit=False), [A.INOTIFY_LIMIT], id="the host's limit is low"),
        pytest.param(but(**{**GONE, "container": True}), [A.REMOVE_NODE, *START], id="first process killed"),
        pytest.param(but(as_wanted=False), [A.REMOVE_NODE, *START], id="node image or configuration changed"),
        pytest.param(but(linked=False), [A.REMOVE_NODE, *START], id="link deleted"),
        pytest.param(
            but(containerd=False, images=False), [A.CONTAINERD, A.IMAGES, *ABOVE_API], id="containerd does not answer"
        ),
        pytest.param(but(images=False), [A.IMAGES], id="image missing or of other content"),
        pytest.param(but(kubelet=False), [A.KUBELET, *ABOVE_API], id="kubelet down"),
        pytest.param(
            but(configured=False, api=False, registered=False, addons=False, ready=False),
            [
                A.REMOVE_NODE,
                A.CREATE_NODE,
                A.LINK,
                A.CONTAINERD,
                A.IMAGES,
                A.CONFIGURE,
                A.KUBELET,
                *ABOVE_API,
                A.KUBECONFIG,
            ],
            id="configuration changed under a running kubelet",
        ),
        pytest.param(
            but(configured=False, kubelet=False, api=False, registered=False, addons=False, ready=False),
            [A.CONFIGURE, A.KUBELET, *ABOVE_API, A.KUBECONFIG],
            id="kubeadm interrupted",
        ),
        pytest.param(but(api=False, registered=False, addons=False, ready=False), ABOVE_API, id="API server starting"),
        pytest.param(but(registered=False), [A.REGISTER, A.READY], id="ConfigMap of kubeadm deleted"),
        pytest.param(but(addons=False), [A.ADDONS, A.READY], id="kube-proxy or kube-dns deleted"),
        pytest.param(but(ready=False), [A.READY], id="node not ready yet"),
        pytest.param(but(kubeconfig=False), [A.KUBECONFIG], id="kubeconfig deleted"),
        pytest.param(but(programs=False), [A.PROGRAMS], id="kubectl of another version"),
        pytest.param(but(published=True, published_as_wanted=True), [A.UNPUBLISH], id="published, no longer wanted"),
    ],
)
def test_plan(observed: Observed, expected: list[Action]) -> None:
    assert plan(observed, Wanted()) == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(HEALTHY, [A.PUBLISH], id="not published yet"),
        pytest.param(but(published=True, published_as_wanted=True), [], id="published"),
        pytest.param(but(published=True), [A.UNPUBLISH, A.PUBLISH], id="published otherwise"),
    ],
)
def test_plan_with_publication(observed: Observed, expected: list[Action]) -> None:
    assert plan(observed, Wanted(publish=True)) == expected


def test_whatever_is_seen_the_order_is_kept_and_a_new_container_is_connected() -> None:
    names = [field.name for field in dataclasses.fields(Observed)]
    for bits in range(0, 2 ** len(names), 7):
        observed = Observed(**{name: bool(bits >> i & 1) for i, name in enumerate(names)})
        actions = plan(observed, Wanted())
        assert actions == sorted(actions, key=ORDER.index)
        assert (A.CREATE_NODE in actions) == (A.LINK in actions)
        if A.CREATE_NODE in actions:
            assert {A.CONTAINERD, A.IMAGES, A.KUBELET, A.READY} <= set(actions)
        # Static pods start at once when the kubelet does, so both what they are and their images must be there before.
        if A.CONFIGURE in actions:
            assert A.KUBELET in actions
