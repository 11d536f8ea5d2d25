"""Bad flags, models, plans and rules from the command line: one clear sentence, exit 2, nothing written."""

import json
import struct

import pytest

from tests.unit.cli.command_line import advisor, names, refused
from tests.unit.cli.small_plan import small_plan, small_workload

LLAMA = ["--engine", "llama.cpp", "--quantization", "Q4_K_M", "--device", "rtx-3090"]
VLLM = ["--engine", "vllm", "--quantization", "bf16", "--device", "h100-sxm"]
MODEL = "Qwen/Qwen3-8B"
LENGTHS = ["--input-tokens", "100", "--output-tokens", "100"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- estimate: flags


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--ctx-size", "-5"], "ctx-size: -5 is negative"),
        (["--ctx-size", "abc"], "ctx-size: 'abc' is not a whole number"),
        (["--ctx-size"], "ctx-size: nothing is not a whole number"),
        (["--ctx-size", "9" * 40], "is not a finite number that an engine can hold"),
        (["--parallel", "0"], "parallel: 0 must be above 0"),
        (["--parallel", "1000"], "llama.cpp serves at most 256 sequences"),
        (["--frobnicate", "1"], "frobnicate: not a flag of llama-server"),
        (["stray"], "'stray': neither a flag nor its value"),
        (["--cache-type-v", "q8_0", "--flash-attn", "off"], "refuses a quantised V cache without flash attention"),
        (["--kv-cache-dtype", "q9_9"], "'q9_9' is not one of f32, f16"),
        (["--kv-cache-dtype", "f16,f16,f16"], "names 3 types"),
        (["--no-kv-cache-dtype"], "no-kv-cache-dtype: not a flag"),
        (["--gpu-layers", "-7"], "n-gpu-layers: -7 is negative"),
        (["--tensor-split", "-1,2"], "shares must be finite and not negative"),
        (["--tensor-split", "1,1,1"], "3 shares for 1 devices"),
        (["--tensor-parallel", "2"], "llama.cpp splits layers over --devices"),
        (["--devices", "0"], "devices: 0 must be above 0"),
        (["--devices", "1000000"], "devices: 1000000 is above 1,024"),
        (["--concurrency", "-1", *LENGTHS], "concurrency: -1 must be above 0"),
        (["--concurrency", "9" * 30, *LENGTHS], "is above 1,000,000,000"),
        (["--request-rate", "nan", *LENGTHS], "must be above 0"),
        (["--concurrency", "4"], "need --input-tokens and --output-tokens"),
        (["--concurrency", "4", "--request-rate", "1", *LENGTHS], "give one of them"),
        (["--input-tokens", "90000", "--output-tokens", "5"], "does not fit in the 40,960"),
        (["--price-per-hour", "1e308"], "price-per-hour: 1e+308 is not a price"),
        (["--weights-bytes", "9" * 400], "weights-bytes: a number of 400 digits is above"),
        (["--engine-version", "b1"], "what is known of llama.cpp holds from"),
        (["--engine-version", "banana"], "not a version of llama.cpp, such as b"),
        (["--runtime", "ollama"], "runtime ollama: listed only, not planned for"),
        (["--runtime", "llama-server/quantum"], "rtx-3090 has no backend quantum"),
        (["--quantization", "Q4_K_N"], "quantization 'Q4_K_N' is not in the catalog; did you mean Q4_K_"),
        (["--quantization", "fp8"], "fp8 is a safetensors format"),
        (["--device", "h100"], '"h100" is three devices: h100-nvl'),
        (["--device", "rtx-3091"], "did you mean rtx-3090"),
    ],
)
def test_flags_of_llama_cpp(flags, says):
    refused("estimate", MODEL, *LLAMA, *flags, says=says)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--max-model-len", "16q"], "'16q' is not a number such as 16384, 16k"),
        (["--max-model-len", "auto"], "cannot be planned"),
        (["--max-model-len", "9" * 400 + "k"], "is not a finite number"),
        (["--max-num-seqs", "0"], "max-num-seqs: 0 must be above 0"),
        (["--gpu-memory-utilization", "1.5"], "1.5 is not a share of the memory"),
        (["--gpu-memory-utilization", "nan"], "is not a finite number"),
        (["--kv-cache-dtype", "q8_0"], "'q8_0' is not one of auto"),
        (["--tensor-parallel", "3"], "qwen3 has 32 heads, which 3 does not divide"),
        (["--tensor-parallel", "2", "--devices", "1"], "parallelism: needs 2 devices, 1 given"),
        (["--data-parallel", "9" * 20], "is above 1,024"),
        (["--pipeline-parallel", "1000"], "1000 pipeline stages for 36 layers"),
        (["--swap-space", "4"], "vllm-serve does not take this flag"),
        (["--num-scheduler-steps", "8"], "vllm-serve does not take this flag"),
        (["--ctx-size", "5"], "ctx-size: not a flag of vllm-serve"),
        (["--speculative-config", "{bad"], "drafts tokens speculatively, which is not estimated"),
        (["--engine-version", "0.1.0"], "what is known of vLLM holds from"),
        (["--quantization", "Q4_K_M"], "Q4_K_M is a gguf format"),
    ],
)
def test_flags_of_vllm(flags, says):
    refused("estimate", MODEL, *VLLM, *flags, says=says)


