"""A stand-in for an inference server that streams completions at fixed times, and misbehaves as its script says. Standard library only.

`python openai_server.py --ttft 0.1 --itl 0.01` serves until it is ended and prints its address first; a test uses `FakeServer`.
"""

import argparse
import asyncio
import json
import threading
from contextlib import suppress

_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n{more}\r\n"


class Server:
    """Answers request number i as `script[i]` says, the ones beyond its end in the ordinary way.

    Every word of the script is the name of a method below; `close` ones end the connection after their stream.
    """

    def __init__(self, ttft_s=0.0, itl_s=0.0, script=(), pages=None):
        self.ttft_s, self.itl_s, self.script, self.pages = ttft_s, itl_s, list(script), dict(pages or {})
        self.bodies, self.heads, self.running, self.most_running, self.connections = [], [], 0, 0, 0

    async def connected(self, reader, writer):
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await self._request(reader, writer)
        with suppress(ConnectionError):
            writer.close()

    async def _request(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        method, path, _ = head.split(" ", 2)
        self.heads.append(head)
        if method == "GET" or not path.endswith("/completions"):
            self._page(writer, path)
        else:
            self.bodies.append(json.loads(body))
            number = len(self.bodies) - 1
            behave = getattr(self, self.script[number] if number < len(self.script) else "normal")
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                await behave(writer, self.bodies[-1])
            finally:
                self.running -= 1
        await writer.drain()
        if "connection: close" in head.lower():
            writer.close()

    def _page(self, writer, path):
        status, kind, text = self.pages.get(path, ("404 Not Found", "text/plain", "no such page"))
        self._answer(writer, status, kind, text)

    @staticmethod
    def _answer(writer, status, kind, text, more=""):
        data = text.encode()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode() + data)

    # ---- parts of a stream

    @staticmethod
    def begin(writer, kind="text/event-stream", more=""):
        writer.write(_HEAD.format(kind=kind, more=more).encode())

    @staticmethod
    def send(writer, data):
        text = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        writer.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")

    @staticmethod
    def end(writer):
        writer.write(b"0\r\n\r\n")

    async def tokens(self, writer, count, *, reason="length", first_s=None):
        loop = asyncio.get_running_loop()
        due_s = loop.time() + (self.ttft_s if first_s is None else first_s)
        for number in range(count):
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            last = number == count - 1
            self.send(writer, {"choices": [{"index": 0, "text": f" w{number}", "finish_reason": reason if last else None}]})
            await writer.drain()
            due_s += self.itl_s

    def usage(self, writer, body, count):
        prompt = body["prompt"]
        read = len(prompt) if isinstance(prompt, list) else len(prompt.split())
        self.send(writer, {"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": count}})

    # ---- behaviours

    async def normal(self, writer, body):
        await self.whole(writer, body)

    async def whole(self, writer, body, *, count=None, reason="length", more=""):
        count = body["max_tokens"] if count is None else count
        self.begin(writer, more=more)
        await self.tokens(writer, count, reason=reason)
        self.usage(writer, body, count)
        self.send(writer, "[DONE]")
        self.end(writer)

    async def close(self, writer, body):
        """Ends the connection after the stream without having said so, as llama-server does."""
        await self.whole(writer, body)
        await writer.drain()
        writer.close()

    async def no_usage(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, body["max_tokens"])
        self.send(writer, "[DONE]")
        self.end(writer)

    async def no_done(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, body["max_tokens"])
        self.usage(writer, body, body["max_tokens"])
        self.end(writer)

    async def cut(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, max(1, body["max_tokens"] // 2), reason=None)
        writer.close()

    async def unavailable(self, writer, body):
        self._answer(writer, "503 Service Unavailable", "application/json", json.dumps({"error": {"message": "Loading model"}}))

    async def refused(self, writer, body):
        key = self.heads[-1].split("Bearer ")[-1].split("\r")[0]
        self._answer(writer, "401 Unauthorized", "application/json", json.dumps({"error": {"message": f"bad key {key}"}}))

    async def redirect(self, writer, body):
        self._answer(writer, "307 Temporary Redirect", "text/plain", "elsewhere", "Location: /elsewhere\r\n")

    async def page(self, writer, body):
        self._answer(writer, "200 OK", "text/html", "<html>a proxy's page</html>")

    async def garbage(self, writer, body):
        self.begin(writer)
        self.send(writer, '{"choices": [{"te')
        self.end(writer)

    async def not_http(self, writer, body):
        writer.write(b"\x00\xff\x00 not HTTP at all\r\n\r\n")
        await writer.drain()
        writer.close()

    async def error_event(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, 1, reason=None)
        self.send(writer, {"error": {"message": "the engine died"}})
        self.end(writer)

    async def few(self, writer, body):
        await self.whole(writer, body, count=body["max_tokens"] // 2)

    async def stop(self, writer, body):
        await self.whole(writer, body, count=body["max_tokens"] // 2, reason="stop")

    async def none(self, writer, body):
        await self.whole(writer, body, count=0, reason="stop")

    async def endless(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, 10**9, reason=None)

    async def slow_first(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, body["max_tokens"], first_s=self.ttft_s + 0.3)
        self.usage(writer, body, body["max_tokens"])
        self.send(writer, "[DONE]")
        self.end(writer)

    async def stall(self, writer, body):
        self.begin(writer)
        await self.tokens(writer, body["max_tokens"] - 1, reason=None)
        await asyncio.sleep(0.3)
        await self.tokens(writer, 1, first_s=0.0)
        self.usage(writer, body, body["max_tokens"])
        self.send(writer, "[DONE]")
        self.end(writer)

    async def hang(self, writer, body):
        self.begin(writer)
        await asyncio.sleep(60)

    async def pings(self, writer, body):
        """Comments, as servers send them to keep a connection open, and several events at once."""
        self.begin(writer)
        writer.write(b"8\r\n: ping\n\n\r\n")
        await self.tokens(writer, body["max_tokens"])
        self.usage(writer, body, body["max_tokens"])
        self.send(writer, "[DONE]")
        self.end(writer)


class FakeServer(Server):
    """A server on a thread of its own: `with FakeServer(...) as server: server.url`."""

    def __enter__(self):
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, started):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await self._stop.wait()
        server.close()


async def _main(arguments):
    models = json.dumps({"object": "list", "data": [{"id": arguments.model, "object": "model"}]})
    pages = {"/v1/models": ("200 OK", "application/json", models), "/health": ("200 OK", "text/plain", "")}
    fake = Server(arguments.ttft, arguments.itl, pages=pages)
    server = await asyncio.start_server(fake.connected, "127.0.0.1", arguments.port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ttft", type=float, default=0.1)
    parser.add_argument("--itl", type=float, default=0.01)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="fake")
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))
