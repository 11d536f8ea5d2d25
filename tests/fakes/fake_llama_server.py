"""A stand-in for llama-server: says a recorded start-up log, serves /health, /props and completions, and misbehaves on demand.

`python fake_llama_server.py BEHAVIOUR LOG --ctx-size N --parallel N --port N …`. Standard library only.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from openai_server import Server

BEHAVIOUR, LOG, FLAGS = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]


def flag(name: str) -> str:
    return FLAGS[FLAGS.index(name) + 1]


def props() -> str:
    context = int(flag("--ctx-size")) // (2 if BEHAVIOUR == "shrinks" else 1)
    slots = int(flag("--parallel")) + (BEHAVIOUR == "more_slots")
    return json.dumps({"total_slots": slots, "default_generation_settings": {"n_ctx": context}})


class Llama(Server):
    async def _request(self, reader, writer):
        await super()._request(reader, writer)
        if BEHAVIOUR == "dies" and self.bodies:
            print("GGML_ASSERT(n_tokens_all <= cparams.n_batch) failed", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGABRT)

    async def normal(self, writer, body):
        if BEHAVIOUR != "serial":
            await super().normal(writer, body)
            return
        await asyncio.sleep(0.002 * body["max_tokens"])
        answer = {"choices": [{"text": "x"}], "usage": {"prompt_tokens": 9, "completion_tokens": body["max_tokens"]}}
        self._answer(writer, "200 OK", "application/json", json.dumps(answer))

    def _page(self, writer, path):
        if BEHAVIOUR == "guarded" and path != "/health" and f"Bearer {os.environ['LLAMA_API_KEY']}" not in self.heads[-1]:
            self._answer(writer, "401 Unauthorized", "application/json", "{}")
        else:
            super()._page(writer, path)


async def serve() -> None:
    pages = {"/v1/models": ("200 OK", "application/json", "{}")}
    if BEHAVIOUR != "serial":
        pages |= {"/health": ("200 OK", "application/json", "{}"), "/props": ("200 OK", "application/json", props())}
    if BEHAVIOUR == "garbage":
        pages["/props"] = ("200 OK", "application/json", '{"total_slots":')
    script = ["unavailable"] * 100 if BEHAVIOUR == "overloaded" else []
    server = Llama(0.002, 0.002, script, pages)
    await asyncio.start_server(server.connected, "127.0.0.1", int(flag("--port")))
    await asyncio.sleep(600)


if __name__ == "__main__":
    if "--version" in FLAGS:
        build = "build 12000, commit abcdef0" if BEHAVIOUR == "newer" else "build 1, commit 0c1e570"
        print(f"version: 0.5.0-dev ({build})", file=sys.stderr)
    elif "--list-devices" in FLAGS:
        print("Available devices:\n  (none)")
    elif BEHAVIOUR == "refuses":
        sys.exit("error: invalid argument: --kv-unified")
    else:
        print(LOG.read_text(), file=sys.stderr, flush=True)
        asyncio.run(serve())
