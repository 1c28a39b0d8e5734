"""`bartizan probe` as a probe pod runs it: orders in the environment, the answer in a file."""

import asyncio
import json
import os
import subprocess
import sys

from bartizan.prober.connect import listen


async def test_the_verb_writes_its_answer(tmp_path):
    """`bartizan probe` reads targets from its environment and writes one JSON text."""
    async with await listen("127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        written = tmp_path / "answer"
        verb = [sys.executable, "-m", "bartizan", "probe", "--answer", str(written)]
        child = await asyncio.create_subprocess_exec(
            *verb, env={**_environment(), "BARTIZAN_PROBE": json.dumps([["127.0.0.1", port, 1]])}
        )
        assert await child.wait() == 0
    assert json.loads(written.read_text()) == {"alive": True, "outcomes": ["open"]}


def test_the_verb_refuses_what_it_cannot_read(tmp_path):
    """Targets that are none are one line and exit code 2."""
    verb = [sys.executable, "-m", "bartizan", "probe", "--answer", str(tmp_path / "answer")]
    environment = {**_environment(), "BARTIZAN_PROBE": "x"}
    refused = subprocess.run(verb, env=environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (
        2,
        "bartizan: BARTIZAN_PROBE: the targets are no JSON list of [IP address, port, 1 if awaited else 0, and 1 if asked for its certificate]\n",
    )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH"}}
