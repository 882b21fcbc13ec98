"""Default deny: a route without a row in the access matrix is open to nobody."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from patients import matrix
from patients.errors import NotFound


class MatrixPermission(BasePermission):
    """The role must be held somewhere; views about one object check it at the object's site, after finding it.

    A payer's analyst finds no such object, as the database role sees none, unless the view is about what was
    `released`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method not in view.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        match = request.resolver_match
        allowed = matrix.roles(match.view_name if match else "", request.method or "")
        if matrix.OPEN in allowed:
            return True
        principal = getattr(request, "principal", None)
        if not request.user.is_authenticated or principal is None:
            return False
        if matrix.SIGNED_IN in allowed:
            return True
        held = bool(principal.any_role & allowed)
        if not getattr(view, "object_first", False):
            return held
        if principal.pays_only and not held and not getattr(view, "released", False):
            raise NotFound("There is no such object.")
        return True
