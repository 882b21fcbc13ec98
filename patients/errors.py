"""Errors that a person can act on: each names the field and the mend. The API shows them as problem+json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request. `pointer` is an RFC 6901 path into the request body."""

    pointer: str
    code: str
    detail: str
    extra: dict[str, Any] = field(default_factory=dict)

    def below(self, pointer: str) -> Fault:
        """The same fault inside a part of the body."""
        return Fault(pointer + self.pointer, self.code, self.detail, self.extra)


class DomainError(Exception):
    """A request that cannot be carried out: `status` is the HTTP answer, `code` the problem's kind."""

    status = 422
    code = "invalid"
    title = "The request cannot be carried out"

    def __init__(self, detail: str, faults: Sequence[Fault] = (), **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.extra = extra


class Invalid(DomainError):
    """Field or rule faults, all at once."""

    title = "Some fields need attention"

    @classmethod
    def of(cls, *faults: Fault) -> Invalid:
        return cls("; ".join(f.detail for f in faults), faults)

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> Invalid:
        return cls.of(Fault(pointer, code, detail))


class Malformed(Invalid):
    """The request itself cannot be read: bad JSON, unknown field, filter or sort key."""

    status = 400
    code = "malformed"
    title = "The request cannot be read"


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    title = "Your role does not allow this"


class NotFound(DomainError):
    status = 404
    code = "not-found"
    title = "There is no such object"


class Conflict(DomainError):
    status = 409
    code = "conflict"
    title = "This conflicts with what is recorded"


class Merged(Conflict):
    """The record was merged into another one. `extra` carries `survivor`, the id of that one."""

    code = "merged"
    title = "This record is merged into another one"


class Stale(DomainError):
    """Somebody saved first. `extra` carries `current` and `submitted`; `version` is what there is now, where it counts."""

    status = 412
    code = "stale"
    title = "Somebody else changed this meanwhile"

    def __init__(
        self,
        detail: str,
        *,
        current: Mapping[str, Any],
        submitted: Mapping[str, Any],
        version: int | None = None,
    ) -> None:
        super().__init__(detail, current=current, submitted=submitted)
        self.version = version

    def both(self) -> Iterator[tuple[str, Any, Any]]:
        """Each name that the two tell differently: what is stored, and what was sent."""
        stored, sent = self.extra["current"], self.extra["submitted"]
        yield from ((name, stored.get(name), told) for name, told in sent.items() if stored.get(name) != told)


class TooMany(DomainError):
    """More than the quota allows. `retry_after`: seconds until the next one may be asked for."""

    status = 429
    code = "throttled"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
