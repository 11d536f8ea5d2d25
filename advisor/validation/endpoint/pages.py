"""The pages of a server that somebody else started: read once each, nothing is sent to be computed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from advisor.domain.engine_record import EngineRecord
from advisor.engines.metrics import LiveEngine, read_metrics
from advisor.engines.page import read_page
from advisor.errors import NotProven, TimedOut, UserInputError

_BUILD: Final = re.compile(r"b(\d{1,9})-([0-9a-f]{6,40})")
_LONGEST_VERSION: Final = 40


@dataclass(frozen=True, slots=True)
class EndpointPages:
    """What a server tells: its models by name, /props, /version and its metrics; empty or None where it has no such page."""

    models: Mapping[str, Mapping[str, Any]]
    props: Mapping[str, Any]
    version_page: Mapping[str, Any]
    live: LiveEngine | None

    @property
    def engine(self) -> str | None:
        """Which engine it is, as far as it tells."""
        if self.live is not None:
            return self.live.engine
        return "llama.cpp" if "build_info" in self.props else "vllm" if "version" in self.version_page else None

    @property
    def slots(self) -> int | None:
        """llama-server's places for requests."""
        return whole(self.props.get("total_slots"))

    def version(self, record: EngineRecord) -> str | None:
        """In the words of the engine's record, None where it does not tell."""
        told = self.version_page.get("version")
        if isinstance(told, str):
            return told[:_LONGEST_VERSION]
        build = _BUILD.fullmatch(str(self.props.get("build_info", "")))
        return record.version_of_build(int(build[1]), build[2]) if build else None

    def context_tokens(self, model: str) -> int | None:
        """The most that one request may use: vLLM names it with the model, llama-server per slot."""
        per_slot = self.props.get("default_generation_settings")
        return whole(self.models[model].get("max_model_len") or (per_slot.get("n_ctx") if isinstance(per_slot, dict) else None))

    def loaded(self, model: str) -> tuple[int | None, int | None]:
        """Parameters and bytes of the weights, which llama-server tells."""
        meta = self.models[model].get("meta")
        return (whole(meta.get("n_params")), whole(meta.get("size"))) if isinstance(meta, dict) else (None, None)


def read_pages(base_url: str, records: Iterable[EngineRecord], api_key: str | None) -> EndpointPages:
    """Raises UserInputError for what is no completions server or asks for another key, NotProven when nobody answers, TimedOut."""
    models = _models(base_url, api_key)
    return EndpointPages(
        models, _optional(f"{base_url}/props", api_key), _optional(f"{base_url}/version", api_key), _live(base_url, records, api_key)
    )


def whole(value: object) -> int | None:
    """A whole number above 0 in somebody else's JSON, None for anything else."""
    return value if type(value) is int and 0 < value < 10**15 else None


def _models(base_url: str, api_key: str | None) -> dict[str, Mapping[str, Any]]:
    url = f"{base_url}/v1/models"
    page = read_page(url, api_key=api_key)
    if page.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise UserInputError(
            f"{url}: asks for {'another' if api_key else 'a'} key (HTTP {page.status}): name its variable with --api-key-env"
        )
    listed = page.json()
    entries = listed.get("data") if isinstance(listed, dict) else None
    listed_models = [entry for entry in entries or () if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    found: dict[str, Mapping[str, Any]] = {entry["id"]: entry for entry in listed_models}
    if page.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise NotProven(f"{url}: HTTP 503, it is still loading or not able to serve")
    if page.status != HTTPStatus.OK or not found:
        raise UserInputError(f"{url}: HTTP {page.status} and no list of models: is this the address of a server with the OpenAI API?")
    return found


def _live(base_url: str, records: Iterable[EngineRecord], api_key: str | None) -> LiveEngine | None:
    try:
        page = read_page(f"{base_url}/metrics", api_key=api_key)
        return read_metrics(page.text, records) if page.status == HTTPStatus.OK else None
    except UserInputError:
        return None


def _optional(url: str, api_key: str | None) -> Mapping[str, Any]:
    """A page that only some servers have; empty where it is missing or none."""
    try:
        page = read_page(url, api_key=api_key)
    except (NotProven, TimedOut, UserInputError):
        return {}
    told = page.json() if page.status == HTTPStatus.OK else None
    return told if isinstance(told, dict) else {}
