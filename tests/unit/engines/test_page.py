"""One page, fetched once: every way it can go wrong has its sentence and its exit code."""

import socket
import threading

import pytest

from advisor.engines.page import checked_address, is_loopback, read_page
from advisor.errors import NotProven, TimedOut, UserInputError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://x/y",
        "file:///etc/passwd",
        "http://",
        "http:///metrics",
        "http://x:99999/",
        "http://x y/",
        "http://[::1",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(UserInputError, match="not an address"):
        read_page(url)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(UserInputError, match="user name or password") as refused:
        checked_address("http://me:hunter2@127.0.0.1/metrics")
    assert "hunter2" not in str(refused.value)


def test_a_page_with_its_status_and_no_redirect_followed(fake_server):
    with fake_server(pages={"/metrics": ("200 OK", "text/plain", "x 1\n"), "/old": ("302 Found", "text/plain", "moved")}) as server:
        page = read_page(f"{server.url}/metrics", api_key="sk-1")
        assert (page.status, page.text, page.location) == (200, "x 1\n", "")
        assert "authorization: bearer sk-1" in server.heads[0].lower()
        assert read_page(f"{server.url}/old").status == 302
        assert read_page(f"{server.url}/none").status == 404
    assert len(server.heads) == 3


def test_too_much(fake_server):
    with (
        fake_server(pages={"/": ("200 OK", "text/plain", "x" * 100_000)}) as server,
        pytest.raises(UserInputError, match="more than 1,000"),
    ):
        read_page(f"{server.url}/", most_bytes=1000)


def test_json_or_nothing(fake_server):
    pages = {"/a": ("200 OK", "application/json", '{"n": 1}'), "/b": ("200 OK", "application/json", "[" * 100_000)}
    with fake_server(pages=pages) as server:
        assert read_page(f"{server.url}/a").json() == {"n": 1}
        assert read_page(f"{server.url}/b").json() is None


def test_nobody_there():
    with pytest.raises(NotProven, match="nobody answers"):
        read_page("http://127.0.0.1:9/metrics")


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_never_ends(drip):
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept():
            connection, _ = server.accept()
            held.append(connection)
            connection.sendall(drip)

        threading.Thread(target=accept, daemon=True).start()
        with pytest.raises(TimedOut):
            read_page(f"http://127.0.0.1:{server.getsockname()[1]}/", time_limit_s=0.3)
        held[0].close()


def test_loopback():
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("10.0.0.1", "example.org", "", "localhost.example.org"))
