"""`Idempotency-Key`: the same creating request sent twice is carried out once, for 24 hours.

Scope is user and route. The same key with another body is a fault; a twin that runs at the same moment is
a conflict; a replay returns the stored answer with `Idempotency-Replayed: true`. Answers are kept encrypted:
they hold what the routes' own tables protect, secrets that are told only once among it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import connection
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from patients.errors import Conflict, Invalid, Malformed
from patients.models import Idempotency
from patients.sealing import box

KEPT = timedelta(hours=24)
PURPOSE = "idempotency"
KEPT_HEADERS = ("ETag", "Location")
View = Callable[..., Response]


def idempotent(view: View) -> View:
    """Wraps a creating method of an API view."""

    @wraps(view)
    def wrapped(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(self, request, *args, **kwargs)
        if not key.strip() or len(key) > 255:
            raise Malformed.at("/", "idempotency-key", "Idempotency-Key must have 1 to 255 characters.")
        return _once(view, self, request, key, args, kwargs)

    return wrapped


def _once(view: View, self: Any, request: Request, key: str, args: Any, kwargs: Any) -> Response:
    user: Any = request.user.pk
    route = request.path
    if not _locked(f"{user}|{route}|{key}"):
        raise Conflict("The same request is being carried out right now; ask again in a moment.")
    body_hash = hashlib.sha256(json.dumps(request.data, sort_keys=True, default=str).encode()).hexdigest()
    stored = Idempotency.objects.filter(user_id=user, route=route, key=key).first()
    if stored is not None and timezone.now() - stored.created_at > KEPT:
        stored.delete()
        stored = None
    if stored is not None:
        return _replayed(stored, body_hash)
    response = view(self, request, *args, **kwargs)
    _kept(response, user, route, key, body_hash)
    return response


def _locked(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def _replayed(stored: Idempotency, body_hash: str) -> Response:
    if stored.body_hash != body_hash:
        raise Invalid.at("/", "idempotency-key-reused", "This Idempotency-Key was used with another body.")
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(_opened(stored.body), status=stored.status, headers=headers)


def _opened(body: str) -> Any:
    try:
        return json.loads(box(PURPOSE).decrypt(body.encode()))
    except InvalidToken as error:
        raise Conflict("This was carried out, but its answer can no longer be read.") from error


def _kept(response: Response, user: Any, route: str, key: str, body_hash: str) -> None:
    Idempotency.objects.create(
        user_id=user,
        route=route,
        key=key,
        body_hash=body_hash,
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if response.has_header(name)},
        body=box(PURPOSE).encrypt(json.dumps(response.data, cls=JSONEncoder).encode()).decode(),
        created_at=timezone.now(),
    )
