"""Manifests that people write: whatever the format, the same facts with the place of each; nothing expanded, nothing guessed."""

import pytest

from advisor.catalog.engines import load_engines
from advisor.errors import DataError
from advisor.manifests.reading import parse_manifest

ENGINES = load_engines()


def read(text, file="manifest.yaml"):
    return parse_manifest(text, file, ENGINES.values())


def only(text, file="manifest.yaml"):
    parsed = read(text, file)
    assert not parsed.not_checked
    (found,) = parsed.deployments
    return found


def deployment(container, extra=""):
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: letters}}
spec:
  replicas: 3
  template:
    metadata: {{labels: {{app: letters}}}}
    spec:
      containers:
        - name: sidecar
          image: nginx:1.27
        - name: server
{container}
{extra}"""


ARGS = """\
          image: registry.example/mirror/vllm/vllm-openai:v0.33.0
          args:
            - --model=Qwen/Qwen3-8B
            - --max-model-len
            - "16384"
            - --enable-prefix-caching
            - --max-num-seqs=8   # comment
          resources: {limits: {nvidia.com/gpu: "2"}}
"""
SCRIPT = """\
          image: vllm/vllm-openai:v0.33.0
          command: ["/bin/bash", "-ec"]
          args:
            - |
              # first
              export NCCL_DEBUG=INFO
              ulimit -l unlimited && exec vllm serve Qwen/Qwen3-8B \\
                --max-model-len 16384 --enable-prefix-caching \\
                --max-num-seqs=8 2>&1 | tee /tmp/log
          resources: {limits: {nvidia.com/gpu: 2}}
"""


@pytest.mark.parametrize(("container", "line", "column"), [(ARGS, 16, 15), (SCRIPT, 20, 17)])
def test_kubernetes(container, line, column):
    found = only(deployment(container))
    assert (found.engine, found.runtime, found.version, found.backend) == ("vllm", "vllm-serve", "0.33.0", "cuda")
    assert (found.name, found.replicas, found.devices) == ("letters", 3, 2)
    assert found.model.text == "Qwen/Qwen3-8B"
    assert found.values() == {"max-model-len": "16384", "enable-prefix-caching": True, "max-num-seqs": "8"}
    length = found.flag("max-model-len").at
    assert (length.line, length.column) == (line, column)
    assert str(found.replicas_at) == "manifest.yaml:5:13"


def test_a_list_of_objects_and_a_service():
    parsed = read(
        """\
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: one, labels: {a: b}}, spec: {containers: [{image: "vllm/vllm-openai:v0.33.0"}]}}
  - {apiVersion: v1, kind: Service, metadata: {name: one}, spec: {type: LoadBalancer, selector: {a: b}}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}
"""
    )
    assert [found.name for found in parsed.deployments] == ["one"]
    assert [(e.selector, e.outside) for e in parsed.exposures] == [({"a": "b"}, True)]


def test_keys_probes_and_the_host_network():
    found = only(
        deployment(
            """\
          image: vllm/vllm-openai:v0.33.0
          env: [{name: VLLM_API_KEY, value: hunter2}]
          startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 5, failureThreshold: 12, initialDelaySeconds: 30}
""",
            "      hostNetwork: true",
        )
    )
    assert found.api_key is True and len(found.secrets) == 1
    assert found.exposed is True
    assert found.probe_allows_s == 90


@pytest.mark.parametrize(
    ("command", "entrypoint"),
    [
        ('"-m /models/a.gguf -c 16384 -np 4 --kv-unified"', ""),
        ("[-m, /models/a.gguf, -c, '16384', -np, '4', --kv-unified]", ""),
        ('["/app/llama-server -m /models/a.gguf -c 16384 -np 4 --kv-unified"]', 'entrypoint: ["/bin/sh", "-c"]'),
        (">-\n      -m /models/a.gguf\n      -c 16384 -np 4\n      --kv-unified", "entrypoint: /app/llama-server"),
    ],
)
def test_compose(command, entrypoint):
    found = only(
        f"""\
services:
  web: {{image: "nginx:1"}}
  llm:
    image: ghcr.io/ggml-org/llama.cpp:server-cuda-b11549
    ports: ["8080:8080"]
    command: {command}
    {entrypoint}
    deploy:
      replicas: 2
      resources: {{reservations: {{devices: [{{driver: nvidia, count: 1, capabilities: [gpu]}}]}}}}
