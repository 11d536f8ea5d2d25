"""One HTTP/1.1 request on a connection of its own: h11 reads and writes the protocol, asyncio moves the bytes.

The project's HTTP client costs three times the processor time a chunk (200 against 70 microseconds, measured); where the server shares the
processors with us, that time would be missing in what is measured.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import h11

from advisor.validation.smoke.answer import BrokenStream

_CONNECT_S: Final = 10.0
_READ_BYTES: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection that carries one request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection

    async def send(self, path: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """POST the body."""
        length = ("Content-Length", str(len(body)))
        request = h11.Request(method="POST", target=path, headers=[*headers, length, ("Connection", "close")])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self.writer.write(self.protocol.send(event) or b"")
        await self.writer.drain()

    async def response(self) -> h11.Response:
        """Status and headers. Raises BrokenStream when none come."""
        while not isinstance(event := await self._event(), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise BrokenStream("the connection was closed without an answer")
        return event

    async def parts(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises BrokenStream when it is cut."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    async def _event(self) -> h11.Event:
        try:
            while (event := self.protocol.next_event()) is h11.NEED_DATA:
                self.protocol.receive_data(await self.reader.read(_READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise BrokenStream(f"the stream broke: {error}") from None
        except OSError as error:
            raise BrokenStream(f"the connection broke: {error}") from None
        if not isinstance(event, h11.Event):
            raise BrokenStream("the answer ended where none was begun")
        return event


@asynccontextmanager
async def connected(base_url: str) -> AsyncIterator[Connection]:
    """A new connection, closed at the end whatever happens. Raises BrokenStream when it cannot be made."""
    address = urlsplit(base_url)
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(address.hostname, port_of(address), ssl=_tls(address))
    except (OSError, TimeoutError) as error:
        raise BrokenStream(f"no connection: {error or 'nobody answered'}") from None
    try:
        yield Connection(reader, writer, h11.Connection(h11.CLIENT))
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def port_of(address: SplitResult) -> int:
    """The port of an http or https address."""
    return address.port or _PORTS.get(address.scheme, 80)


def _tls(address: SplitResult) -> ssl.SSLContext | None:
    return ssl.create_default_context() if address.scheme == "https" else None
