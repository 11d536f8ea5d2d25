"""LoRA adapters (PEFT folders): read for what they are; a plan is of their base model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from advisor.documents import read_text
from advisor.engines.settings_vllm import LORA_RANKS
from advisor.errors import UserInputError
from advisor.intake.safetensors_files import read_safetensors

CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = "adapter_model.safetensors"
_MOST_RANK: Final = 100_000


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank change to a base model: which, of which rank, and the bytes of its tensors where they are here."""

    base: str
    rank: int
    adapter_bytes: int | None = None

    def __str__(self) -> str:
        size = f", {self.adapter_bytes / 1e6:,.0f} MB" if self.adapter_bytes is not None else ""
        return f"a LoRA adapter (rank {self.rank}{size}) of {self.base}"

    @property
    def _slot_rank(self) -> int:
        """The smallest rank of a slot that vLLM makes and that holds this one; its own where none does."""
        return min((rank for rank in LORA_RANKS if rank >= self.rank), default=self.rank)

    def advice(self) -> str:
        """What a plan can do with it, and what it does not count."""
        return (
            f"plan {self.base}, then merge the adapter into it (memory and speed stay those of the base), or serve it on top: vLLM "
            f"--enable-lora --max-lora-rank {self._slot_rank}, whose slots are counted in its memory, or llama-server --lora, whose are not"
        )


def read_adapter(folder: Path) -> Adapter:
    """The adapter in a folder. Raises UserInputError for one that is not LoRA, or damaged."""
    config = folder / CONFIG
    try:
        found = json.loads(read_text(config))
    except (ValueError, RecursionError):
        raise UserInputError(f"{config}: not valid JSON") from None
    weights = folder / _WEIGHTS
    return adapter_of(found, str(config), read_safetensors([weights]).tensor_bytes if weights.exists() else None)


def adapter_of(config: Any, where: str, adapter_bytes: int | None = None) -> Adapter:  # noqa: ANN401 - a stranger's JSON
    """What an adapter_config.json says."""
    given = config if isinstance(config, dict) else {}
    base, rank, kind = given.get("base_model_name_or_path"), given.get("r"), given.get("peft_type", "LORA")
    if kind != "LORA":
        raise UserInputError(f"{where}: peft_type {str(kind)[:40]!r}: only LoRA adapters are understood")
    if not isinstance(base, str) or not base.strip() or type(rank) is not int or not 0 < rank <= _MOST_RANK:
        raise UserInputError(f"{where}: names no base_model_name_or_path and rank r: not a LoRA adapter, or damaged")
    return Adapter(base[:200], rank, adapter_bytes)
