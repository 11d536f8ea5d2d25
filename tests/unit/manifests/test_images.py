"""Image references: parts, mirrors, and which engine is inside."""

import pytest

from advisor.catalog.engines import load_engines
from advisor.errors import UserInputError
from advisor.manifests.images import Image, mirrored, parse_image, published

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("vllm/vllm-openai:v0.33.0", Image("vllm/vllm-openai", "v0.33.0")),
        ("vllm/vllm-openai", Image("vllm/vllm-openai")),
        ("registry.example:5000/a/b@" + DIGEST, Image("registry.example:5000/a/b", None, DIGEST)),
        ("registry.example:5000/a/b:t@" + DIGEST, Image("registry.example:5000/a/b", "t", DIGEST)),
    ],
)
def test_parts(text, image):
    assert parse_image(text) == image
    assert str(image) == text


@pytest.mark.parametrize("text", ["", "a b", "a:\n", "a@sha256:1", "${IMAGE}", "a:b:c d"])
def test_refused(text):
    with pytest.raises(UserInputError, match="image"):
        parse_image(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vllm/vllm-openai:v1", "reg.example/mirror/vllm/vllm-openai:v1"),
        ("ghcr.io/ggml-org/llama.cpp:server-b1", "reg.example/mirror/ggml-org/llama.cpp:server-b1"),
        ("localhost/x:1", "reg.example/mirror/x:1"),
    ],
)
def test_mirror(text, expected):
    assert str(mirrored(parse_image(text), "reg.example/mirror/")) == expected


@pytest.mark.parametrize("registry", ["https://reg.example", "reg example", "REG/x", "reg.example/a:b", "$(x)"])
def test_mirror_refused(registry):
    with pytest.raises(UserInputError, match="--registry"):
        mirrored(Image("a/b", "c"), registry)


@pytest.mark.parametrize(
    ("text", "runtime", "backend", "version"),
    [
        ("vllm/vllm-openai:v0.33.0", "vllm-serve", "cuda", "0.33.0"),
        ("reg.example/m/vllm/vllm-openai:v0.33.0", "vllm-serve", "cuda", "0.33.0"),
        ("vllm/vllm-openai:latest", "vllm-serve", "cuda", None),
        ("vllm/vllm-openai-rocm:v0.32.1", "vllm-serve", "rocm", "0.32.1"),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda-b11549", "llama-server", "cuda", "b11549"),
        ("ghcr.io/ggml-org/llama.cpp:server-b11549", "llama-server", "cpu", "b11549"),
        ("nginx:1.27", None, None, None),
    ],
)
def test_published(text, runtime, backend, version):
    found = published(parse_image(text), load_engines().values())
    assert (found and found.runtime, found and found.backend, found and found.version) == (runtime, backend, version)
