"""Models by their repository: at one commit, by a handful of requests, and every misbehaviour of a server as one sentence."""

import json
import time

import gguf
import numpy as np
import pytest

from advisor.architectures import from_config
from advisor.catalog import load_catalog
from advisor.domain.architecture import ModelArchitecture
from advisor.errors import UserInputError
from advisor.intake import web
from advisor.intake.hub import list_files
from advisor.intake.hub_headers import read_hub_gguf
from advisor.intake.models import find_model
from advisor.intake.named_model import named_model
from advisor.synthesis.gguf import write_gguf
from tests.unit.intake.file_server import COMMIT, repository, serving
from tests.unit.intake.test_models import CONFIG

CATALOG = load_catalog()
REPO = "acme/tiny"


def header_of(tensors):
    at, entries = 0, {}
    for name, (kind, shape, size) in tensors.items():
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


WEIGHTS = header_of({"a": ("BF16", [10, 10], 200), "b": ("F32", [25], 100)})
FILES = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": WEIGHTS}


def find(hub_at, contents, reference=f"hf://{REPO}", **options):
    """The model, and how many requests it took."""
    with serving(repository(REPO, contents, **options)) as server:
        hub_at(server.address)
        return named_model(reference, CATALOG), server.requests


def test_a_repository_of_one_file_takes_three_requests(hub_at):
    model, requests = find(hub_at, FILES, tags=["license:apache-2.0"])
    (checkpoint,) = model.checkpoints
    assert (model.id, model.licence, checkpoint.quantization, checkpoint.weights_bytes) == (REPO, "apache-2.0", "bf16", 300)
    assert checkpoint.revision == COMMIT and checkpoint.files == ("model.safetensors",)
    assert [path for path, *_ in requests] == [f"/api/models/{REPO}", *(f"/{REPO}/resolve/{COMMIT}/{name}" for name in FILES)]


@pytest.mark.parametrize("reference", [f"{REPO}@v2", f"hf://{REPO}@v2"])
def test_a_pinned_revision_is_asked_for_and_kept_as_its_commit(hub_at, reference):
    model, requests = find(hub_at, FILES, reference, revision="v2")
    assert requests[0][0] == f"/api/models/{REPO}/revision/v2"
    assert model.checkpoints[0].revision == COMMIT


