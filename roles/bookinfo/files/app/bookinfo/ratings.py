# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ratings service: how many stars each reviewer gives."""

from __future__ import annotations

import asyncio
import json
import random
import re
import typing as t
from collections.abc import Callable, Mapping

from bookinfo.service import HealthHandler, ServiceApplication, ServiceHandler, run

STARS = {"Reviewer1": 5, "Reviewer2": 4}

# Upstream's versions that misbehave for one request in two, chosen by SERVICE_VERSION.
FAULTY = "v-faulty"
DELAYED = "v-delayed"
DELAY_SECONDS = 7.0
MISBEHAVING_SHARE = 0.5


class RatingsHandler(ServiceHandler):
    """GET /ratings/<id>; POST replaces the ratings of that id for as long as the pod lives."""

    def initialize(self, version: str, posted: dict[int, t.Any], chance: Callable[[], float], delay: float) -> None:
        self.version = version
        self.posted = posted
        self.chance = chance
        self.delay = delay

    async def get(self, *args: str) -> None:
        product_id = self._product_id(args[0])
        if product_id is None:
            return
        if self.version in (FAULTY, DELAYED) and self.chance() < MISBEHAVING_SHARE:
            if self.version == FAULTY:
                self.write_json({"error": "Service unavailable"}, 503)
                return
            await asyncio.sleep(self.delay)
        self._write_ratings(product_id)

    async def post(self, *args: str) -> None:
        product_id = self._product_id(args[0])
        if product_id is None:
            return
        try:
            ratings = json.loads(self.request.body)
        except ValueError:
            ratings = None
        if not isinstance(ratings, dict):
            self.write_json({"error": "the body must be a JSON object of reviewers and their stars"}, 400)
            return
        self.posted[product_id] = ratings
        self._write_ratings(product_id)

    def _product_id(self, text: str) -> int | None:
        if re.fullmatch("[0-9]{1,18}", text, re.ASCII):
            return int(text)
        self.write_json({"error": "the product id must be a number"}, 400)
        return None

    def _write_ratings(self, product_id: int) -> None:
        self.write_json({"id": product_id, "ratings": self.posted.get(product_id, STARS)})


def build(
    environ: Mapping[str, str], *, chance: Callable[[], float] = random.random, delay: float = DELAY_SECONDS
) -> ServiceApplication:
    """Return the application for the version that SERVICE_VERSION names."""
    settings = {
        "version": environ.get("SERVICE_VERSION") or "v1",
        "posted": {},
        "chance": chance,
        "delay": delay,
    }
    return ServiceApplication(
        [
            (r"/health", HealthHandler, {"status": "Ratings is healthy"}),
            (r"/ratings/([^/]*)", RatingsHandler, settings),
        ]
    )


if __name__ == "__main__":
    run("ratings", build)
