"""The command line of `advisor validate`, as given."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AskedEndpoint:
    """The address, the key, and whether vLLM's generator is to repeat the last load, as given."""

    url: str
    api_key: str | None
    vllm_bench: bool = False
    tokenizer: str | None = None


@dataclass(frozen=True, slots=True)
class AskedStart:
    """What of the command line says how an engine is started."""

    engine_python: str | None
    engine_binary: str | None
    in_process: bool
    scale_down: bool
    port: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line."""

    plan: Path
    model: Path | None
    synthetic: bool
    deployment: str | None
    concurrency: str | None
    start: AskedStart
    time_limit_s: float
    yes: bool
    quiet: bool
    log: str | None = None
    endpoint: AskedEndpoint | None = None
    benchmark: Path | None = None
    served_model: str | None = None

    def of_a_run(self) -> dict[str, bool]:
        """The flags that say how an engine of our own is run, and whether each was given."""
        return {
            "--model": self.model is not None,
            "--synthetic": self.synthetic,
            "--concurrency": self.concurrency is not None,
            "--engine-python": self.start.engine_python is not None,
            "--engine-binary": self.start.engine_binary is not None,
            "--in-process": self.start.in_process,
            "--scale-down": self.start.scale_down,
            "--port": self.start.port is not None,
        }
