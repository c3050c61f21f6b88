# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The details service: facts about a book."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from bookinfo.service import HealthHandler, ServiceApplication, ServiceHandler, run


def book(product_id: int) -> dict[str, t.Any]:
    """Return the facts of the sample's one book, which stands for every product id."""
    return {
        "id": product_id,
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }


class DetailsHandler(ServiceHandler):
    """GET /details/<id>."""

    async def get(self, *args: str) -> None:
        if not re.fullmatch("[0-9]{1,18}", args[0], re.ASCII):
            self.write_json({"error": "the product id must be a number"}, 400)
            return
        self.write_json(book(int(args[0])))


def build(environ: Mapping[str, str]) -> ServiceApplication:
    """Return the application. It has no settings, but all four services are built alike."""
    return ServiceApplication(
        [
            (r"/health", HealthHandler, {"status": "Details is healthy"}),
            (r"/details/([^/]*)", DetailsHandler),
        ]
    )


if __name__ == "__main__":
    run("details", build)
