# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The productpage service: the HTML page, login and logout, and a JSON front for the other services."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import secrets
import sys
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tornado.httputil import HTTPHeaders
from tornado.template import Loader

from bookinfo.service import Backend, BackendError, Caller, NotFoundHandler, ServiceApplication, ServiceHandler, run

HERE = Path(__file__).resolve().parent

# Upstream's timeouts. Asking for the reviews a second time is deliberate there too: the fault lab shows that a page
# whose reviews hang fails after twice this time.
DETAILS_SECONDS = 3.0
REVIEWS_SECONDS = 3.0
REVIEWS_ATTEMPTS = 2
RATINGS_SECONDS = 3.0

UNAVAILABLE = "Sorry, product {} are currently unavailable for this book."

SESSION_COOKIE = "session"
LONGEST_USERNAME = 64

STAR_COLORS = ("black", "red")
MOST_STARS = 5

PRODUCTS = [
    {
        "id": 0,
        "title": "The Comedy of Errors",
        "descriptionHtml": (
            "<b>William Shakespeare</b> strands two pairs of twins, masters and servants, in one busy port. Nobody can "
            "tell them apart, so a single day is enough for a locked door, a stolen chain and a confused goldsmith."
        ),
    }
]

# The page needs nothing but its own style sheet and images: no script can run in it, whatever a backend answers.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Stars:
    """A rating of a reviewer, as drawn."""

    count: int
    color: str

    @property
    def empty(self) -> int:
        return MOST_STARS - self.count

    @property
    def label(self) -> str:
        return f"{self.count} out of {MOST_STARS} stars"


@dataclass(frozen=True)
class Review:
    """One reader's review: with stars (v2, v3), with a notice instead of them, or with neither (v1)."""

    reviewer: str
    text: str
    stars: Stars | None = None
    error: str = ""


@dataclass(frozen=True)
class Reviews:
    """The reviews of a book and the pod that served them."""

    podname: str
    clustername: str
    version: str
    items: list[Review]


@dataclass(frozen=True)
class Timeouts:
    """How long productpage waits for each backend, in seconds."""

    details: float = DETAILS_SECONDS
    reviews: float = REVIEWS_SECONDS
    ratings: float = RATINGS_SECONDS


def read_review(document: Mapping[str, t.Any]) -> Review:
    """Read one review, whatever else the answer holds."""
    reviewer, text = str(document.get("reviewer", "")), str(document.get("text", ""))
    rating = document.get("rating")
    if not isinstance(rating, dict):
        return Review(reviewer, text)
    count = rating.get("stars")
    if isinstance(count, bool) or not isinstance(count, int):
        return Review(reviewer, text, error=str(rating.get("error", "")))
    color = rating.get("color")
    return Review(
        reviewer,
        text,
        stars=Stars(max(0, min(MOST_STARS, count)), color if color in STAR_COLORS else STAR_COLORS[0]),
    )


