"""The same small vocabulary as synthetic GGUF files have, in the form of Hugging Face's tokenizers: one token a byte, ids alike.

Format: tokenizer.json of the `tokenizers` library (byte-level BPE without merges) and tokenizer_config.json of transformers.
"""

from typing import Any, Final

from advisor.synthesis.tokenizer import BOS_ID, CHAT_TEMPLATE, EOS_ID, SPECIAL_TOKENS, UNKNOWN_ID, require_every_byte

_SPACE: Final = "\u0120"  # how byte-level BPE writes a space


def tokenizer_json(vocab_size: int) -> dict[str, Any]:
    """tokenizer.json. Words up to `vocab_size` tokens fill the vocabulary: an answer may hold them, a prompt never does.

    Raises UserInputError for a vocabulary that cannot hold every byte.
    """
    fillers = require_every_byte(vocab_size)
    tokens = [*SPECIAL_TOKENS, *_byte_characters(), *(f"{_SPACE}w{index}" for index in range(fillers))]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(index, token) for index, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [],
        },
    }


def tokenizer_config(max_context_tokens: int) -> dict[str, Any]:
    """tokenizer_config.json, with a chat template that writes `role: text` line by line."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": SPECIAL_TOKENS[UNKNOWN_ID],
        "bos_token": SPECIAL_TOKENS[BOS_ID],
        "eos_token": SPECIAL_TOKENS[EOS_ID],
        "pad_token": SPECIAL_TOKENS[EOS_ID],
        "model_max_length": max_context_tokens,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def _special(index: int, token: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": index, "content": token, **flags}


def _byte_characters() -> list[str]:
    """The printable character that stands for each byte: itself where it is printable, else the next one from 256 on (GPT-2's table)."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(0x100, 0x200))
    return [chr(byte if byte in shown else next(moved)) for byte in range(256)]
