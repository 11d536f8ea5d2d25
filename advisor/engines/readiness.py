"""Whether a server is ready: it answers on the path that its engine's record names, with the status that means so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx2

from advisor.domain.engine_record import Readiness

_ANSWER_S: Final = 1.0  # a server that is ready answers this within milliseconds
_GARBLED: Final = 20  # answers in a row that are no HTTP: it will not become a server


@contextmanager
def asking(base_url: str, readiness: Readiness) -> Iterator["Answers"]:
    """The answers of the server at `base_url`, never through a proxy."""
    with httpx2.Client(base_url=base_url, trust_env=False, timeout=_ANSWER_S, limits=httpx2.Limits(max_keepalive_connections=0)) as client:
        yield Answers(client, readiness)


class Answers:
    """Asks again and again. `last` is the last thing that was wrong with an answer, in words; empty while nobody listens."""

    def __init__(self, client: httpx2.Client, readiness: Readiness) -> None:
        self._client, self._readiness = client, readiness
        self._garbled = 0
        self.last = ""

    @property
    def is_no_server(self) -> bool:
        """Whether it has answered with something that is not HTTP too often to be starting still."""
        return self._garbled >= _GARBLED

    def ready(self) -> bool:
        """Ask once."""
        path, garbled = self._readiness.path, 0
        try:
            with self._client.stream("GET", path) as response:
                status = response.status_code
            self.last = f"it answers {status} on {path} instead of {self._readiness.status}"
            return status == self._readiness.status
        except httpx2.ConnectError:
            pass  # nobody listens yet
        except httpx2.TimeoutException:
            self.last = f"it accepts connections and does not answer on {path}"
        except httpx2.ReadError:
            self.last = f"it closes connections to {path}"
        except httpx2.HTTPError:
            self.last, garbled = f"it answers on {path} with something that is not HTTP", self._garbled + 1
        finally:
            self._garbled = garbled
        return False
