"""Live tests use the engine that `advisor validate` would use; without one they are skipped by name."""

import os

from advisor.engines.find import find_llama_cpp
from advisor.errors import AdvisorError

if "ADVISOR_LLAMA_CPP_PYTHON" not in os.environ:
    try:
        os.environ["ADVISOR_LLAMA_CPP_PYTHON"] = str(find_llama_cpp().python)
    except AdvisorError as absent:
        print(absent)
