"""The supervisor refuses a port in use with a sentence, before it starts anything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from config import env


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = str(other.getsockname()[1])
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        done = subprocess.run(
            [sys.executable, "-m", "config.serve"], cwd=env.ROOT, capture_output=True, text=True, timeout=60,
            env={**environment, "PORT": port, "DAYMARK_VAR": str(tmp_path)}, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} cannot be used (Address already in use). Name another: PORT=8001" in done.stderr
    assert list(tmp_path.iterdir()) == []
