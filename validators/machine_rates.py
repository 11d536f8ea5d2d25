"""Measures this machine's memory and arithmetic: bytes per second read and copied by all processors, FLOP per second where numpy is.

Run by any interpreter: `python machine_rates.py < request.json`, best by an engine's own, which has numpy; else standard library only.
Request: `seconds` for each of the three. Progress goes to stderr, the report is the last line of stdout. Exit 2: bad request.

Reading is libc's memchr for a byte that is not there: it touches every line once and writes nothing. Copying goes in pieces below the
size from which libc writes past the cache, so each line of the target is fetched before it is written: three moves a byte are counted
(STREAM counts two). Threads share nothing, and ctypes lets go of the interpreter's lock while they work.
"""

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

BUFFER_BYTES = 128 * 1024 * 1024  # a thread's, beyond its part of any cache
PIECE_BYTES = 256 * 1024
MATRIX = 1024  # rows and columns: bound by arithmetic, not by memory
Work = Callable[[], float]


def say(**fields: object) -> None:
    """One line of progress."""
    print(json.dumps(fields), file=sys.stderr, flush=True)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def c_library() -> Any:  # noqa: ANN401 - a ctypes library
    """The C library of this process."""
    found = ctypes.CDLL(None) if os.name == "posix" else ctypes.CDLL("msvcrt")
    found.memchr.restype, found.memchr.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    found.memcpy.restype, found.memcpy.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    return found


def reading(library: Any) -> Work:  # noqa: ANN401
    """Bytes of one pass over a buffer of its own."""
    buffer = (ctypes.c_char * BUFFER_BYTES)()
    ctypes.memset(buffer, 1, BUFFER_BYTES)  # untouched pages are all the same page

    def once() -> float:
        library.memchr(buffer, 2, BUFFER_BYTES)
        return BUFFER_BYTES

    return once


def copying(library: Any) -> Work:  # noqa: ANN401
    """Bytes moved by one copy of half of a buffer of its own to the other half."""
    buffer = (ctypes.c_char * BUFFER_BYTES)()
    ctypes.memset(buffer, 1, BUFFER_BYTES)
    half = BUFFER_BYTES // 2

    def once() -> float:
        source = ctypes.addressof(buffer)
        for offset in range(0, half, PIECE_BYTES):
            library.memcpy(source + half + offset, source + offset, PIECE_BYTES)
        return 3.0 * half

    return once


def rate(make: Callable[[Any], Work], threads: int, seconds: float) -> float:
    """Units per second of all threads together, each with work of its own until the time is over."""
    library = c_library()
    works, done, ready = [make(library) for _ in range(threads)], [0.0] * threads, threading.Barrier(threads)

    def keep_on(index: int) -> None:
        ready.wait()
        began, units = time.perf_counter(), 0.0
        while not units or time.perf_counter() - began < seconds:
            units += works[index]()
        done[index] = units / (time.perf_counter() - began)

    running = [threading.Thread(target=keep_on, args=(index,)) for index in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(done)


def arithmetic(seconds: float) -> float | None:
    """FLOP per second of single-precision matrix products on all processors; None without numpy."""
    try:
        import numpy
    except ImportError:
        return None
    left = numpy.full((MATRIX, MATRIX), 0.5, dtype=numpy.float32)
    best_s, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or best_s == float("inf"):
        began = time.perf_counter()
        left @ left
        best_s = min(best_s, time.perf_counter() - began)
    return 2.0 * MATRIX**3 / best_s


def report_for(request: dict[str, Any]) -> dict[str, Any]:
    """The three rates, one after the other."""
    seconds, threads = float(request["seconds"]), processors()
    say(progress="reading memory")
    read = rate(reading, threads, seconds)
    say(progress="copying memory")
    copied = rate(copying, threads, seconds)
    say(progress="multiplying matrices")
    return {"threads": threads, "read_bytes_per_s": read, "copy_bytes_per_s": copied, "flops_per_s": arithmetic(seconds)}


def main() -> int:
    """Request in, report out."""
    try:
        report, code = report_for(json.load(sys.stdin)), 0
    except (ValueError, KeyError, TypeError) as error:
        report, code = {"error": f"the request is not JSON, or lacks something: {error}"}, 2
    print(json.dumps(report, allow_nan=False), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
