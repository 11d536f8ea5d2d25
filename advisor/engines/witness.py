"""`--ask-engine`: the engine that is to serve a candidate, asked how much memory it would take. No weights, no accelerator."""

from pathlib import Path
from typing import assert_never

from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantization import Quantization
from advisor.domain.witness import Witness
from advisor.engines.find import find_llama_cpp, find_vllm
from advisor.engines.llama_cpp_witness import ask_llama_cpp
from advisor.engines.vllm_witness import ask_vllm


def ask_engine(
    candidate: Candidate,
    quantization: Quantization,
    record: EngineRecord,
    *,
    engine_python: str | None = None,
    file: Path | None = None,
) -> Witness:
    """The engine's own sizes. `file` is a real model file where there is one.

    Raises NotProven where no engine is found that can be asked, EngineFailed with the engine's own words, TimedOut, Interrupted.
    """
    match candidate.settings:
        case LlamaCppSettings():
            return ask_llama_cpp(candidate, quantization, record=record, engine=find_llama_cpp(engine_python), file=file)
        case VllmSettings():
            return ask_vllm(candidate, quantization, record=record, engine=find_vllm(engine_python))
        case _:
            assert_never(candidate.settings)
