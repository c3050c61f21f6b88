# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reviews service: what readers say of a book and, in v2 and v3, how many stars they give it."""

from __future__ import annotations

import sys
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from bookinfo.service import Backend, BackendError, Caller, HealthHandler, ServiceApplication, ServiceHandler, run

REVIEWS = (
    ("Reviewer1", "Two pairs of twins, one town and no patience left: I laughed from the first mix-up to the last."),
    ("Reviewer2", "A quick, merry farce. It runs on speed rather than depth, and it never runs out of breath."),
)
UNAVAILABLE = "Ratings service is currently unavailable"

# Upstream's v1 and v2 (black stars) wait 10 s for ratings and v3 (red stars) 2.5 s. productpage itself gives up
# after 3 s: that v2 waits longer than its caller is the bug that the fault lab finds.
PATIENT_SECONDS = 10.0
IMPATIENT_SECONDS = 2.5


@dataclass(frozen=True)
class Settings:
    """What makes this pod v1, v2 or v3."""

    ratings_enabled: bool
    star_color: str
    podname: str
    clustername: str
    ratings: Backend
    ratings_timeout: float

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        color = environ.get("STAR_COLOR") or "black"
        return cls(
            ratings_enabled=environ.get("ENABLE_RATINGS", "").lower() == "true",
            star_color=color,
            # Upstream's text for a name that is not known is the word null.
            podname=environ.get("HOSTNAME") or "null",
            clustername=environ.get("CLUSTER_NAME") or "null",
            ratings=Backend.from_environment("ratings", environ),
            ratings_timeout=PATIENT_SECONDS if color == "black" else IMPATIENT_SECONDS,
        )


def rating(ratings: Mapping[str, t.Any], reviewer: str, color: str) -> dict[str, t.Any]:
    """Return one review's rating as the page reads it; no whole number of stars is the same as no answer."""
    stars = ratings.get(reviewer)
    if isinstance(stars, bool) or not isinstance(stars, int):
        return {"error": UNAVAILABLE}
    return {"stars": stars, "color": color}


class ReviewsHandler(ServiceHandler):
    """GET /reviews/<id>."""

    def initialize(self, config: Settings, caller: Caller) -> None:
        self.config = config
        self.caller = caller

    async def get(self, *args: str) -> None:
        config = self.config
        reviews: list[dict[str, t.Any]] = [{"reviewer": reviewer, "text": text} for reviewer, text in REVIEWS]
        if config.ratings_enabled:
            ratings = await self._ratings(args[0])
            for review in reviews:
                review["rating"] = rating(ratings, review["reviewer"], config.star_color)
        self.write_json(
            {"id": args[0], "podname": config.podname, "clustername": config.clustername, "reviews": reviews}
        )

    async def _ratings(self, product_id: str) -> dict[str, t.Any]:
        """Return the stars by reviewer, or none: a review without its stars is better than no review."""
        try:
            document = await self.caller.get(
                self.config.ratings, product_id, self.forwarded_headers(), self.config.ratings_timeout
            )
        except BackendError as error:
            print(f"reviews: {error}", file=sys.stderr, flush=True)
            return {}
        ratings = document.get("ratings")
        return ratings if isinstance(ratings, dict) else {}


def build(environ: Mapping[str, str], *, ratings_timeout: float | None = None) -> ServiceApplication:
    """Return the application; `ratings_timeout` lets tests wait less than the contract says."""
    config = Settings.from_environment(environ)
    if ratings_timeout is not None:
        config = Settings(**{**vars(config), "ratings_timeout": ratings_timeout})
    return ServiceApplication(
        [
            (r"/health", HealthHandler, {"status": "Reviews is healthy"}),
            (r"/reviews/([0-9]+)", ReviewsHandler, {"config": config, "caller": Caller()}),
        ]
    )


if __name__ == "__main__":
    run("reviews", build)
