"""Live tests use the engines that the advisor would use; without one they are skipped by name."""

import os

from advisor.engines.find import find_llama_cpp, find_vllm
from advisor.errors import AdvisorError

for variable, find in (("ADVISOR_LLAMA_CPP_PYTHON", find_llama_cpp), ("ADVISOR_VLLM_PYTHON", find_vllm)):
    if variable not in os.environ:
        try:
            os.environ[variable] = str(find().python)
        except AdvisorError as absent:
            print(absent)
