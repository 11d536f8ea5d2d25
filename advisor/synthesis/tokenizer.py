"""A small working vocabulary for synthetic models: every byte is a token, so any text can be sent and any answer printed."""

from typing import Final

from advisor.errors import UserInputError
from advisor.synthesis.gguf_encoding import Value

# Token types of llama.cpp: normal, unknown, control, byte.
_NORMAL: Final = 1
_UNKNOWN: Final = 2
_CONTROL: Final = 3
_BYTE: Final = 6
UNKNOWN_ID, BOS_ID, EOS_ID = range(3)  # in both forms of the vocabulary
SPECIAL_TOKENS: Final = ("<unk>", "<s>", "</s>")
_BYTE_TOKENS: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
SMALLEST_VOCABULARY: Final = len(SPECIAL_TOKENS) + 256
_BYTE_SCORE: Final = -100.0  # a word of the vocabulary wins over its bytes
CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def no_tokenizer() -> dict[str, Value]:
    """For files that are only measured: the engine takes the vocabulary's size from the architecture's own key."""
    return {"tokenizer.ggml.model": "no_vocab"}


def byte_tokenizer(vocab_size: int) -> dict[str, Value]:
    """A SentencePiece vocabulary of 256 bytes, three special tokens and filler words up to `vocab_size` tokens."""
    fillers = require_every_byte(vocab_size)
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [
            *SPECIAL_TOKENS,
            *(f"<0x{byte:02X}>" for byte in range(256)),
            *(f"\u2581w{index}" for index in range(fillers)),
        ],
        "tokenizer.ggml.scores": [0.0] * len(SPECIAL_TOKENS) + [_BYTE_SCORE] * 256 + [-float(index) for index in range(fillers)],
        "tokenizer.ggml.token_type": [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256 + [_NORMAL] * fillers,
        "tokenizer.ggml.unknown_token_id": UNKNOWN_ID,
        "tokenizer.ggml.bos_token_id": BOS_ID,
        "tokenizer.ggml.eos_token_id": EOS_ID,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def require_every_byte(vocab_size: int) -> int:
    """How many tokens are left beside the bytes and the special ones. Raises UserInputError when even those do not fit."""
    if vocab_size < SMALLEST_VOCABULARY:
        raise UserInputError(f"a vocabulary of {vocab_size} tokens cannot hold every byte; it takes {SMALLEST_VOCABULARY}")
    return vocab_size - SMALLEST_VOCABULARY
