"""What vLLM's adapter slots take, by the engine itself: run by its own interpreter, questions as JSON on stdin, answers line by line.

Builds each model without weights as `validators/vllm_witness.py` does, lets vLLM wrap its layers and adds up the tensors of the slots. A
CPU build has no expert kernels that adapters work with; only their start is skipped, the slots are made by vLLM's own code.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "validators"))
import vllm_witness as witness

_SLOTS = ("lora_a_stacked", "lora_b_stacked")
_EXPERT_SLOTS = ("w13_lora_a_stacked", "w13_lora_b_stacked", "w2_lora_a_stacked", "w2_lora_b_stacked")


def without_kernels() -> None:
    """Expert layers are wrapped without the kernel that would compute with them."""
    from vllm.lora.layers import fused_moe

    def start(self: Any, base_layer: Any) -> None:  # noqa: ANN401
        fused_moe.BaseLayerWithLoRA.__init__(self)
        self.base_layer, self.moe_config, self.device = base_layer, base_layer.moe_config, "meta"
        self._shared_experts, self.enable_moe_shared_loras = base_layer._shared_experts, False
        self._ep_check()
        spread = self.moe_config.moe_parallel_config
        self.tp_size, self.tp_rank = spread.tp_size, spread.tp_rank
        self._w13_slices = 2 if self.moe_config.is_act_and_mul else 1

    fused_moe.FusedMoEWithLoRA.__init__ = start
    fused_moe.FusedMoEWithLoRA.set_mapping = lambda self, punica_wrapper: None


def slot_bytes(config: Any, model: Any) -> int:  # noqa: ANN401
    """Bytes of every slot of one rank."""
    import torch
    from vllm.lora.model_manager import LoRAModelManager

    scheduler = config.scheduler_config
    limits = (scheduler.max_num_seqs, scheduler.max_num_batched_tokens, config.model_config.get_vocab_size())
    with torch.device("meta"):
        manager = LoRAModelManager(model, *limits, config.lora_config, torch.device("cpu"), config)
    wrapped = {id(module): module for module in manager.modules.values()}
    return sum(size(tensor) for module in wrapped.values() for tensor in slots(module))


def slots(module: Any) -> list[Any]:  # noqa: ANN401
    """The tensors of one layer's slots."""
    names = _EXPERT_SLOTS if hasattr(module, _EXPERT_SLOTS[0]) else _SLOTS
    found: list[Any] = []
    for name in names:
        value = getattr(module, name)
        found += value if isinstance(value, tuple | list) else [value]
    return found


def size(tensor: Any) -> int:  # noqa: ANN401
    """Bytes."""
    return int(tensor.numel() * tensor.element_size())


def answer(question: dict[str, Any], world: witness.World) -> dict[str, Any]:
    """The bytes, or the engine's refusal."""
    from vllm.config import set_current_vllm_config
    from vllm.model_executor.models.interfaces import supports_lora

    with tempfile.TemporaryDirectory() as folder:
        config = witness.engine_config(question, folder)
        with set_current_vllm_config(config):
            world.of(question["tensor"])
            model = witness.build(config)
            if not supports_lora(model):
                return {"refused": f"{type(model).__name__} does not support LoRA"}
            return {"bytes": slot_bytes(config, model)}


def main() -> None:
    """One line a question."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update(witness.ENVIRONMENT)
    request = json.load(sys.stdin)
    witness.version_here(request["tested_versions"])
    witness.inspect_here()
    world = witness.World()
    without_kernels()
    for question in request["questions"]:
        try:
            told = answer(question, world)
        except Exception as error:
            told = {"refused": " ".join(f"{type(error).__name__}: {error}".split())[: witness.REASON_CHARACTERS]}
        print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # a pretended process group has nobody to say goodbye to
