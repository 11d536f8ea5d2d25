"""A config.json read field by field: whatever nobody reads and is not known to be harmless is refused by name, never guessed.

Structural keys change the size of something (weights, cache, state); harmless ones do not, or are only read by transformers.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from advisor.document_faults import shown
from advisor.errors import UnknownArchitecture, UserInputError


def names(text: str) -> frozenset[str]:
    """The words of a block of text: long lists of keys stay readable in columns."""
    return frozenset(text.split())


HARMLESS: Final = names(
    """
    architectures auto_map _name_or_path _class _attn_implementation model_type torch_dtype dtype transformers_version
    transformers.js_config
    use_cache return_dict return_dict_in_generate torchscript use_bfloat16 tf_legacy_loss is_decoder is_encoder_decoder is_llama_config
    tokenizer_class prefix problem_type task_specific_params finetuning_task id2label label2id pruned_heads cache_implementation
    bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id forced_bos_token_id forced_eos_token_id suppress_tokens
    begin_suppress_tokens bad_words_ids image_token_id image_token_index video_token_id audio_token_id boi_token_index eoi_token_index
    boi_token_id eoi_token_id boa_token_id eoa_token_id eoa_token_index vision_start_token_id vision_end_token_id
    mm_tokens_per_image vision_soft_tokens_per_image mask_token_id
    max_length min_length do_sample early_stopping num_beams num_beam_groups num_return_sequences temperature top_k top_p typical_p
    repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size diversity_penalty exponential_decay_length_penalty
    remove_invalid_values output_attentions output_hidden_states output_scores chunk_size_feed_forward
    add_cross_attention cross_attention_hidden_size tie_encoder_decoder
    hidden_act hidden_activation initializer_range rms_norm_eps layer_norm_eps attention_dropout hidden_dropout embd_pdrop resid_pdrop
    attn_logit_softcapping final_logit_softcapping query_pre_attn_scalar logit_scale attention_multiplier embedding_multiplier
    residual_multiplier logits_scaling swiglu_limit pretraining_tp ep_size prefill_chunk_size context_window_size initial_context_length
    rope_theta rope_local_base_freq rope_interleaved rope_interleave partial_rotary_factor position_embedding_type rope_ratio
    router_aux_loss_coef router_jitter_noise output_router_logits aux_loss_alpha seq_aux routed_scaling_factor scoring_func norm_topk_prob
    topk_group n_group attention_sink_size max_window_layers vision_config audio_config quantization_config
    compression_config use_bidirectional_attention text_config normalization_function use_mem_eff_path init_method
    moe_router_dtype mlp_dropout mamba_chunk_size mamba_proj_bias time_step_limit time_step_min time_step_max time_step_floor
    time_step_rank chunk_size layer_norm_epsilon residual_in_fp32 rescale_prenorm_residual rms_norm norm_before_gate
    default_output_length num_nextn_predict_layers mtp_num_hidden_layers mtp_transformer_layers num_mtp_modules num_mtp_layers
    mtp_layers_block_type mtp_hybrid_override_pattern num_logits_to_keep norm_eps layernorm_epsilon attn_type_list rotary_dim
    swa_rope_theta attention_value_scale
    rotary_pct block_norm_eps block_mlp_init_scale block_out_init_scale use_pos_enc ignore_index media_placeholder_token_id
    moe_norm_min moe_capacity residual_dropout
    original_max_position_embeddings attn_temperature_tuning floor_scale attn_scale vision_feature_layer no_rope_layer_interval
    """
)
"""Keys that change no size. `num_nextn_predict_layers`: draft layers are loaded only for speculative decoding, which is not planned."""

STRUCTURAL: Final = names(
    """
    hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim intermediate_size vocab_size tie_word_embeddings
    max_position_embeddings rope_scaling rope_parameters attention_bias qkv_bias mlp_bias sliding_window sliding_window_size
    use_sliding_window sliding_window_pattern _sliding_window_pattern layer_types mlp_layer_types
    num_experts num_local_experts n_routed_experts num_experts_per_tok experts_per_token top_k_experts moe_intermediate_size
    expert_intermediate_size shared_expert_intermediate_size shared_intermediate_size n_shared_experts decoder_sparse_step mlp_only_layers
    first_k_dense_replace moe_layer_freq use_qk_norm topk_method
    q_lora_rank kv_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim
    full_attention_interval attn_output_gate
    linear_num_key_heads linear_num_value_heads linear_key_head_dim linear_value_head_dim linear_conv_kernel_dim
    mamba_n_heads mamba_d_head mamba_d_state mamba_n_groups mamba_d_conv mamba_expand mamba_conv_bias
    expand num_heads state_size n_groups conv_kernel use_bias use_conv_bias
    global_head_dim num_global_key_value_heads attention_k_eq_v enable_moe_block hidden_size_per_layer_input num_kv_shared_layers
    use_double_wide_mlp vocab_size_per_layer_input
    index_n_heads index_head_dim index_topk index_topk_freq indexer_types
    attention_chunk_size no_rope_layers interleave_moe_layer_step intermediate_size_mlp moe_layers
    moe_num_experts moe_k moe_num_shared_experts moe_layer_start_index moe_layer_interval moe_layer_end_index
    hybrid_layer_pattern swa_num_attention_heads swa_num_key_value_heads swa_head_dim swa_v_head_dim
    hybrid_override_pattern layers_block_type mamba_num_heads mamba_head_dim ssm_state_size moe_latent_size
    moe_shared_expert_intermediate_size attention_head_dim block_configs
    conv_L_cache full_attn_idxs block_ff_dim block_multiple_of block_ffn_dim_multiplier num_dense_layers
    """
)
"""Keys that some family reads. A key that is in neither list names something that this version does not know."""
_MOST_OF_ANYTHING: Final = 2**31 - 1  # what engines count sizes with
_MOST: Final[Mapping[str, int]] = MappingProxyType({"num_hidden_layers": 4096})  # described one by one


class _Sizes(dict[str, Any]):
    """A nested object that says which number it lacks."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        super().__init__(values)
        self._where = where

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a raw JSON value
        value = self.get(key)
        if value is None or isinstance(value, bool | str):
            raise UserInputError(f"{self._where}: {key}: a number is needed, found {shown(value)}")
        return value