def test_a_context_beyond_the_model_is_said():
    beyond, within = (advisor("estimate", MODEL, *VLLM, "--max-model-len", tokens).out for tokens in (65536, 40960))
    assert "65,536 tokens are beyond" in beyond and "[MOD012]" in beyond and "[MOD012]" not in within


@pytest.mark.parametrize(
    "arguments",
    [
        ["estimate", MODEL, *VLLM, "--format", "xml"],
        ["frob"],
        ["plan", "a", "b"],
        ["plan", "--frob"],
        ["catalog", "list", "modelz"],
        ["render", "x"],
    ],
)
def test_usage_errors_are_not_negative_answers(arguments):
    ended = advisor(*arguments)
    assert (ended.code, ended.out) == (2, "") and "Try 'advisor" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain", "LAT0O2"], "LAT0O2: no such rule; did you mean LAT002?"),
        (["catalog", "show", "h1000"], "id 'h1000' is not in the catalog; did you mean h100-"),
        (["catalog", "show", "\x1b[31m"], "id '\\x1b[31m' is not in the catalog"),
        (["catalog", "check", "absent"], "absent: not a folder"),
        (["evidence", "show", "absent"], "absent: No such file or directory"),
        (["plan", "absent", "--insist", "x"], "--insist x: write key=value pairs"),
        (["schema", "workloat"], "schema workloat"),
    ],
)
def test_names_that_mean_nothing(folder, arguments, says):
    refused(*arguments, says=says)


# ---- estimate: models