"""
    )
    assert (found.runtime, found.version, found.backend) == ("llama-server", "b11549", "cuda")
    assert found.values() == {"c": "16384", "np": "4", "kv-unified": True}
    assert found.model.text == "/models/a.gguf"
    assert (found.replicas, found.devices, found.exposed, found.api_key) == (2, 1, True, False)
    assert found.flag("kv-unified").at.line >= 6


def test_compose_through_a_merge():
    parsed = read(
        """\
services:
  one: &server
    image: vllm/vllm-openai:v0.33.0
    command: [--max-model-len=4096]
  two:
    <<: *server
    ports: ["127.0.0.1:8001:8000"]
"""
    )
    assert [(f.name, f.flag("max-model-len").value, f.exposed) for f in parsed.deployments] == [
        ("one", "4096", False),
        ("two", "4096", False),
    ]
    assert {f.flag("max-model-len").at.line for f in parsed.deployments} == {4}


@pytest.mark.parametrize(
    ("line", "runtime", "model", "flags"),
    [
        ("vllm serve Qwen/Qwen3-8B --max-model-len 4096", "vllm-serve", "Qwen/Qwen3-8B", {"max-model-len": "4096"}),
        ("python3 -m vllm.entrypoints.openai.api_server --model a/b -tp 2", "vllm-serve", "a/b", {"tp": "2"}),
        ("env A=1 CUDA_VISIBLE_DEVICES=0 nohup ./llama-server -m 'my model.gguf' -c 0 &", "llama-server", "my model.gguf", {"c": "0"}),
        ("python -m llama_cpp.server --model a.gguf --n_ctx 4096", "llama-cpp-server", "a.gguf", {"n_ctx": "4096"}),
        ("docker run --rm --gpus all -p 1:2 vllm/vllm-openai:v0.33.0 --model a/b", "vllm-serve", "a/b", {}),
    ],
)
def test_shell(line, runtime, model, flags):
    found = only(f"#!/bin/sh\n# vllm serve commented/out\nset -e; cd /srv && {line}\n", "run.sh")
    assert (found.runtime, found.model.text, found.values()) == (runtime, model, flags)
    assert found.at.line == 3


def test_nothing_is_expanded():
    lines = ["vllm serve $MODEL --port ${PORT}", "vllm serve a/b --max-model-len $(cat n)", "vllm serve a/b --max-num-seqs `n`", ""]
    parsed = read("\n".join(lines), "run.sh")
    assert [found.model for found in parsed.deployments] == [None]
    assert [each.at.line for each in parsed.not_checked] == [2, 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: {{ .Values.x }}\nb: [", "a template"),
        ("kind: Deployment\napiVersion: apps/v1\nspec: {template: {spec: {containers: [{image: '{{ .Values.image }}'}]}}}", "a template"),
        ("apiVersion: v1\nkind: ConfigMap\n", "no model server"),
        ("services: {a: {image: nginx}}", "no model server"),
        ("services: {a: {image: 'vllm/vllm-openai:${TAG}'}}", "filled in"),
        ("apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n", "InferenceService"),
        ("hello: world", "neither a plan"),
        ("[1, 2]", "neither a plan"),
    ],
)
def test_what_is_not_read_has_a_reason(text, reason):
    parsed = read(text)
    assert not parsed.deployments
    assert [each for each in parsed.not_checked if reason in each.reason]


def test_faulty_yaml_is_an_error_with_its_place():
    with pytest.raises(DataError, match=r"manifest\.yaml:2:1"):
        read("a: [1\n")


@pytest.mark.parametrize(
    "text",
    [
        "services: [1]",
        "services: {a: null, b: [], c: text}",
        "apiVersion: 1\nkind: [x]",
        "apiVersion: apps/v1\nkind: Deployment\nspec: null",
        "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: {a: b}}}}",
        "apiVersion: apps/v1\nkind: Pod\nspec: {replicas: x, containers: [{image: 'vllm/vllm-openai', args: text, env: {a: b}}]}",
        "services: {a: {image: 'vllm/vllm-openai', command: \"'unfinished\"}}",
    ],
)
def test_malformed_objects_do_not_break_the_reading(text):
    read(text)
