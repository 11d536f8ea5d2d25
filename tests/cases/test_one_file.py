"""A GPU, a model, a price and a preset are each added by one file or one line in a folder of one's own, and planned with."""

import json

import pytest

from advisor import resources
from tests.unit.catalog.test_records import MINIMAL
from tests.unit.cli.command_line import advisor

WORKLOAD = """schema: advisor.workload/1
name: notes
task: chat
models: [{model}]
load: {{in_flight: 1}}
request:
  input_tokens: {{p50: 500}}
  output_tokens: {{p50: 100}}
privacy: {{stays_on: {place}}}
hardware:
  {hardware}
"""
OFFER = "provider,instance,device,devices,usd_per_hour,region,as_of,source\nours,rack-1,l4,1,0.01,basement,2026-12-01,contract\n"
MODEL = """licence: apache-2.0
as_of: 2026-12-01
source: our own fine-tune
like: Qwen/Qwen3-0.6B
checkpoints:
  - {repo: acme/notes, quantization: bf16, source: our own}
"""


@pytest.fixture
def chosen(tmp_path):
    """Plan a workload with one file on top of the catalog; gives the chosen deployment."""

    def plan(name, text, **values):
        own = tmp_path / f"own-{len(list(tmp_path.iterdir()))}"  # a folder is read once in a process
        path = own / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        workload = tmp_path / "workload.yaml"
        usual = {"model": "Qwen/Qwen3-0.6B", "place": "premises", "hardware": "owned: [{device: l4}]"}
        workload.write_text(WORKLOAD.format(**usual | values))
        ended = advisor("plan", workload, "--catalog", own, "--format", "json")
        assert ended.code == 0, ended
        return json.loads(ended.out)["chosen"]

    return plan


def test_a_gpu(chosen):
    assert chosen("devices/test-card.yaml", MINIMAL, hardware="owned: [{device: test-card}]")["device"] == "test-card"


def test_a_model(chosen):
    assert chosen("models/acme/notes.yaml", MODEL, model="acme/notes")["model"] == "acme/notes"


def test_a_price(chosen):
    assert "(ours rack-1)" in chosen("offers/ours.csv", OFFER, place="anywhere", hardware="rent: {devices: [l4]}")["option"]


def test_a_preset(chosen):
    """A workload that gives the median alone takes its longest request from the preset's shape, and with it the context."""
    text = (resources.folder("catalog") / "workloads" / "chat.yaml").read_text()
    assert "max: 8000}" in text
    contexts = []
    for preset in (text, text.replace("max: 8000}", "max: 16000}")):
        requirements = chosen("workloads/chat.yaml", preset)["requirements"]
        contexts += [one["at_least"] for one in requirements if one["name"] == "context_per_request_tokens"]
    assert contexts == [4_800, 8_800]
