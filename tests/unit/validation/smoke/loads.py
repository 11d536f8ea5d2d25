"""Requests for a server that streams as its script says."""

from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.target import Target


def requests(count, *, prompt=5, output=4):
    return [PlannedRequest(tuple(range(100 + number, 100 + number + prompt)), output) for number in range(count)]


def target(server, **changes):
    return Target(**{"base_url": server.url, "model": "fake", **changes})
