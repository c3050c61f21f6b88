# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in a workload's own container, so that its requests pass the pod's sidecar and carry its identity.

Python's standard library is all that there is. The only argument is a plan as JSON: what to ask, and for how long, how
often, or within one second by the clock.
"""

from __future__ import annotations

CLIENT = """
import json, sys, threading, time, urllib.error, urllib.request
plan = json.loads(sys.argv[1])

def ask(url):
    body = plan["body"].encode() if plan["body"] else None
    request = urllib.request.Request(url, data=body, headers=plan["headers"], method=plan["method"])
    start = time.monotonic()
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {"status": answer.status, "headers": headers, "body": text, "seconds": time.monotonic() - start}

def work(until):
    while time.monotonic() < until:
        seen.append(ask(plan["urls"][0]))
        time.sleep(0.02)

seen = []
if plan["seconds"]:
    until = time.monotonic() + plan["seconds"]
    threads = [threading.Thread(target=work, args=(until,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    begin = 0
    for _ in range(20 if plan["within_a_second"] else 1):
        # What an attempt that took too long has left of the second is not there for the next one.
        while int(time.time()) == begin:
            time.sleep(0.01)
        begin, seen[:] = int(time.time()), [ask(url) for url in plan["urls"]]
        end = int(time.time())
        if end == begin:
            break
        begin = end
print(json.dumps(seen))
"""
