import pytest

from advisor.rules.versions import in_range, range_fault


@pytest.mark.parametrize(
    ("engine", "version", "text", "inside"),
    [
        ("vllm", "0.24.0", ">=0.24", True),
        ("vllm", "0.23.1", ">=0.24", False),
        ("vllm", "0.9.2", ">=0.11", False),  # numbers, not text
        ("vllm", "0.33.0+cpu", ">=0.32,<0.34", True),
        ("vllm", "0.34.0rc1", ">=0.32", True),
        ("vllm", "my-build", ">=0.32", True),
        ("llama.cpp", "b11549", ">=b11000", True),
        ("llama.cpp", "b9999", ">=b11000", False),
        ("llama.cpp", "b11549", ">=b11000,<b11549", False),
        ("llama.cpp", "11549", "==b11549", True),
        ("llama.cpp", "unknown", ">=b11000", True),
    ],
)
def test_in_range(engine, version, text, inside):
    assert in_range(engine, version, text) is inside


@pytest.mark.parametrize(("engine", "text"), [("vllm", "newer"), ("llama.cpp", ">=0.24"), ("llama.cpp", "b11549")])
def test_a_range_that_cannot_be_read(engine, text):
    assert range_fault(engine, text)
