"""Either engine's server: `any_server.py ITL_S [--die-at=N] [--never-ready] [words of its command] --port N` or `--port=N`.

What it was given is printed. It is killed by the Nth request, or never says that it is ready.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from openai_server import Server

WORDS = sys.argv[2:]


def given(flag: str) -> str | None:
    """The value of `--flag=value`, else None."""
    return next((word.partition("=")[2] for word in WORDS if word.startswith(f"{flag}=")), None)


class Any(Server):
    async def normal(self, writer, body):
        if len(self.bodies) == int(given("--die-at") or 0):
            os.kill(os.getpid(), signal.SIGKILL)
        await super().normal(writer, body)


async def serve() -> None:
    port = given("--port") or WORDS[WORDS.index("--port") + 1]
    print(json.dumps(WORDS), file=sys.stderr, flush=True)
    health = "503 Service Unavailable" if "--never-ready" in WORDS else "200 OK"
    server = Any(0.001, float(sys.argv[1]), pages={"/health": (health, "application/json", "{}")})
    await asyncio.start_server(server.connected, "127.0.0.1", int(port))
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(serve())
