"""The environment variables that an engine's process needs on a kind of device, as its record says."""

from advisor.domain.engine_record import EngineRecord


def launch_environment(record: EngineRecord, backend: str) -> dict[str, str]:
    """Variables to start the engine with on `backend`, beside the user's own; empty where it needs none or does not run.

    >>> from advisor.catalog.engines import load_engines
    >>> launch_environment(load_engines()["vllm"], "cuda")
    {}
    """
    platform = record.platform(backend)
    return dict(platform.environment) if platform else {}
