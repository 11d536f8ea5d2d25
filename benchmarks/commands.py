"""How long whole commands take, as multiples of an idle interpreter in the same run. `python benchmarks/commands.py [RUNS]`"""

import subprocess
import sys
import tempfile
from pathlib import Path

from planning import EXAMPLES, median_s

ADVISOR = [sys.executable, "-m", "advisor.cli"]


def main() -> None:
    """Print one line a command."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    workload = EXAMPLES / "hospital-letters" / "workload.yaml"
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        subprocess.run([*ADVISOR, "plan", str(workload), "-o", str(plan), "--quiet"], check=True, capture_output=True)
        commands = {
            "nothing": [sys.executable, "-c", "pass"],
            "--help": [*ADVISOR, "--help"],
            "check plan.yaml": [*ADVISOR, "check", str(plan)],
            "estimate": [*ADVISOR, "estimate", "Qwen/Qwen3-8B", "--engine", "vllm", "--quantization", "bf16", "--device", "h100-sxm"],
            "plan hospital-letters": [*ADVISOR, "plan", str(workload)],
        }
        taken = {
            name: median_s(lambda: subprocess.run(command, check=True, capture_output=True), runs)  # noqa: B023 - called at once
            for name, command in commands.items()
        }
    for name, seconds in taken.items():
        print(f"{name:<24} {seconds / taken['nothing']:6.1f} x   {seconds * 1e3:6.0f} ms")


if __name__ == "__main__":
    main()
