"""How often something may be asked for: counted in the broker's memory, and never refused without it."""

from __future__ import annotations

from functools import cache
from time import time

import redis
from django.conf import settings

PATIENCE = 0.3
"""Seconds a request waits for the counter."""


def within(name: str, *, limit: int, seconds: int) -> bool:
    """Counts one use of `name`; False when there were more than `limit` in this span of `seconds` (0: no limit)."""
    if not limit:
        return True
    key = f"daymark:limit:{name}:{int(time()) // seconds}"
    try:
        used = _counted(_server(settings.REDIS_URL), key, seconds)
    except (redis.RedisError, OSError):
        return True
    return used <= limit


def _counted(server: redis.Redis, key: str, seconds: int) -> int:
    with server.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, seconds)
        return int(pipe.execute()[0])


@cache
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
