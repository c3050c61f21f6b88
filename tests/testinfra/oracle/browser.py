# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows pages in Chromium and measures them, by its DevTools protocol. `tools/browser` installs what it needs."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
import typing as t
import urllib.request
from pathlib import Path

import websocket

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
SECONDS = 60.0
NPM = Path(__file__).resolve().parents[2] / "npm"


def program() -> str:
    """The Chromium of this machine."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    raise AssertionError("There is no Chromium: run tools/browser, which installs Debian's.")


def packages(lock: Path, folder: Path) -> Path:
    """Where the packages of a lock file are, once npm has fetched them into a folder; it keeps what it has fetched."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(lock / name, folder / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


class Page:
    """The one tab of a browser."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the browser has complained about: exceptions, and what it writes to its console as an error."""
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def show(self, url: str, width: int, height: int, *, mobile: bool = False) -> None:
        """Load a page on a screen of this size, and wait until all of it is there."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self._call("Emulation.setDeviceMetricsOverride", **screen)
        failed = self._call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> t.Any:
        """The value of an expression of JavaScript."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def eventually(self, expression: str) -> t.Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + SECONDS
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"not within {SECONDS:g} s: {expression}"
            time.sleep(0.1)
        return value

    def accuse(self, axe: Path) -> list[str]:
        """What axe-core, which is in that folder of packages, says against the page: the rules of WCAG and its own."""
        if not self.evaluate("Boolean(window.axe)"):
            self.evaluate((axe / "axe-core" / "axe.min.js").read_text() + ";0")
        found = self.evaluate("axe.run().then(one => JSON.stringify(one.violations))")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in json.loads(found) for node in one["nodes"]
        ]

    def prefer(self, scheme: str) -> None:
        """Light or dark, as if the user had chosen it."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str) -> None:
        """A key, such as Tab or Enter."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def picture(self, file: Path) -> None:
        """What the screen shows, as a PNG."""
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def places(self, selector: str) -> list[tuple[float, float]]:
        """Where the elements that a selector finds begin and end, in pixels from the top of the page."""
        boxes = f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.getBoundingClientRect())"
        return [tuple(place) for place in self.evaluate(f"{boxes}.map(box => [box.top, box.bottom])")]

    def _call(self, method: str, **params: t.Any) -> dict[str, t.Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _receive(self) -> dict[str, t.Any]:
        message = dict(json.loads(self._socket.recv()))
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if message.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.complaints.append(str(params["args"]))
        return message


@contextlib.contextmanager
def forwarded(cluster: str, kubeconfig: Path, *place: str) -> t.Iterator[str]:
    """Where `kubectl port-forward` opens a port of a Service; ``place`` are its options and the Service."""
    kubectl = Path("/var/lib/mesh-workshop") / cluster / "bin" / "kubectl"
    command = [str(kubectl), "--kubeconfig", str(kubeconfig), "port-forward", *place, ":80"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        try:
            assert forward.stdout
            (port,) = re.findall(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            forward.kill()


@contextlib.contextmanager
def browser(folder: Path) -> t.Iterator[Page]:
    """A browser with one empty page; its profile lies in the folder."""
    # A sandbox needs rights that root in a container does not have; the pages are our own.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    command = [program(), *options, "about:blank"]
    quiet: dict[str, t.Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, **quiet) as process:
        try:
            port = _port(folder / "DevToolsActivePort", process)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as answer:
                (tab,) = (one for one in json.load(answer) if one["type"] == "page")
            # The browser takes a page's Origin for an attack.
            socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=SECONDS, suppress_origin=True)
            try:
                yield Page(socket)
            finally:
                socket.close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # Debian's program is a shell that waits for the browser


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the browser listens on, once it has written it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Chromium ended with status {process.returncode}."
        lines = file.read_text().splitlines() if file.exists() else []
        if lines:
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start within {SECONDS:g} s.")
