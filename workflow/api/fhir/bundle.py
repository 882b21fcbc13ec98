"""Searchset bundles, and links that can be followed by anybody who holds a token but say nothing of whom they find.

A link to a further page, or to a search by form, carries its parameters encrypted: names and numbers that were
posted stay out of addresses and logs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from cryptography.fernet import InvalidToken

from patients.errors import Malformed
from patients.sealing import box
from workflow.api.fhir.asked import Asked

Resource = dict[str, Any]
LINKS = "fhir-links"


def searchset(base: str, kind: str, resources: list[Resource], total: int, links: dict[str, str]) -> Resource:
    """A Bundle of one page; `links` by relation, `base` the absolute address of the façade."""
    body: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    entries = [
        {"fullUrl": f"{base}{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in resources
    ]
    return body | ({"entry": entries} if entries else {})


def open_link(address: str, asked: Asked) -> str:
    """The address of a search as it was understood."""
    size = [("_count", str(asked.count))] if not asked.summary else [("_summary", "count")]
    return f"{address}?{urlencode([*asked.pairs, *size])}"


def sealed_link(address: str, kind: str, asked: Asked, after: tuple[str, ...]) -> str:
    """The address of a page, its parameters encrypted."""
    content = [kind, asked.pairs, asked.count, asked.summary, after]
    return f"{address}?_cursor={box(LINKS).encrypt(json.dumps(content).encode()).decode()}"


def unsealed(kind: str, cursor: str) -> Asked:
    """What a sealed link asks for. Raises Malformed for a foreign or broken one."""
    try:
        of, pairs, count, summary, after = json.loads(box(LINKS).decrypt(cursor.encode()))
    except (InvalidToken, ValueError) as error:
        raise Malformed.at("/_cursor", "invalid", "Follow the links of a bundle unchanged.") from error
    if of != kind:
        raise Malformed.at("/_cursor", "invalid", f"This link belongs to a search of {of}.")
    asked = Asked(tuple((name, value) for name, value in pairs), count, summary)
    return replace(asked, after=tuple(after))