def test_a_split_repository_is_counted_by_its_index_in_three_requests(hub_at):
    index = {"metadata": {"total_size": 500}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    contents = {"config.json": FILES["config.json"], "model.safetensors.index.json": json.dumps(index).encode()}
    model, requests = find(hub_at, contents | {"model-1.safetensors": WEIGHTS, "model-2.safetensors": WEIGHTS})
    assert model.checkpoints[0].weights_bytes == 500
    assert model.checkpoints[0].files == ("model-1.safetensors", "model-2.safetensors")
    assert len(requests) == 3
    with pytest.raises(UserInputError, match="1 of 2 weight files are not in the repository"):
        find(hub_at, contents | {"model-1.safetensors": WEIGHTS})
    index["metadata"]["total_size"] = 10**9
    boasting = contents | {"model.safetensors.index.json": json.dumps(index).encode()}
    with pytest.raises(UserInputError, match="says 1,000,000,000 bytes, but its files have"):
        find(hub_at, boasting | {"model-1.safetensors": WEIGHTS, "model-2.safetensors": WEIGHTS})


def test_the_format_of_modelopt_stands_in_a_file_of_its_own(hub_at):
    model, _ = find(hub_at, FILES | {"hf_quant_config.json": b'{"quantization": {"quant_algo": "NVFP4"}}'})
    assert model.checkpoints[0].quantization == "nvfp4"


def test_a_large_header_takes_one_request_more(hub_at):
    many = header_of({f"layers.{index}.weight": ("BF16", [1], 2) for index in range(5_000)})
    model, requests = find(hub_at, FILES | {"model.safetensors": many})
    assert model.checkpoints[0].weights_bytes == 10_000
    ranges = [asked for _, asked, _ in requests if asked]
    assert len(requests) == 4 and len(ranges) == 2 and ranges[0] == "bytes=0-262143"


@pytest.fixture(scope="module")
def large_gguf(tmp_path_factory):
    """A file whose vocabulary fills more than the first request."""
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_array("tokenizer.ggml.tokens", ["x" * 600] * 15_000)
    writer.add_tensor("a.weight", np.zeros((4, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_a_gguf_on_the_hub_takes_one_request_for_its_header(hub_at, tmp_path):
    path = tmp_path / "m.gguf"
    architecture = from_config(CONFIG, "config.json")
    write_gguf(path, architecture, CATALOG.quantizations["Q8_0"], seed=1, sparse=True)
    model, requests = find(hub_at, {"q/m-Q8_0.gguf": path.read_bytes()}, f"hf://{REPO}/q/m-Q8_0.gguf")
    assert isinstance(model.architecture, ModelArchitecture) and model.architecture.layer_groups == architecture.layer_groups
    assert model.checkpoints[0].quantization == "Q8_0" and model.checkpoints[0].files == ("q/m-Q8_0.gguf",)
    assert len(requests) == 2 and requests[1][1] == f"bytes=0-{8 * 2**20 - 1}"


def test_a_long_vocabulary_takes_a_second_request_that_goes_on_where_the_first_ended(hub_at, large_gguf):
    assert len(large_gguf) > 8 * 2**20
    with serving(repository(REPO, {"m.gguf": large_gguf})) as server:
        hub_at(server.address)
        header = read_hub_gguf(list_files(REPO), "m.gguf")
    assert (len(header.metadata["tokenizer.ggml.tokens"]), header.tensor_bytes) == (15_000, 1024)
    ranges = [asked for _, asked, _ in server.requests if asked]
    assert [asked.partition("-")[0] for asked in ranges] == ["bytes=0", f"bytes={8 * 2**20}"]


@pytest.mark.parametrize("cut", [0, 3, 24, 1000, 8 * 2**20, 8 * 2**20 + 5])
def test_a_gguf_that_is_cut_off_is_refused_in_few_requests(hub_at, large_gguf, cut):
    with serving(repository(REPO, {"m.gguf": large_gguf[:cut]})) as server:
        hub_at(server.address)
        with pytest.raises(UserInputError, match=r"m\.gguf"):
            read_hub_gguf(list_files(REPO), "m.gguf")
    assert len(server.requests) <= 5


@pytest.mark.parametrize(
    ("contents", "reference", "says"),
    [
        ({"README.md": b"x"}, "hf://acme/tiny", r"neither config\.json nor a \.gguf file"),
        ({"a-Q4_K_M.gguf": b"x", "a-Q8_0.gguf": b"x"}, "hf://acme/tiny", "2 models in it; name one, as in hf://acme/tiny/a-"),
        ({"a-Q4_K_M.gguf": b"x"}, "hf://acme/tiny/a-Q4_K_S.gguf", r"no file 'a-Q4_K_S.gguf' .* it has a-Q4_K_M.gguf"),
        ({"a-00001-of-00002.gguf": b"x"}, "hf://acme/tiny", "not a GGUF"),
        ({"config.json": b"[1]"}, "hf://acme/tiny", "not a JSON object"),
        ({"config.json": b"["}, "hf://acme/tiny", "not valid JSON"),
        ({"config.json": b'{"model_type": "qwen9"}'}, "hf://acme/tiny", "qwen9"),
        ({"adapter_config.json": b'{"base_model_name_or_path": "Qwen/Qwen3-8B", "r": 16}'}, "hf://acme/tiny", "LoRA adapter .rank 16"),
        ({"config.json": b"{}"}, "hf://acme/tiny@", "write hf://organisation/repository"),
        ({"config.json": b"{}"}, "hf://acme", "write hf://organisation/repository"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(hub_at, contents, reference, says):
    with pytest.raises(UserInputError, match=says) as caught:
        find(hub_at, contents, reference)
    assert "\n" not in str(caught.value)


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def silent(handler):
    time.sleep(3)


MISBEHAVIOUR = {
    "401": ((401, {}, b""), "answered 401: the token is not accepted"),
    "403": ((403, {}, b""), "answered 403: the token may not read it"),
    "gated": ((403, {"X-Error-Code": "GatedRepo"}, b""), "gated: accept the terms"),
    "404": ((404, {}, b""), "answered 404: there is no such file"),
    "private": ((404, {"X-Error-Code": "RepoNotFound"}, b""), "no such repository .* or a private one"),
    "429": ((429, {"Retry-After": "17"}, b""), "answered 429: too many requests; wait 17 s, as it asks, or set HF_TOKEN"),
    "429 nonsense": ((429, {"Retry-After": "9" * 30}, b""), "too many requests; wait, or set HF_TOKEN"),
    "500": ((500, {}, b""), "answered 500: try again later"),
    "503": ((503, {"Retry-After": "5"}, b""), "answered 503: try again in 5 s, as it asks"),
    "login page": ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "a web page, not with a file"),
    "not JSON": (b"hello", "not JSON"),
    "JSON bomb": (b"[" * 200_000, "not JSON"),
    "no commit": (b'{"siblings": []}', "names no commit"),
    "commit of another kind": (b'{"sha": 3, "siblings": []}', "names no commit"),
    "commit with a path": (b'{"sha": "../../etc", "siblings": []}', "names no commit"),
    "no files": (json.dumps({"sha": COMMIT, "siblings": 7}).encode(), "lists no files"),
    "files of another kind": (json.dumps({"sha": COMMIT, "siblings": [{"rfilename": 3}]}).encode(), "without a usable name"),
    "a size of another kind": (
        json.dumps({"sha": COMMIT, "siblings": [{"rfilename": "a", "size": "1"}]}).encode(),
        "without a usable name",
    ),
    "endless": (endless, "more than .* bytes: not the file that was meant"),
    "silent": (silent, "no answer within 0.5 s"),
    "redirects for ever": ((302, {"Location": f"/api/models/{REPO}"}, b""), "not reachable"),
    "redirect to nowhere": ((302, {"Location": "ftp://example.org/x"}, b""), "not reachable"),
}


@pytest.mark.parametrize(("page", "says"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_each_misbehaviour_of_a_hub_is_one_sentence_in_bounded_time(hub_at, monkeypatch, page, says):
    monkeypatch.setattr(web, "_SILENCE_S", 0.5)
    monkeypatch.setattr("advisor.intake.hub._MOST_LISTING_BYTES", 1_000_000)
    monkeypatch.setenv("HF_TOKEN", "hf_neverprinted")
    with serving({f"/api/models/{REPO}": page}) as server:
        hub_at(server.address)
        with pytest.raises(UserInputError, match=says) as caught:
            named_model(f"hf://{REPO}", CATALOG)
    message = str(caught.value)
    assert message.startswith(f"{REPO}: ") and "\n" not in message and "neverprinted" not in message
    assert len(server.requests) <= 6


def test_a_body_that_drips_ends_with_the_time_limit(monkeypatch):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    with serving({"/x": drip}) as server, pytest.raises(UserInputError, match="did not end in time"):
        web.get(f"{server.address}/x", most_bytes=1000, time_limit_s=0.3)


def test_a_server_without_ranges_is_read_to_the_bound_and_no_further():
    with serving({"/x": bytes(1_000_000)}, ranges=False) as server:
        assert len(web.get(f"{server.address}/x", most_bytes=10, start=0).body) == 10
        with pytest.raises(UserInputError, match="does not send parts of files"):
            web.get(f"{server.address}/x", most_bytes=10, start=5)


def test_a_token_does_not_follow_a_redirect_to_another_host(hub_at, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving({"/blob": FILES["config.json"]}) as elsewhere:
        pages = repository(REPO, FILES) | {
            f"/{REPO}/resolve/{COMMIT}/config.json": (302, {"Location": elsewhere.address.replace("127.0.0.1", "localhost") + "/blob"}, b"")
        }
        with serving(pages) as server:
            hub_at(server.address)
            assert named_model(f"hf://{REPO}", CATALOG).id == REPO
    assert {authorization for *_, authorization in server.requests} == {"Bearer hf_secret"}
    assert [authorization for *_, authorization in elsewhere.requests] == [None]


@pytest.mark.parametrize("reference", ["acme/unknown", "Qwen/Qwen3-33B"])
def test_a_plain_id_never_asks_the_network(hub_at, reference):
    with serving({}) as server:
        hub_at(server.address)
        with pytest.raises(UserInputError, match=f"to ask the hub write hf://{reference}"):
            named_model(reference, CATALOG)
    assert server.requests == []


@pytest.mark.parametrize("reference", [f"hf://{REPO}", f"{REPO}@v1"])
def test_a_name_in_a_file_never_asks_the_network(hub_at, reference):
    """Plans and workloads go through find_model: a pull request must not make CI contact anybody."""
    with serving(repository(REPO, FILES)) as server:
        hub_at(server.address)
        with pytest.raises(UserInputError, match=r"is not in the catalog|no such file"):
            find_model(reference, CATALOG)
    assert server.requests == []


def test_offline_the_hub_is_not_asked(hub_at, monkeypatch):
    monkeypatch.setenv("ADVISOR_OFFLINE", "1")
    with serving({}) as server:
        hub_at(server.address)
        with pytest.raises(UserInputError, match="ADVISOR_OFFLINE is set"):
            named_model(f"hf://{REPO}", CATALOG)
    assert server.requests == []


def test_a_private_model_is_built_like_a_known_one():
    model = named_model("acme/letters-8b", CATALOG, like="Qwen/Qwen3-8B")
    known = CATALOG.model("Qwen/Qwen3-8B")
    assert (model.id, model.architecture) == ("acme/letters-8b", known.architecture)
    assert {c.quantization for c in model.checkpoints} == {c.quantization for c in known.checkpoints}
    assert not any(c.published or c.weights_bytes for c in model.checkpoints)
    with pytest.raises(UserInputError, match="did you mean Qwen/Qwen3-8B"):
        named_model("acme/letters-8b", CATALOG, like="Qwen/Qwen3-8B-Chat")
