"""What aiconfigurator predicts of the published runs that it carries as measured: `catalog/measurements/peers/aiconfigurator.csv`.

It needs an environment of its own (848 MB), and runs there, from the repository's root:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install aiconfigurator
    /tmp/peer/bin/python benchmarks/peers_performance.py

Its own sample says how each run was deployed; asked is what its command line would ask. A version of the engine without a table of
its own is asked with the default one, as its own comparison does; a model whose file it would download with the one of the same
layers that it carries, the quantisation being given. Rows that it refuses are counted and left out.
"""

import csv
import importlib.metadata
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import aiconfigurator_core
from aiconfigurator.cli.api import cli_estimate

os.environ.setdefault("AIC_ALLOW_UNLISTED_VERSIONS", "1")  # the versions that were measured
ROOT = Path(__file__).parent.parent
RUNS = ROOT / "catalog/measurements/vllm/aiconfigurator-silicon.csv"
OUTPUT = ROOT / "catalog/measurements/peers/aiconfigurator.csv"
SAMPLE = Path(aiconfigurator_core.__file__).parent / "systems/silicon_sample.csv"
PARALLEL = ("batch_size", "tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
CARRIED = {
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "meta-llama/Meta-Llama-3.1-8B",
}
VERSION = importlib.metadata.version("aiconfigurator")


def main() -> None:
    """Ask for every run of the report split, and write what was answered."""
    with SAMPLE.open(newline="") as lines:
        sample = {row["id"]: row for row in csv.DictReader(lines)}
    with RUNS.open(newline="") as lines:
        runs = [row for row in csv.DictReader(lines) if row["split"] == "report"]
    answers = [(row["row_id"], *told) for row in runs if (told := asked(sample.get(row["source"].partition("#id=")[2])))]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with OUTPUT.open("w", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["row_id", "peer", "version", "ttft_ms", "tpot_ms"])
        table.writerows((row, "aiconfigurator", VERSION, f"{ttft:.5g}", f"{tpot:.5g}") for row, ttft, tpot in answers)
    print(f"{len(answers)} of {len(runs)} runs answered", file=sys.stderr)


def asked(row: dict[str, str] | None) -> tuple[float, float] | None:
    """Milliseconds to the first token and per token; None for a run that it has no sample of or refuses."""
    if row is None:
        return None
    for version in (row["backend_version"] or None, None):
        try:
            with redirect_stdout(sys.stderr):
                told = cli_estimate(
                    CARRIED.get(row["model_path"], row["model_path"]),
                    row["system"],
                    mode=row["mode"],
                    backend_name=row["backend"],
                    backend_version=version,
                    isl=int(row["isl"]),
                    osl=int(row["osl"]),
                    gemm_quant_mode=row["gemm_quant_mode"] or None,
                    moe_quant_mode=row["moe_quant_mode"] or None,
                    **{name: int(row[name]) for name in PARALLEL if row[name]},
                )
        except Exception as refused:  # a peer's own refusals have no common type
            print(f"{row['id']}: {refused}", file=sys.stderr)
            continue
        return told.ttft, told.tpot
    return None


if __name__ == "__main__":
    main()
