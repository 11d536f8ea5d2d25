"""What a blueprint allows a container, from the estimate of the plan."""

import pytest

from advisor.cli.rendering import blueprints_of
from tests.unit.cli.small_plan import small_plan, small_workload

MODEL = "google/gemma-3-4b-it"  # 29 windowed layers x 1,024 cells x 4,096 bytes: 116 MiB a copy
SLOTS = 4


def limit_gib(folder, copies, device):
    settings = {"ctx-size": 32768, "parallel": SLOTS, "kv-unified": "on", "ctx-checkpoints": copies}
    engine = f"{{name: llama.cpp, runtime: llama-server, version: b11549, backend: {'cpu' if device == 'cpu' else 'cuda'}}}"
    (folder / "workload.yaml").write_text(small_workload(model=MODEL, hardware=f"{{owned: [{{device: {device}}}]}}"))
    (folder / "plan.yaml").write_text(small_plan(model=MODEL, device=device, engine=engine, settings=settings))
    (found,) = blueprints_of(folder / "plan.yaml")
    return found.memory_gib


@pytest.mark.parametrize("device", ["cpu", "l4"])
def test_the_memory_limit_holds_context_checkpoints_and_a_quarter_on_top(tmp_path, device):
    without = limit_gib(tmp_path, 0, device)
    checkpoints_gib = SLOTS * 16 * 29 * 1024 * 4096 / 2**30
    assert limit_gib(tmp_path, 16, device) - without == pytest.approx(1.25 * checkpoints_gib, abs=1)


def test_the_memory_limit_is_not_raised_beyond_the_host_for_them(tmp_path):
    assert limit_gib(tmp_path, 200, "cpu") == limit_gib(tmp_path, 400, "cpu")
