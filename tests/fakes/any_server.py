"""Either engine's server: `any_server.py ITL_S [words of its command] --port N` or `--port=N`. What it was given is printed."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from openai_server import Server


async def serve() -> None:
    words = sys.argv[2:]
    port = next((word.partition("=")[2] for word in words if word.startswith("--port=")), None) or words[words.index("--port") + 1]
    print(json.dumps(words), file=sys.stderr, flush=True)
    server = Server(0.001, float(sys.argv[1]), pages={"/health": ("200 OK", "application/json", "{}")})
    await asyncio.start_server(server.connected, "127.0.0.1", int(port))
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(serve())
