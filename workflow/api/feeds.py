"""`feeds/`: a person's calendar feeds. `/feeds/{secret}.ics`: what one tells, to whoever knows its address."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.limits import within
from patients.models import User
from patients.services.shapes import checked
from workflow.api.calendar import document
from workflow.models import Feed
from workflow.selectors import feeds as selector
from workflow.selectors.shown import instant
from workflow.services import feeds, shapes

GONE = "There is no such calendar."


class Feeds(ApiView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="feeds_list")
    def get(self, request: Request) -> Response:
        rows = selector.of_person(cast(User, request.user))
        return page_of(request, rows, lambda page: [_shown(feed) for feed in page])

    @extend_schema(request=shapes.FeedIn, responses={201: OpenApiTypes.OBJECT}, operation_id="feeds_create")
    @idempotent
    def post(self, request: Request) -> Response:
        """The address is in this answer only: of its secret nothing but a hash is kept."""
        fields = checked(shapes.FeedIn, request.data)
        made = feeds.create(
            user=cast(User, request.user), site=fields.get("site") or "", titles=fields["titles"]
        )
        return Response({**_shown(made.feed), "url": feeds.address(made.secret)}, status=201)


class FeedDetail(ApiView):
    """A feed belongs to its owner: to everybody else it does not exist, whatever their role."""

    @extend_schema(responses={204: None}, operation_id="feeds_revoke")
    def delete(self, request: Request, feed: UUID) -> Response:
        feeds.revoke(feed=feed, user=cast(User, request.user))
        return Response(status=204)


def _shown(feed: Feed) -> dict[str, Any]:
    return {
        "id": str(feed.pk),
        "site": feed.site.code if feed.site else None,
        "titles": feed.titles,
        "created_at": instant(feed.created_at),
        "fetched_at": instant(feed.fetched_at),
    }


@require_safe
def ics(request: HttpRequest, secret: str) -> HttpResponse:
    """The calendar under a secret address. Unknown, revoked and without rights are one and the same: 404."""
    feed = feeds.found(secret)
    if feed is None:
        raise Http404(GONE)
    if not within(f"feed:{feed.pk}", limit=settings.FEED_READS_PER_HOUR, seconds=3600):
        answer = HttpResponse("Too many requests.\n", status=429, content_type="text/plain; charset=utf-8")
        answer["Retry-After"] = "3600"
        return answer
    entries = feeds.read(feed=feed)
    if entries is None:
        raise Http404(GONE)
    return HttpResponse(document(entries), content_type="text/calendar; charset=utf-8")