class Fields:
    """The fields of one config.json; remembers which of them were read."""

    def __init__(self, raw: Mapping[str, Any], where: str) -> None:
        self._raw = raw
        self.where = where
        self._read: set[str] = set()

    def value(self, name: str) -> Any:  # noqa: ANN401 - a raw JSON value
        """The raw value, None when absent; the key counts as read."""
        self._read.add(name)
        return self._raw.get(name)

    def whole_or_none(self, *names: str) -> int | None:
        """The first of these keys that holds a positive number; None when none does."""
        for name in names:
            value = self.value(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise UserInputError(f"{self.where}: {name}: a whole number is needed, found {shown(value)}")
            if value > _MOST.get(name, _MOST_OF_ANYTHING):
                most = f"{_MOST.get(name, _MOST_OF_ANYTHING):,}"
                raise UserInputError(f"{self.where}: {name}: {shown(value)} is above {most}: not a model's; damaged or hostile")
            if value > 0:
                return value
        return None

    def whole(self, *names: str, default: int | None = None) -> int:
        """The first of these keys that holds a positive number. Raises UserInputError when none does and there is no default."""
        found = self.whole_or_none(*names)
        if found is None:
            found = default
        if found is None:
            raise UserInputError(
                f"{self.where}: {' or '.join(names)}: required for model_type {self._raw.get('model_type')!r}, but missing"
            )
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A true-or-false field."""
        value = self.value(name)
        return default if value is None else bool(value)

    def listed(self, name: str) -> Sequence[Any] | None:
        """A list field; None when absent."""
        value = self.value(name)
        if value is not None and not isinstance(value, list | tuple):
            raise UserInputError(f"{self.where}: {name}: a list is needed, found {shown(value)}")
        return value

    def layer_kinds(self, layers: int, name: str = "layer_types") -> tuple[str, ...] | None:
        """The kind of each layer, checked against the number of layers; None when absent."""
        kinds = self.listed(name)
        if kinds is None:
            return None
        if len(kinds) != layers:
            raise UserInputError(f"{self.where}: {name}: {len(kinds)} entries for {layers} layers")
        return tuple(str(kind) for kind in kinds)

    def table(self, name: str) -> Mapping[str, Any]:
        """A nested object; empty when absent."""
        value = self.value(name)
        return value if isinstance(value, dict) else {}

    def sizes(self, name: str) -> Mapping[str, Any]:
        """A nested object of which each asked-for number must be there: UserInputError names the one that is not."""
        return _Sizes(self.table(name), f"{self.where}: {name}")

    def refuse_unread(self) -> None:
        """Raise UserInputError for the first field that nobody read and that may change a size."""
        left = sorted(name for name in unknown_fields(self._raw, self._read))
        if left:
            raise UnknownArchitecture(
                f"{self.where}: architecture {self._raw.get('model_type')!r} is known, but not with the field"
                f"{'s' if len(left) > 1 else ''} {', '.join(map(repr, left))}: refused, not guessed. What it changes must be described in "
                "advisor/architectures first; until then try its .gguf file with --ask-engine"
            )


def unknown_fields(raw: Mapping[str, Any], known: set[str] | frozenset[str]) -> list[str]:
    """Keys that are neither known nor harmless and hold something that could be a size or a layout."""
    return [name for name, value in raw.items() if name not in known and name not in HARMLESS and _may_be_structural(value)]


def _may_be_structural(value: object) -> bool:
    """Numbers other than 0, lists and nested objects that hold anything; flags and plain text are not sizes."""
    if isinstance(value, bool | str) or value is None:
        return False
    if isinstance(value, dict):
        return any(_may_be_structural(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return len(value) > 0
    return value != 0
