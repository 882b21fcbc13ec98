"""Saved views: a person's own filters of a list, by name. They hold no patient data."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from patients.models.base import Identified, one_of

PAGES = ("today", "cohort")


class SavedView(Identified):
    """`query` is the part of the address behind the question mark, with the page's own filters only."""

    user = models.ForeignKey("patients.User", on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=16)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "page", Lower("name"), name="saved_view_once"),
            one_of("page", PAGES, "saved_view_page"),
        ]

    def __str__(self) -> str:
        return self.name
