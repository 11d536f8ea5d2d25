"""Which engines there are on this machine, each by its own order of precedence; the one place to import the finders from."""

from advisor.engines import find_llama_cpp as _llama_cpp
from advisor.engines import find_vllm as _vllm
from advisor.engines.find_llama_cpp import FoundEngine, FoundServer, find_llama_cpp, find_llama_server
from advisor.engines.find_vllm import FoundVllm, find_vllm
from advisor.engines.interpreters import Place
from advisor.engines.seen import Seen

__all__ = ["FoundEngine", "FoundServer", "FoundVllm", "Place", "Seen", "find_llama_cpp", "find_llama_server", "find_vllm", "survey"]


def survey() -> list[Seen]:
    """Everything there is to find, engine by engine in the order of precedence.

    Raises UserInputError for a variable that names no program.
    """
    return [*map(_llama_cpp.look, _llama_cpp.places()), *map(_vllm.look, _vllm.places())]
