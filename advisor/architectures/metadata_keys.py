"""The metadata of one GGUF header, read key by key; a key of the architecture that nobody read is refused by name."""

from collections.abc import Collection, Mapping, Sized
from typing import Any, Final

from advisor.architectures.fields import names
from advisor.errors import UnknownArchitecture, UserInputError

_HARMLESS: Final = names(
    """
    vocab_size rope.freq_base rope.freq_base_swa rope.dimension_count rope.dimension_count_swa rope.dimension_sections
    rope.scaling.type rope.scaling.factor rope.scaling.attn_factor rope.scaling.original_context_length rope.scaling.finetuned
    rope.scaling.yarn_log_multiplier rope.scaling.yarn_ext_factor rope.scaling.yarn_attn_factor rope.scaling.yarn_beta_fast
    rope.scaling.yarn_beta_slow attention.layer_norm_rms_epsilon attention.layer_norm_epsilon attention.scale attention.causal
    attention.temperature_scale attention.temperature_length expert_weights_scale expert_weights_norm
    expert_gating_func expert_group_count expert_group_used_count attn_logit_softcapping final_logit_softcapping logit_scale residual_scale
    embedding_scale nextn_predict_layers use_parallel_residual tensor_data_layout pooling_type attention.value_scale
    attention.indexer.top_k attention.clamp_kqv n_deepstack_layers deepstack_layer_count
    """
)
"""Keys below `<architecture>.` that change no size."""


class GgufKeys:
    """The keys below `<architecture>.`; remembers which were read."""

    def __init__(self, metadata: Mapping[str, Any], architecture: str, where: str, tensor_names: Collection[str] | None) -> None:
        self._metadata = metadata
        self.architecture = architecture
        self._prefix = f"{architecture}."
        self.where = where
        self._tensors = None if tensor_names is None else frozenset(tensor_names)
        self._read: set[str] = set()

    def value(self, key: str) -> Any:  # noqa: ANN401 - a raw metadata value
        """The raw value below the architecture's prefix, None when absent."""
        self._read.add(key)
        return self._metadata.get(self._prefix + key)

    def whole(self, key: str, *, default: int | None = None) -> int:
        """A whole number; an array that repeats one number counts as it. Raises UserInputError when it is missing or varies."""
        value = self.value(key)
        if isinstance(value, list | tuple) and value and all(item == value[0] for item in value):
            value = value[0]
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise UserInputError(f"{self.where}: {self._prefix}{key}: a whole number is needed, found {_shown(value)}")
        return value

    def each(self, key: str, layers: int) -> list[Any] | None:
        """One value per layer: the array itself, or the scalar repeated; None when absent."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            return [value] * layers
        if len(value) < layers:
            raise UserInputError(f"{self.where}: {self._prefix}{key}: {len(value)} entries for {layers} layers")
        return list(value[:layers])

    def vocabulary(self) -> int:
        """Rows of the embedding table: the key where it is given, else the number of tokens."""
        stated = self._metadata.get(f"{self._prefix}vocab_size")
        tokens = self._metadata.get("tokenizer.ggml.tokens")
        if isinstance(stated, int) and stated > 0:
            return stated
        if isinstance(tokens, int):
            return tokens
        if isinstance(tokens, Sized):
            return len(tokens)
        raise UserInputError(
            f"{self.where}: neither {self._prefix}vocab_size nor tokenizer.ggml.tokens: the vocabulary's size is not known"
        )

    def flags(self, key: str, layers: int, *, period: int) -> list[bool]:
        """One flag per layer: an array, or a period whose last layer is not meant, or the family's usual period."""
        value = self.value(key)
        if isinstance(value, list | tuple):
            return [bool(item) for item in value[:layers]]
        period = value if isinstance(value, int) and not isinstance(value, bool) else period
        return [(index + 1) % period != 0 for index in range(layers)]

    def has_tensor(self, name: str, *, default: bool = False) -> bool:
        """Whether the file holds this tensor; the default when the tensors were not given."""
        return default if self._tensors is None else name in self._tensors

    def tied(self, *, default: bool) -> bool:
        """Whether the output shares the embedding table: true when there is no `output.weight`."""
        return default if self._tensors is None else "output.weight" not in self._tensors

    def refuse_unread(self) -> None:
        """Raise UserInputError for keys of the architecture that nobody read and that may change a size."""
        mine = (key.removeprefix(self._prefix) for key in self._metadata if key.startswith(self._prefix))
        left = sorted(key for key in mine if key not in self._read and key not in _HARMLESS and self._metadata[self._prefix + key])
        if left:
            raise UnknownArchitecture(
                f"{self.where}: GGUF architecture {self._prefix[:-1]!r} is known, but not with {', '.join(map(repr, left))}:"
                " refused, not guessed. Try --ask-engine with a llama.cpp that knows it"
            )


def layer_count(keys: GgufKeys) -> int:
    """Layers of the model itself: block_count without the draft layers at its end."""
    return keys.whole("block_count") - keys.whole("nextn_predict_layers", default=0)


def experts(keys: GgufKeys) -> dict[str, Any]:
    """The fields of a mixture of experts; files of older families give the experts' width as the feed-forward length."""
    stated = keys.whole("expert_feed_forward_length", default=0)
    width = stated or max(keys.each("feed_forward_length", layer_count(keys)) or [0])
    return {
        "num_experts": keys.whole("expert_count"),
        "num_experts_per_tok": keys.whole("expert_used_count"),
        "moe_intermediate_size": width,
    }


def ignore_windows(keys: GgufKeys) -> None:
    """Of architectures that llama.cpp keeps the whole context for, whatever the file says."""
    keys.value("attention.sliding_window")
    keys.value("attention.sliding_window_pattern")


def rope_tables(keys: GgufKeys) -> dict[str, Any]:
    """The scaling that the file's rope tables tell of: one table, or a long and a short one."""
    if keys.has_tensor("rope_freqs.weight"):
        return {"rope_scaling": {"rope_type": "llama3"}}
    if not keys.has_tensor("rope_factors_long.weight"):
        return {}
    rotated, head = keys.whole("rope.dimension_count", default=0), keys.whole("attention.key_length", default=0)
    head = head or keys.whole("embedding_length") // keys.whole("attention.head_count")
    return {"rope_scaling": {"rope_type": "longrope"}, "partial_rotary_factor": (rotated or head) / head}


def biased(keys: GgufKeys, *, default: bool = False) -> bool:
    """Whether queries, keys and values have biases: the tensors tell."""
    return keys.has_tensor("blk.0.attn_q.bias", default=default)


def _shown(value: object) -> str:
    return "nothing" if value is None else f"{value!r}"[:80]
