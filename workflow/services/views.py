"""Saved views of lists: each person has their own, by name."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.http import QueryDict

from patients.errors import Conflict, Invalid, NotFound
from patients.models import User
from workflow.models import SavedView

LONGEST, MOST = 40, 20
"""Letters of a name, and views that one person may keep of one page."""
FILTERS = {"today": ("site", "mine", "group"), "cohort": ("site", "phase", "show", "empty")}
"""What a view of each page keeps of its address."""


def kept(page: str, query: str) -> str:
    """The filters of an address in one order, without anything else such as the number of the page."""
    found, asked = QueryDict(mutable=True), QueryDict(query)
    for name in FILTERS[page]:
        if name in asked and (asked[name] or name == "mine"):
            found[name] = asked[name]
    return found.urlencode()


def save(*, user: User, page: str, name: str, query: str) -> SavedView:
    """Keeps the filters under a name; the same name again replaces them.

    Raises Invalid for a missing or long name and an unknown page, Conflict beyond the limit.
    """
    name = " ".join(name.split())
    if page not in FILTERS:
        raise Invalid.at("/page", "unknown", "There are no views of this page.")
    if not name or len(name) > LONGEST or "\x00" in name:
        raise Invalid.at("/name", "invalid", "Give the view a name of at most 40 letters.")
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        own = SavedView.objects.filter(user=user, page=page)
        row = own.filter(name__iexact=name).first()
        if row is None and own.count() >= MOST:
            raise Conflict(f"There are {MOST} views already; remove one first.")
        row = row or SavedView(user=user, page=page)
        row.name, row.query = name, kept(page, query)[:400]
        row.save()
        return row


def remove(*, user: User, view: UUID) -> SavedView:
    """Forgets a view. Raises NotFound for somebody else's."""
    row = SavedView.objects.filter(pk=view, user=user).first()
    if row is None:
        raise NotFound("There is no such view of yours.")
    SavedView.objects.filter(pk=view, user=user).delete()
    return row
