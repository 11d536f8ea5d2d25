"""Where the load goes: one server's OpenAI completions API, and what that server understands."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from advisor.engines.page import is_loopback

Prompts = Literal["token ids", "text"]


@dataclass(frozen=True, slots=True)
class Target:
    """A running server. `model` is its name in the API.

    `prompts`: token ids are counted exactly; text is for servers that take nothing else, and its length is approximate.
    `ignores_eos`: it knows `ignore_eos`, so that made-up weights generate as many tokens as asked.
    """

    base_url: str
    model: str
    prompts: Prompts = "token ids"
    ignores_eos: bool = True
    api_key: str | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """True on this machine's loopback: the server shares our processors."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    def without_key(self, text: str) -> str:
        """What a server said, in case it repeats the key."""
        return text.replace(self.api_key, "***") if self.api_key else text
