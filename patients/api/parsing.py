"""Bodies are JSON: UTF-8, no deeper than it can be read, and only text that can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class JsonBody(JSONParser):
    """Refuses nesting without end, NUL characters and halves of surrogate pairs, wherever they stand."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        if any(map(_unstorable, _texts(body))):
            raise ParseError("NUL characters and unpaired surrogates are not allowed in texts.")
        return body


def _texts(body: Any) -> Iterator[str]:
    """Every text in a document, names of fields included."""
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend((*value.keys(), *value.values()))
        elif isinstance(value, list):
            waiting.extend(value)


def _unstorable(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)
