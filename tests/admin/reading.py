"""Pages as people read them: signed in by name, as text, and their error summary."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client

from patients.models import Site


def signed_in(client: Client, site: Site, name: str) -> Client:
    client.force_login(site.memberships.get(user__username=name).user)
    return client


def client_of(site: Site, name: str) -> Client:
    return signed_in(Client(), site, name)


def text_of(answer: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def summary(answer: Any, status: int = 422) -> list[tuple[str, str]]:
    """The error summary: the field each line leads to, and what it says."""
    html = answer.content.decode()
    assert answer.status_code == status, text_of(answer)[:2000]
    assert "<title>Error:" in html
    problem = html.split('class="problem"', 1)[1].split("</div>", 1)[0]
    lines = [(field, unescape(said)) for field, said in re.findall(r'<a href="#([^"]*)">(.*?)</a>', problem)]
    assert all(f'id="{field}"' in html for field, _ in lines), "each link leads to a field"
    return lines