CONFIG = {
    "model_type": "qwen3",
    "hidden_size": 4096,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "qwen9"}, "architecture 'qwen9' is not known to this version: refused, not guessed"),
        ({"model_type": None}, "no model_type"),
        ({"kv_merge_ratio": 4}, "not with the field 'kv_merge_ratio': refused, not guessed"),
        ({"num_hidden_layers": -3}, "num_hidden_layers: a whole number is needed, found -3"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers: 10000000 is above 4,096"),
        ({"num_hidden_layers": "36"}, "a whole number is needed, found '36'"),
        ({"hidden_size": 10**400}, "hidden_size: a number of 401 digits is above 2,147,483,647"),
        ({"hidden_size": 1e308}, "hidden_size: a whole number is needed"),
        ({"vocab_size": None}, "vocab_size: required"),
        ({"num_key_value_heads": 7}, "num_key_value_heads: 7 does not divide 32 heads"),
        ({"layer_types": ["full_attention"] * 3}, "layer_types: 3 entries for 36 layers"),
    ],
)
def test_a_config_that_is_no_model(folder, change, says):
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    refused("estimate", folder, *VLLM, says=says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("[" * 200_000, "not valid JSON"),
        ('{"a": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_a_config_that_is_no_json(folder, content, says):
    (folder / "config.json").write_text(content)
    refused("estimate", "config.json", *VLLM, says=says)


def test_paths_that_hold_no_model(folder):
    (folder / "empty.gguf").mkdir()
    refused("estimate", folder / "empty.gguf", *LLAMA, says="neither config.json nor a .gguf file")
    refused("estimate", "none.gguf", *LLAMA, says="none.gguf: no such file")
    refused("estimate", "", *LLAMA, says="no model is named")
    refused("estimate", "Qwen/Qwen9", *LLAMA, says="did you mean Qwen/Qwen3.5-9B")


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def architecture(name):
    return text("general.architecture") + struct.pack("<I", 8) + text(name)


def tensor(shape, kind, offset):
    return text("t") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset) + bytes(64)


GGUF = b"GGUF" + struct.pack("<I", 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "an empty file"),
        (b"GGML" + bytes(99), "does not begin with the letters GGUF"),
        (GGUF, "truncated or hostile"),
        (b"GGUF" + struct.pack("<IQQ", 99, 0, 0), "GGUF version 99 is not known"),
        (GGUF + struct.pack("<QQ", 2**60, 0), "tensor count 1,152,921,504,606,846,976 in the header"),
        (GGUF + struct.pack("<QQ", 0, 2**60), "key count 1,152,921,504,606,846,976 in the header"),
        (GGUF + struct.pack("<QQ", 0, 1) + architecture("llama"), "holds no tensors"),
        (
            GGUF + struct.pack("<QQ", 1, 1) + architecture("\x1b[31m") + tensor((32,), 0, 0) + bytes(256),
            "architecture '\\x1b[31m' is not known",
        ),
        (GGUF + struct.pack("<QQ", 1, 1) + architecture("qwen9") + tensor((32,), 0, 0) + bytes(256), "architecture 'qwen9' is not known"),
        (GGUF + struct.pack("<QQ", 1, 0) + tensor((2**62, 2**62), 0, 0), "truncated or hostile"),
        (GGUF + struct.pack("<QQ", 1, 0) + tensor((32,), 999, 0), "storage type 999: refused, not guessed"),
        (GGUF + struct.pack("<QQ", 1, 0) + tensor((32,), 0, 2**63), "the file is cut off"),
        (
            GGUF + struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, 2**61) + bytes(99),
            "an array of 2,305,843,009,213,693,952",
        ),
    ],
)
def test_a_hostile_gguf(folder, content, says):
    (folder / "model.gguf").write_bytes(content)
    refused("estimate", "model.gguf", "--engine", "llama.cpp", "--device", "rtx-3090", says=says)


# ---- plans

WORKLOAD = small_workload()
PLAN = small_plan()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (PLAN, "", "p.yaml:1:1: the file is empty"),
        ("workload.yaml", "absent.yaml", "workload: absent.yaml is not there"),
        ("workload: workload.yaml", "workload: .", "is not there"),
        ("name: notes", "name: ../../x", "p.yaml:5:11: deployments[0].name: '../../x' is not a usable name"),
        ("name: notes", "name: total", "deployments[0].name: total: is what claims about the whole plan are called"),
        ("replicas: 1", "replicas: 0", "deployments[0].replicas: 0: must be from 1 to 1,000,000"),
        ("replicas: 1", "replicas: 1" + "0" * 30, "replicas: a number of 31 digits"),
        ("devices: 1", "devices: 100000", "deployments[0].hardware.devices: 100000: must be from 1 to 1,024"),
        ("share: 1.0", "share: 2", "deployments[0].hardware.share: 2: must be above 0 and at most 1"),
        ("share: 1.0", "share: nan", "expected a finite number"),
        ("device: cpu,", "device: h100,", 'p.yaml:5:5: deployments[0]: "h100" is three devices'),
        ("Qwen3-0.6B, q", "Qwen3-0.7B, q", "p.yaml:5:5: deployments[0]: model 'Qwen/Qwen3-0.7B' is not in the catalog"),
        ("Q4_K_M", "Q9", "deployments[0]: quantization 'Q9' is not in the catalog"),
        ("name: llama.cpp", "name: tgi", "deployments[0].engine.name: expected 'llama.cpp' or 'vllm', found 'tgi'"),
        ("runtime: llama-server", "runtime: vllm-serve", "runtime vllm-serve: not a runtime of llama.cpp"),
        ("value: 4096", "value: -1", "p.yaml:12:7: deployments[0].settings.ctx-size: -1 is negative"),
        ("value: 4096", "value: nan", "p.yaml:12:7: deployments[0].settings.ctx-size: 'nan' is not a whole number"),
        ("value: 4096", "value: [1]", "deployments[0].settings.ctx-size.value: expected true or false or a whole number"),
        ("parallel: {", "paralel: {", "p.yaml:13:7: deployments[0].settings.paralel: not a flag of llama-server; did you mean parallel?"),
        ("claims:", "claimz:", "claimz: unknown key; did you mean claims?"),
        ("# ---- derived", "# ---- gone", "no line `# ---- derived"),
    ],
)
def test_a_plan_that_cannot_be_used(folder, old, new, says):
    (folder / "workload.yaml").write_text(WORKLOAD)
    assert old in PLAN
    broken = PLAN.replace(old, new, 1)
    (folder / "p.yaml").write_text(broken)
    refused("plan", "--update", "p.yaml", says=says, faults=2 if old == "claims:" else 1)
    assert (folder / "p.yaml").read_text() == broken and names(folder) == ["p.yaml", "workload.yaml"]


