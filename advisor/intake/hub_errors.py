"""Every way a hub can fail, as one sentence that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from advisor.errors import UserInputError
from advisor.intake import web

_STATUS_ADVICE: Final = {
    401: "the token is not accepted; set HF_TOKEN or run hf auth login",
    403: "the token may not read it; ask for access, or use another token",
    429: "too many requests; wait, or set HF_TOKEN",
}


@contextmanager
def hub_errors(repo_id: str, *, revision: str | None, endpoint: str) -> Iterator[None]:
    """Raise UserInputError in place of what the hub's library and its transport raise."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except web.Refused as error:
        raise UserInputError(f"{repo_id}: {_refusal(error, revision or 'main', endpoint)}") from None
    except UserInputError as error:
        raise UserInputError(f"{repo_id}: {error}") from None
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise UserInputError(f"{repo_id}: {_sentence(error, revision or 'main', endpoint)}") from None


def _refusal(error: web.Refused, revision: str, endpoint: str) -> str:
    """What the hub says in words of its own: X-Error-Code, as its library reads it."""
    match error.code:
        case "GatedRepo":
            return _gated(endpoint)
        case "RepoNotFound":
            return _absent(endpoint)
        case "RevisionNotFound":
            return f"no revision {revision!r} at {endpoint}"
        case _:
            return str(error)


def _gated(endpoint: str) -> str:
    return f"gated: accept the terms on its page at {endpoint}, then set HF_TOKEN or run hf auth login"


def _absent(endpoint: str) -> str:
    return f"no such repository at {endpoint}, or a private one: check the name, or set HF_TOKEN or run hf auth login"


def _sentence(error: Exception, revision: str, endpoint: str) -> str:
    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            return _gated(endpoint)
        case errors.RepositoryNotFoundError():
            return _absent(endpoint)
        case errors.RevisionNotFoundError():
            return f"no revision {revision!r} at {endpoint}"
        case errors.HfHubHTTPError(response=response):
            advice = _STATUS_ADVICE.get(response.status_code, "try again later, or set HF_ENDPOINT to a mirror")
            return f"{endpoint} answered {response.status_code}: {advice}"
        case _:
            return _without_answer(error, endpoint)


def _without_answer(error: Exception, endpoint: str) -> str:
    """A connection, disk or name fault: nothing that the hub said."""
    import httpx2
    from huggingface_hub.errors import LocalEntryNotFoundError

    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, httpx2.HTTPError | LocalEntryNotFoundError | ConnectionError):
        return f"{endpoint} not reachable ({reason}): name a local file, set HF_ENDPOINT to a mirror, or try again online"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full"
    return reason
