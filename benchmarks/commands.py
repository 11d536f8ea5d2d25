"""How long whole commands take, as multiples of an idle interpreter in the same run. `python benchmarks/commands.py [RUNS]`"""

import subprocess
import sys
import tempfile
from pathlib import Path

from planning import EXAMPLES, median_s

ADVISOR = [sys.executable, "-m", "advisor.cli"]
ANYTHING = """\
schema: advisor.workload/1
load: {users: {active: 100, pause_s: 60}}
request: {input_tokens: {p50: 1000, p95: 3000, max: 6000}, output_tokens: {p50: 200, p95: 500, max: 1000}}
service_level: {ttft_p95_s: 2.0, tpot_p95_s: 0.06}
privacy: {stays_on: anywhere}
models: any
hardware: {rent: {}, buy: {}}
"""


def main() -> None:
    """Print one line a command."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    workload, long = (EXAMPLES / name / "workload.yaml" for name in ("hospital-letters", "long-context-rag"))
    with tempfile.TemporaryDirectory() as folder:
        plan, anything = Path(folder) / "plan.yaml", Path(folder) / "anything.yaml"
        anything.write_text(ANYTHING)
        subprocess.run([*ADVISOR, "plan", str(workload), "-o", str(plan), "--quiet"], check=True, capture_output=True)
        commands = {
            "nothing": [sys.executable, "-c", "pass"],
            "--help": [*ADVISOR, "--help"],
            "check plan.yaml": [*ADVISOR, "check", str(plan)],
            "estimate": [*ADVISOR, "estimate", "Qwen/Qwen3-8B", "--engine", "vllm", "--quantization", "bf16", "--device", "h100-sxm"],
            "plan hospital-letters": [*ADVISOR, "plan", str(workload)],
            "plan long-context-rag": [*ADVISOR, "plan", str(long)],
            "plan the whole catalog": [*ADVISOR, "plan", str(anything)],
        }
        taken = {
            name: median_s(lambda: subprocess.run(command, check=True, capture_output=True), runs)  # noqa: B023 - called at once
            for name, command in commands.items()
        }
    for name, seconds in taken.items():
        print(f"{name:<24} {seconds / taken['nothing']:6.1f} x   {seconds * 1e3:6.0f} ms")


if __name__ == "__main__":
    main()
