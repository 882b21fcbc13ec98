"""Logs: one JSON object a line on stderr, allow-listed fields only, the route's name instead of its path."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FIELDS = ("route", "status", "kind", "count", "seconds", "process", "task", "name", "seal")


class JsonLines(logging.Formatter):
    """No request, user, path or query ever enters a line; a traceback names the exception's type and place."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        line |= {name: getattr(record, name) for name in FIELDS if name != "name" and hasattr(record, name)}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = self._where(record)
        return json.dumps(line, default=str)

    @staticmethod
    def _where(record: logging.LogRecord) -> list[str]:
        trace = record.exc_info[2] if record.exc_info else None
        places: list[str] = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_name}:{trace.tb_lineno}")
            trace = trace.tb_next
        return places[-12:]
