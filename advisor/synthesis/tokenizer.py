"""A small working vocabulary for synthetic models: every byte is a token, so any text can be sent and any answer printed."""

from typing import Final

from advisor.errors import UserInputError
from advisor.synthesis.gguf_encoding import Value

# Token types of llama.cpp: normal, unknown, control, byte.
_NORMAL: Final = 1
_UNKNOWN: Final = 2
_CONTROL: Final = 3
_BYTE: Final = 6
_SPECIAL: Final = ("<unk>", "<s>", "</s>")
SMALLEST_VOCABULARY: Final = len(_SPECIAL) + 256
_BYTE_SCORE: Final = -100.0  # a word of the vocabulary wins over its bytes
_CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def no_tokenizer() -> dict[str, Value]:
    """For files that are only measured: the engine takes the vocabulary's size from the architecture's own key."""
    return {"tokenizer.ggml.model": "no_vocab"}


def byte_tokenizer(vocab_size: int) -> dict[str, Value]:
    """A SentencePiece vocabulary of 256 bytes, three special tokens and filler words up to `vocab_size` tokens."""
    if vocab_size < SMALLEST_VOCABULARY:
        raise UserInputError(f"a vocabulary of {vocab_size} tokens cannot hold every byte; it takes {SMALLEST_VOCABULARY}")
    fillers = vocab_size - SMALLEST_VOCABULARY
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *(f"\u2581w{index}" for index in range(fillers))],
        "tokenizer.ggml.scores": [0.0] * len(_SPECIAL) + [_BYTE_SCORE] * 256 + [-float(index) for index in range(fillers)],
        "tokenizer.ggml.token_type": [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256 + [_NORMAL] * fillers,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": _CHAT_TEMPLATE,
    }