def read_reviews(document: Mapping[str, t.Any]) -> Reviews:
    """Read the answer of the reviews service."""
    podname = str(document.get("podname", ""))
    clustername = str(document.get("clustername", ""))
    # The contract has no field for the version, but a Deployment's pods carry its name, and that ends in the version.
    version = re.match(r"reviews-(v[0-9]+)(?:-|$)", podname)
    items = document.get("reviews")
    return Reviews(
        podname=podname,
        clustername="" if clustername == "null" else clustername,
        version=version[1] if version else "",
        items=[read_review(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else [],
    )


def clean_username(text: str) -> str:
    """Return what may be a user's name and so a header's value: one line of printable characters, not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_USERNAME].rstrip()


class Catalogue:
    """Gets from the backends what the page and the API show: a status, and the answer or the contract's error."""

    def __init__(self, environ: Mapping[str, str], timeouts: Timeouts) -> None:
        self.details_backend = Backend.from_environment("details", environ)
        self.reviews_backend = Backend.from_environment("reviews", environ)
        self.ratings_backend = Backend.from_environment("ratings", environ)
        self._timeouts = timeouts
        self._caller = Caller()

    async def details(self, product_id: str, headers: HTTPHeaders) -> tuple[int, dict[str, t.Any]]:
        return await self._get(self.details_backend, product_id, headers, self._timeouts.details)

    async def ratings(self, product_id: str, headers: HTTPHeaders) -> tuple[int, dict[str, t.Any]]:
        return await self._get(self.ratings_backend, product_id, headers, self._timeouts.ratings)

    async def reviews(self, product_id: str, headers: HTTPHeaders) -> tuple[int, dict[str, t.Any]]:
        return await self._get(
            self.reviews_backend, product_id, headers, self._timeouts.reviews, attempts=REVIEWS_ATTEMPTS
        )

    async def _get(
        self, backend: Backend, product_id: str, headers: HTTPHeaders, timeout: float, attempts: int = 1
    ) -> tuple[int, dict[str, t.Any]]:
        status = 500
        for _attempt in range(attempts):
            try:
                return 200, await self._caller.get(backend, product_id, headers, timeout)
            except BackendError as error:
                print(f"productpage: {error}", file=sys.stderr, flush=True)
                status = error.status
        return status, {"error": UNAVAILABLE.format(backend.name)}


class PageHandler(ServiceHandler):
    """Base of what a browser sees."""

    application: ProductpageApplication

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def get_current_user(self) -> str | None:
        value = self.get_secure_cookie(SESSION_COOKIE)
        if value is None:
            return None
        return clean_username(value.decode("utf-8", "replace")) or None

    def forwarded_headers(self) -> HTTPHeaders:
        headers = super().forwarded_headers()
        if self.current_user:
            # Header values travel as bytes; Tornado writes them as Latin-1, so this sends the name as UTF-8.
            headers["end-user"] = self.current_user.encode().decode("latin-1")
        return headers

    def write_page(self, name: str, status: int = 200, **values: t.Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            self.application.templates.load(name).generate(
                user=self.current_user,
                podname=self.application.podname,
                version=self.application.version,
                style=self.application.style_url,
                **values,
            )
        )

    def write_error(self, status_code: int, **kwargs: t.Any) -> None:
        self.write_page("error.html", status_code, code=status_code, reason=self._reason)


class IndexHandler(PageHandler):
    """GET /: what this is, and who calls whom."""

    async def get(self, *args: str) -> None:
        catalogue = self.application.catalogue
        self.write_page(
            "index.html",
            details=catalogue.details_backend.address,
            reviews=catalogue.reviews_backend.address,
            ratings=catalogue.ratings_backend.address,
        )


class ProductHandler(PageHandler):
    """GET /productpage. It is 200 even when a backend fails: the page says so in that backend's place."""

    async def get(self, *args: str) -> None:
        product = PRODUCTS[0]
        product_id = str(product["id"])
        headers = self.forwarded_headers()
        # One after the other, as upstream does: what a delay of one backend does to the page is part of the labs.
        details_status, details = await self.application.catalogue.details(product_id, headers)
        reviews_status, reviews = await self.application.catalogue.reviews(product_id, headers)
        self.write_page(
            "productpage.html",
            product=product,
            details=details if details_status == 200 else None,
            details_error=details.get("error", ""),
            reviews=read_reviews(reviews) if reviews_status == 200 else None,
            reviews_error=reviews.get("error", ""),
        )


class ToProductHandler(PageHandler):
    """GET /: whoever types only the host wants to see the page."""

    async def get(self, *args: str) -> None:
        self.redirect("/productpage")


class LoginHandler(PageHandler):
    """POST /login with username and passwd: as upstream, every name is let in with any password."""

    async def get(self, *args: str) -> None:
        self.redirect("/productpage")

    async def post(self, *args: str) -> None:
        user = clean_username(self.get_body_argument("username", "") or "")
        if user:
            self.set_secure_cookie(SESSION_COOKIE, user, expires_days=None, httponly=True, samesite="Lax")
        else:
            self.clear_cookie(SESSION_COOKIE)
        self.redirect("/productpage")


class LogoutHandler(PageHandler):
    """GET /logout."""

    async def get(self, *args: str) -> None:
        self.clear_cookie(SESSION_COOKIE)
        self.redirect("/productpage")


class PageNotFoundHandler(PageHandler, NotFoundHandler):
    """Any other path."""


class PageHealthHandler(ServiceHandler):
    """The target of the startup probe; upstream's productpage answers it in plain text."""

    async def get(self, *args: str) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Product page is healthy")


class StaticHandler(ServiceHandler):
    """GET /static/<name>: the few small files of the page, read once at the start."""

    application: ProductpageApplication

    async def get(self, *args: str) -> None:
        found = self.application.static.get(args[0])
        if found is None:
            self.send_error(404)
            return
        content_type, content = found
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "public, max-age=3600")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(content)


class ProductsApiHandler(ServiceHandler):
    """GET /api/v1/products."""

    async def get(self, *args: str) -> None:
        self.write_json(PRODUCTS)


class BackendApiHandler(PageHandler):
    """GET /api/v1/products/<id>[/reviews|/ratings]: what the backend answers, with its status."""

    def initialize(self, backend: str) -> None:
        self.backend = backend

    async def get(self, *args: str) -> None:
        fetch = getattr(self.application.catalogue, self.backend)
        status, document = await fetch(args[0], self.forwarded_headers())
        self.write_json(document, status)


class ProductpageApplication(ServiceApplication):
    """The application and what its handlers share."""

    def __init__(self, environ: Mapping[str, str], timeouts: Timeouts) -> None:
        self.catalogue = Catalogue(environ, timeouts)
        self.podname = environ.get("HOSTNAME", "")
        self.version = environ.get("SERVICE_VERSION") or "v1"
        self.templates = Loader(str(HERE / "templates"))
        self.static = {
            path.name: (mimetypes.guess_type(path.name)[0] or "application/octet-stream", path.read_bytes())
            for path in (HERE / "static").iterdir()
        }
        # The digest in the address makes a browser fetch the style sheet anew when it has changed.
        digest = hashlib.sha256(self.static["style.css"][1]).hexdigest()[:12]
        self.style_url = f"/static/style.css?v={digest}"
        super().__init__(
            [
                (r"/", ToProductHandler),
                (r"/index\.html", IndexHandler),
                (r"/health", PageHealthHandler),
                (r"/productpage", ProductHandler),
                (r"/login", LoginHandler),
                (r"/logout", LogoutHandler),
                (r"/static/(.+)", StaticHandler),
                (r"/api/v1/products", ProductsApiHandler),
                (r"/api/v1/products/([^/]+)", BackendApiHandler, {"backend": "details"}),
                (r"/api/v1/products/([^/]+)/(?:reviews)", BackendApiHandler, {"backend": "reviews"}),
                (r"/api/v1/products/([^/]+)/(?:ratings)", BackendApiHandler, {"backend": "ratings"}),
            ],
            default_handler_class=PageNotFoundHandler,
            # Several productpage pods have to share one secret; a single one can make up its own.
            cookie_secret=environ.get("SESSION_SECRET") or secrets.token_hex(32),
        )
        # Compiled now, the first visitor does not wait for it.
        for name in ("productpage.html", "index.html", "error.html"):
            self.templates.load(name)


def build(environ: Mapping[str, str], *, timeouts: Timeouts | None = None) -> ProductpageApplication:
    """Return the application; `timeouts` lets tests wait less than the contract says."""
    return ProductpageApplication(environ, timeouts or Timeouts())


if __name__ == "__main__":
    run("productpage", build)
