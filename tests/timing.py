"""Whether two things can be told apart by how long they take, on a machine that does other things too."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any


def apart(one: Callable[[], Any], other: Callable[[], Any], times: int) -> float:
    """Milliseconds between the medians of the processor time that this process spends on each.

    They take turns, so that whatever slows the machine down slows both; waiting for others does not count.
    """
    one(), other()
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(times):
        for place in (0, 1) if n % 2 else (1, 0):
            begun = time.process_time()
            (one, other)[place]()
            taken[place].append(time.process_time() - begun)
    return abs(median(taken[0]) - median(taken[1])) * 1000
