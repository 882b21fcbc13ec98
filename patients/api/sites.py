"""`sites/`: the treatment centres a person works at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.paging import page_of
from patients.api.versions import etag, expected_version
from patients.errors import Forbidden, NotFound
from patients.models import Site
from patients.services import sites
from patients.services.shapes import Strict, Text, checked


class SiteIn(Strict):
    code = serializers.SlugField(max_length=32)
    name = Text()
    timezone = Text(max_length=64)
    npi = Text(required=False, allow_blank=True, max_length=10)


class SiteChange(Strict):
    name = Text(required=False)
    timezone = Text(required=False, max_length=64)
    npi = Text(required=False, allow_blank=True, max_length=10)


class SiteOut(serializers.ModelSerializer[Site]):
    class Meta:
        model = Site
        fields = ("id", "code", "name", "timezone", "npi", "version")


class Sites(ApiView):
    @extend_schema(responses=SiteOut(many=True), operation_id="sites_list")
    def get(self, request: Request) -> Response:
        return page_of(request, Site.objects.order_by("code"), lambda rows: SiteOut(rows, many=True).data)

    @extend_schema(request=SiteIn, responses={403: None}, operation_id="sites_create")
    def post(self, request: Request) -> Response:
        checked(SiteIn, request.data)
        raise Forbidden("Sites are made by the operator: manage.py create_site.")


class SiteDetail(ApiView):
    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = Site.objects.filter(pk=kwargs["site"]).first()
        if found is None:
            raise NotFound("There is no such site.")
        self.site = found
        self.require_at(found.pk)

    @extend_schema(responses=SiteOut, operation_id="sites_retrieve")
    def get(self, request: Request, site: UUID) -> Response:
        return etag(Response(SiteOut(self.site).data), self.site.version)

    @extend_schema(request=SiteChange, responses=SiteOut, operation_id="sites_change")
    def patch(self, request: Request, site: UUID) -> Response:
        fields = checked(SiteChange, request.data)
        row = sites.change_site(site=site, fields=fields, expected=expected_version(request))
        return etag(Response(SiteOut(row).data), row.version)
