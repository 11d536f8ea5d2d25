"""What the catalog knows about an engine: versions, devices, settings under every runtime's own flag names, how to start and watch it.

One YAML file an engine. Defaults are text in the flags' own grammar, so that one parser reads a default and a flag alike.
"""

from dataclasses import dataclass, field
from typing import Literal

from advisor.domain.engine import EngineName
from advisor.domain.hardware import ProcessorFeature
from advisor.domain.strict import STRICT, FieldFault

FlagKind = Literal["int", "size", "float", "text", "switch", "list"]  # size: an int that may be written 16k, 25G, 10GiB


@dataclass(frozen=True, slots=True)
class VersionFact:
    """One version of an engine with its other names; `binding` is the llama-cpp-python release that vendors it."""

    __pydantic_config__ = STRICT
    version: str
    commit: str | None = None
    binding: str | None = None
    released: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions the record holds for: from `minimum` to before `below`, compared by build number or by PEP 440."""

    __pydantic_config__ = STRICT
    scheme: Literal["build", "pep440"]
    default: str
    minimum: str
    source: str
    below: str | None = None
    default_for: dict[str, str] = field(default_factory=dict)  # by backend
    known: tuple[VersionFact, ...] = ()
    asked: tuple[str, ...] = ()  # exactly those that may be asked for their own planning


@dataclass(frozen=True, slots=True)
class FlagFact:
    """One flag of a runtime: `names[0]` is written, all are read. It fills one field of the settings or of Parallelism."""

    __pydantic_config__ = STRICT
    names: tuple[str, ...]
    kind: FlagKind
    setting: str | None = None
    parallelism: str | None = None
    off: tuple[str, ...] = ()  # names that switch it off
    words: tuple[str, ...] = ()  # words that stand for a number: auto, all
    choices: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)  # the runtime's spelling -> the setting's, where they differ
    pin: Literal["always", "changed", "never"] = "always"  # changed: written only where it differs from the default

    def __post_init__(self) -> None:
        if not self.names:
            raise FieldFault("names", "the list is empty: a flag has at least one name")
        if self.setting is not None and self.parallelism is not None:
            raise FieldFault("parallelism", "a flag fills a setting or the parallelism, not both")


@dataclass(frozen=True, slots=True)
class RemovedFlag:
    """Flags that older guides still show and the engine no longer takes."""

    __pydantic_config__ = STRICT
    names: tuple[str, ...]
    use: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to see that the server can serve: GET `path` answers `status`; before that the port is closed or answers `loading_status`."""

    __pydantic_config__ = STRICT
    path: str
    status: int = 200
    loading_status: int | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the server: `command`, then the model (behind `model_flag`, or bare), then flags.

    `watched` are variables that make its log tell what it allocates; they are set while it is validated and change nothing else.
    """

    __pydantic_config__ = STRICT
    command: tuple[str, ...]
    port: int
    model_flag: str | None = None
    name_flag: str | None = None  # the model's name in the API
    fixed: dict[str, str] = field(default_factory=dict)  # flags that are always written
    equals: bool = False  # takes --flag=value in one word
    watched: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """How the published image runs locked down: as whom, with which command, and what it must be able to write.

    `probe` is a command inside the container that succeeds when `{url}` answers.
    """

    __pydantic_config__ = STRICT
    source: str
    command: tuple[str, ...]
    user: int
    group: int
    home: str  # written to, as is /tmp
    api_key_env: str
    probe: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    shm_gib: int = 0  # /dev/shm: shared memory between its processes


@dataclass(frozen=True, slots=True)
class Runtime:
    """A program that serves models with this engine. `listed` runtimes are known by name only; `why` says so."""

    __pydantic_config__ = STRICT
    support: Literal["planned", "listed"]
    source: str
    concurrency: Literal["slots", "paged", "serial"] = "slots"
    why: str | None = None
    launch: Launch | None = None
    container: Container | None = None
    readiness: Readiness | None = None
    defaults: dict[str, str] = field(default_factory=dict)  # setting -> default, in the flag's own grammar
    flags: tuple[FlagFact, ...] = ()
    harmless: tuple[str, ...] = ()  # flags with a value that move no byte that the estimate counts
    harmless_switches: tuple[str, ...] = ()  # the same for flags without a value
    not_estimated: dict[str, str] = field(default_factory=dict)  # flags that move bytes or speed the estimate cannot follow -> what they do
    removed: tuple[RemovedFlag, ...] = ()
    logs_prompts: tuple[str, ...] = ()  # flags that write prompts to the log or to disk
    guards: tuple[str, ...] = ()  # flags that make it ask for a key
    metrics: dict[str, str] = field(default_factory=dict)  # what is measured -> Prometheus name
    metric_labels: dict[str, str] = field(default_factory=dict)  # of its `cache_config`: num_blocks, capacity_tokens or a setting
    images: dict[str, str] = field(default_factory=dict)  # backend -> image reference with {version}


@dataclass(frozen=True, slots=True)
class ProcessorNeed:
    """Quantisations that load only on processors with `feature`, and why; `experts`: those of models with experts, by their kernels."""

    __pydantic_config__ = STRICT
    feature: ProcessorFeature
    quantizations: tuple[str, ...]
    why: str
    experts: bool = False


@dataclass(frozen=True, slots=True)
class WidthNeed:
    """Quantisations whose kernel takes a rank's part of a width only where it is a multiple of `multiple`, and why.

    `part`: the inner width of experts, or projections that a recurrent layer computes as one. No `architectures`: all of them.
    """

    __pydantic_config__ = STRICT
    part: Literal["experts", "projections"]
    quantizations: tuple[str, ...]
    multiple: int
    why: str
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceDefaults:
    """Defaults that depend on the device; the first entry whose conditions all hold is taken, per setting."""

    __pydantic_config__ = STRICT
    settings: dict[str, str]
    backend: str | None = None
    memory_at_least_gib: float | None = None
    processor_feature: ProcessorFeature | None = None  # of a CPU
    name_without: tuple[str, ...] = ()  # words that must not be in the device's name, lower case: the engine tests it so
    cache: str | None = None  # a word of ModelArchitecture.kinds
    per_rank: tuple[str, ...] = ()  # settings multiplied by tensor x pipeline


@dataclass(frozen=True, slots=True)
class Platform:
    """A kind of device the engine runs on. `quantizations` are catalog ids; empty means every quantisation of the engine's formats.

    `refused` and `refused_for_moe` name what does not load there, with the reason, `needs_processor` what loads on some processors only,
    `needs_widths` what loads in some widths only; `environment` are variables its process needs there, an empty one must not be set.
    """

    __pydantic_config__ = STRICT
    backend: str
    source: str
    vendors: tuple[str, ...] = ()  # empty: any
    min_compute_capability: float | None = None
    quantizations: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    refused_for_moe: dict[str, str] = field(default_factory=dict)
    needs_processor: tuple[ProcessorNeed, ...] = ()
    needs_widths: tuple[WidthNeed, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """The whole truth about one engine. `log_patterns` are regular expressions with named groups, by what they tell."""

    __pydantic_config__ = STRICT
    id: EngineName
    title: str
    source: str
    formats: tuple[Literal["gguf", "safetensors"], ...]
    format_note: str
    default_runtime: str
    versions: Versions
    platforms: tuple[Platform, ...]
    architectures: tuple[str, ...]  # GGUF architecture names for llama.cpp, Hugging Face model types for vLLM
    runtimes: dict[str, Runtime]
    ignores_windows_of: tuple[str, ...] = ()  # of those architectures: it caches every token of windowed layers too
    features: tuple[str, ...] = ()  # what a request may need: json_schema, tools, logprobs …
    compute_capability: dict[str, float] = field(default_factory=dict)  # by quantisation: what it needs to load, on NVIDIA
    defaults_by_device: tuple[DeviceDefaults, ...] = ()
    log_patterns: dict[str, str] = field(default_factory=dict)
    log_lines: tuple[str, ...] = ()  # what to expect in the log, with the claims' names as {placeholders}

    def __post_init__(self) -> None:
        if self.default_runtime not in self.runtimes:
            raise FieldFault("default_runtime", f"{self.default_runtime} is not one of the runtimes {', '.join(self.runtimes)}")

    def platform(self, backend: str) -> Platform | None:
        """What is known about a backend, None where the engine does not run on it."""
        return next((platform for platform in self.platforms if platform.backend == backend), None)

    def version_of_build(self, build: int | None, commit: str | None) -> str | None:
        """By commit, which a build from source keeps, else by build number; 1 is what a build from a source distribution calls itself."""
        for known in self.versions.known:
            if commit and known.commit and known.commit.startswith(commit):
                return known.version
        return f"b{build}" if build is not None and build > 1 else None
