"""What is started on either side: the same dimensions in a format of each engine, sized for the same loads, with its prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from advisor.catalog import Catalog
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import EngineName, Parallelism
from advisor.domain.engine_record import EngineRecord, Runtime
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.hardware import Node
from advisor.domain.model import Model
from advisor.domain.plan import PlannedDeployment, PlannedEngine, PlannedHardware, PlannedModel, PlannedParallelism
from advisor.domain.quantity import Quantity
from advisor.domain.quantization import Quantization
from advisor.domain.workload import Load
from advisor.engines.flags import find_runtime
from advisor.errors import NotProven
from advisor.estimate.load import estimate_performance
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import StepTimeModel, step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.intake.quantization import find_quantization
from advisor.planning.compose import planned_settings
from advisor.units import MIB, gib_text, round_up

_NAME: Final = "crossover"
_LEAST_POOL_BYTES: Final = 256 * MIB
_REQUESTS_EACH: Final = 2
_LEAST_REQUESTS: Final = 4
_SLOWEST_TOKENS_PER_S: Final = 0.01  # so that nothing is divided by nothing
_SLOT_TOKENS: Final = 256  # llama.cpp's slots are multiples of it


@dataclass(frozen=True, slots=True)
class Loads:
    """What both engines are asked: equal requests, so many at once."""

    concurrency: tuple[int, ...]
    input_tokens: int
    output_tokens: int

    @property
    def most(self) -> int:
        """The most requests at once."""
        return max(self.concurrency)

    @property
    def request_tokens(self) -> int:
        """One request from its first to its last token."""
        return self.input_tokens + self.output_tokens

    def requests(self, at_once: int) -> int:
        """How many are sent at so many at once, warm-ups not counted."""
        return max(_LEAST_REQUESTS, _REQUESTS_EACH * at_once)

    def demand(self, at_once: int) -> Demand:
        """One of the loads as a workload's demand."""
        sent, generated = self.input_tokens, self.output_tokens
        return Demand(Load(in_flight=at_once), Lengths(sent, sent, sent), Lengths(generated, generated, generated))


@dataclass(frozen=True, slots=True)
class Contender:
    """One side of the comparison, not started yet."""

    candidate: Candidate
    quantization: Quantization
    record: EngineRecord
    runtime: Runtime
    planned: PlannedDeployment
    memory: MemoryEstimate
    steps: StepTimeModel

    @property
    def engine(self) -> EngineName:
        """The engine's name."""
        return self.record.id

    @property
    def needed_bytes(self) -> float:
        """Memory it takes to start and to serve: vLLM takes its whole pool at once."""
        devices = self.memory.devices
        pool_bytes = sum(device.kv_cache_bytes.value for device in devices) if self.engine == "vllm" else 0.0
        return max(pool_bytes, sum(device.required_bytes.value for device in devices)) + self.memory.host.required_bytes.value

    def slowest_s(self, loads: Loads) -> float:
        """Starting, then every load with its warm-ups, all at the slow end of the prediction."""
        sent = {at_once: (loads.requests(at_once) + at_once) * loads.output_tokens for at_once in loads.concurrency}
        rates = {at_once: max(self.predicted(loads, at_once).low, _SLOWEST_TOKENS_PER_S) for at_once in sent}
        return self.steps.start_s.high + sum(tokens / rates[at_once] for at_once, tokens in sent.items())

    def predicted(self, loads: Loads, at_once: int) -> Quantity:
        """Output tokens per second of one load."""
        deployment = Deployment(_NAME, self.candidate, replicas=1)
        performance = estimate_performance(deployment, loads.demand(at_once), memory=self.memory, steps=self.steps, replicas_up=1)
        return performance.output_tokens_per_s


def contender(
    catalog: Catalog, engine: EngineName, *, model: Model, quantization: str, node: Node, loads: Loads, enforce_eager: bool = False
) -> Contender:
    """Size one side: room for the largest load and no more; `enforce_eager`: vLLM compiles nothing.

    Raises UserInputError for what the engine would refuse.
    """
    if engine == "llama.cpp":
        slot = round_up(loads.request_tokens, _SLOT_TOKENS)
        flags: dict[str, object] = {"ctx_size": slot * loads.most, "parallel": loads.most, "kv_unified": False}
        return _sized(catalog, engine, model=model, quantization=quantization, node=node, loads=loads, flags=flags)
    pool_bytes = _LEAST_POOL_BYTES
    while True:
        flags = {"max_model_len": loads.request_tokens, "max_num_seqs": loads.most, "kv_cache_memory_bytes": pool_bytes}
        flags |= {"enforce_eager": True} if enforce_eager else {}
        sized = _sized(catalog, engine, model=model, quantization=quantization, node=node, loads=loads, flags=flags)
        if sized.memory.requests_held_longest.value >= loads.most or pool_bytes > node.host.memory_bytes:
            return sized
        pool_bytes *= 2


def _sized(
    catalog: Catalog, engine: EngineName, *, model: Model, quantization: str, node: Node, loads: Loads, flags: dict[str, object]
) -> Contender:
    record = catalog.engine(engine)
    chosen = find_quantization(quantization, catalog, record)
    candidate = build_candidate(
        catalog,
        model=model,
        quantization=chosen.id,
        engine=engine,
        runtime=None,
        version=None,
        node=node,
        devices=1,
        parallelism=Parallelism(),
        flags=flags,
    )
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, chosen, parallelism=Parallelism())
    tokens = loads.request_tokens
    return Contender(
        candidate=candidate,
        quantization=chosen,
        record=record,
        runtime=find_runtime(record, candidate.runtime.runtime),
        planned=_planned(candidate, record),
        memory=estimate_memory(candidate, weights, constants=catalog.memory_constants, typical_tokens=tokens, longest_tokens=tokens),
        steps=step_time_model(candidate, weights, catalog.calibrations[engine], quantization=chosen, near=catalog.near),
    )


def _planned(candidate: Candidate, record: EngineRecord) -> PlannedDeployment:
    """The same as a plan's deployment, which is what is rendered into a command."""
    runtime, checkpoint, spread = candidate.runtime, candidate.checkpoint, candidate.parallelism
    return PlannedDeployment(
        name=_NAME,
        role="serve",
        replicas=1,
        model=PlannedModel(candidate.model.id, checkpoint.quantization),
        engine=PlannedEngine(runtime.engine, runtime.runtime, runtime.version, runtime.backend),
        image=None,
        hardware=PlannedHardware(candidate.node.device.id),
        parallelism=PlannedParallelism(spread.tensor, spread.pipeline, spread.data, spread.expert),
        settings=planned_settings(candidate, record),
    )


def require_room(contenders: Sequence[Contender], *, available_bytes: int) -> None:
    """Raise NotProven when one of them does not fit in what is available; they run one after the other."""
    for one in contenders:
        if one.needed_bytes > available_bytes:
            raise NotProven(
                f"{one.candidate.model.id} in {one.quantization.id} on {one.record.title} needs {gib_text(one.needed_bytes)}, "
                f"{gib_text(available_bytes)} are available here: cut it down with --layers, or name a smaller model"
            )
