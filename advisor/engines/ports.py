"""Loopback ports: a free one to serve on, whether one is taken, and whose it is."""

import contextlib
import errno
import socket
from collections.abc import Iterable
from typing import Final

import psutil

LOOPBACK: Final = "127.0.0.1"


def free_port() -> int:
    """A port that nobody has now; somebody may take it before the engine does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that was closed a moment ago does not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def listens(processes: Iterable[psutil.Process], port: int) -> bool:
    """Whether one of these processes listens on the port: an answer from it is then theirs and nobody else's."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections(kind="tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections):
                return True
    return False