@pytest.mark.parametrize("target", ["/dev/null/plan.yaml", ".", "/proc/plan.yaml", "a" * 300])
def test_a_plan_that_cannot_be_written(folder, target):
    (folder / "w.yaml").write_text(WORKLOAD)
    ended = advisor("plan", "w.yaml", "-q", "-o", target)
    assert ended.code == 2 and len(ended.err.splitlines()) == 1, ended
    assert names(folder) == ["w.yaml"]


# ---- rules

RULE = """\
id: TST901
title: A rule
scope: deployment
severity: warn
when: WHEN
effect: warn
message: MESSAGE
evidence: [{source: "https://example.org", retrieved: 2026-11-20, says: so}]
examples:
  - given: {workload.ttft_p95_s: 2.0}
    fires: true
  - given: {workload.ttft_p95_s: null}
    fires: false
"""
FIRES = "workload.ttft_p95_s != null"


def rules(folder, when, message):
    (folder / "rules").mkdir()
    (folder / "rules" / "TST901-a-rule.yaml").write_text(RULE.replace("WHEN", when).replace("MESSAGE", message))


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("'{{ ().__class__.__mro__ }}'", "tuple is not allowed"),
        ("'{{ workload.__class__ }}'", "unknown fact 'workload.__class__'"),
        ("'{{ model.id.__class__ }}'", "facts are group.name"),
        ("'{{ cycler.__init__ }}'", "unknown name 'cycler'"),
        ("'{{ range(9) }}'", "unknown name 'range'"),
        ("'{% for i in model.id %}x{% endfor %}'", "unknown name 'i'"),
        ("""'{{ "x" * 10**9 }}'""", "mul is not allowed"),
        ("'{{ 2**99999999 }}'", "pow is not allowed"),
        ("'{{ 1/0 }}'", "div is not allowed"),
        ("""'{{ "{0.__class__}".format(1) }}'""", "call is not allowed"),
        ("""'{% include "/etc/passwd" %}'""", "include is not allowed"),
        ("'{{ model.id | attr(1) }}'", "unknown filter 'attr'"),
        ("'{{ unclosed'", "unexpected end of template"),
        ('"\\e[31mred"', "holds control characters"),
        ("x" * 9999, "9,999 characters; at most 4,000"),
    ],
)
def test_messages_that_reach_or_loop(folder, message, says):
    rules(folder, FIRES, message)
    refused("rules", "check", "rules", says=says)


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("'2 ** 99999999 > (workload.ttft_p95_s ?? 1.0)'", "powers are not allowed"),
        ("""'workload.stays_on =~ "(a+)+b"'""", "repeats a group, which may take for ever"),
        ("workload.nope == 1", "TST901-a-rule.yaml:5:16: when: unknown fact 'workload.nope'"),
        ("workload.ttft_p95_s > 1", "nullable"),
        ("((((", "the condition reads no fact"),
        ("'" + "(" * 3000 + "'", "longer than 2,000 characters"),
    ],
)
def test_conditions_that_cannot_be_judged(folder, when, says):
    rules(folder, when, "hello")
    refused("rules", "check", "rules", says=says)


def test_a_rule_that_divides_by_zero_stops_the_plan_in_one_sentence(folder):
    rules(folder, "(workload.ttft_p95_s ?? 1.0) / 0 > 1", "hello")
    (folder / "w.yaml").write_text(WORKLOAD)
    refused("rules", "check", "rules", says="when: arithmetic error: division by zero", faults=2)
    refused("plan", "w.yaml", "--rules", "rules", says="TST901: when: arithmetic error: division by zero")
