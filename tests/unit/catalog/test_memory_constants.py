"""The bundled memory constants load, and faults in a team's own file are told with their place."""

import pytest

from advisor.catalog.memory_constants import load_memory_constants
from advisor.errors import DataError
from advisor.resources import folder


def test_bundled_constants_name_their_sources():
    constants = load_memory_constants()
    spreads = [*constants.llama_cpp.context_bytes.values(), constants.vllm.sampler_copies, constants.vllm.forward_factor]
    assert all(spread.source for spread in spreads)
    assert "other" in constants.llama_cpp.context_bytes


def test_a_range_that_does_not_hold_its_value_is_refused(tmp_path):
    text = (folder("catalog") / "calibration" / "memory.yaml").read_text()
    file = tmp_path / "calibration" / "memory.yaml"
    file.parent.mkdir()
    file.write_text(text.replace("{value: 3.5, low: 3.5", "{value: 3.5, low: 4.5"))
    with pytest.raises(DataError, match=r"memory.yaml:\d+:\d+: vllm.sampler_copies.value: a range must hold its value"):
        load_memory_constants(tmp_path)
