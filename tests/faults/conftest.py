"""What the long forms measured is said at the end, one JSON object a line."""

from __future__ import annotations

import json
from typing import Any

from tests.faults.product import FIGURES


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in FIGURES:
        terminalreporter.write_line(json.dumps(line))
