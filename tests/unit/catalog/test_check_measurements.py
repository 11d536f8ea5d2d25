"""Faults of the measurements' tables are found, each where it stands."""

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.check_measurements import measurement_faults
from advisor.catalog.coverage import coverage
from advisor.catalog.measurements import load_published
from advisor.domain.measurement import split_of

HEADER = "row_id,source_id,source,source_date,quality,split,model,gpu,tool,engine,quant,series_id,judge_ready,tg_tok_s"
FORMATS, OF_THE_ROW = "spelling,engine,model,id,why", "Q4_0,llama.cpp,,Q4_0,"
NAMES = {"devices": "spelling,id,why,drawn_as", "models": "spelling,id,why,drawn_as"}


def row(row_id="R1", *, split=None, model="Some model", gpu="Some card", date="2026-05", rate="40"):
    side = split or split_of("bench", "h100-sxm", "org/some-model")
    return f"{row_id},bench,a page,{date},A,{side},{model},{gpu},llama-bench,llama.cpp,Q4_0,s1,1,{rate}"


def tables(root, rows, devices=("Some card,h100-sxm,,",), models=("Some model,org/some-model,,",)):
    folder = root / "measurements"
    for path, lines in (
        (folder / "llama.cpp" / "bench.csv", [HEADER, *rows]),
        (folder / "names" / "devices.csv", [NAMES["devices"], *devices]),
        (folder / "names" / "models.csv", [NAMES["models"], *models]),
        (folder / "names" / "quantizations.csv", [FORMATS, OF_THE_ROW]),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return [str(fault) for fault in measurement_faults(root)]


def test_a_table_of_one_row_has_no_fault(tmp_path):
    assert tables(tmp_path, [row()]) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"date": "May 2026"}, "source_date"),
        ({"rate": "fast"}, "tg_tok_s"),
        ({"gpu": "Another card"}, "gpu: 'Another card' is missing"),
        ({"model": "Another model"}, "model: 'Another model' is missing"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, changed, words):
    assert any(words in fault for fault in tables(tmp_path, [row(), row("R2", **changed)]))


def test_a_row_that_was_drawn_again_is_a_fault(tmp_path):
    other = {"fit": "report", "report": "fit"}[split_of("bench", "h100-sxm", "org/some-model")]
    (fault,) = tables(tmp_path, [row(split=other)])
    assert f"R1 is {other}" in fault and "drawn_as" in fault


def test_a_name_that_got_its_id_later_keeps_its_draw(tmp_path):
    side = split_of("bench", "some-card", "org/some-model")
    assert tables(tmp_path, [row(split=side)], devices=("Some card,,no record,",)) == []
    assert tables(tmp_path, [row(split=side)], devices=("Some card,h100-sxm,,some-card",)) == []


def test_a_row_that_stands_twice_is_a_fault(tmp_path):
    assert any("R1 stands 2 times" in fault for fault in tables(tmp_path, [row(), row()]))


def test_a_name_needs_an_id_or_a_reason_and_a_row(tmp_path):
    assert any("say in `why`" in fault for fault in tables(tmp_path, [row()], devices=("Some card,,,",)))
    assert any("no row uses 'Old card'" in fault for fault in tables(tmp_path, [row()], devices=("Some card,h100-sxm,,", "Old card,t4,,")))


def test_a_table_in_a_folder_that_nothing_reads_is_a_fault(tmp_path):
    tables(tmp_path, [row()])
    (tmp_path / "measurements" / "llamacpp").mkdir()
    (tmp_path / "measurements" / "llamacpp" / "bench.csv").write_text(HEADER + "\n")
    assert any("nothing reads this table" in str(fault) for fault in measurement_faults(tmp_path))


@pytest.mark.parametrize(
    ("devices", "models", "reason"),
    [
        ("Some card,,a slice of a card,", "Some model,,no name,", "device: a slice of a card"),
        ("Some card,a card,,", "Some model,org/some-model,,", "device: no record of a card"),
        ("Some card,h100-sxm,,", "Some model,org/some-model,,", "model: no record of org/some-model"),
    ],
)
def test_a_row_is_counted_once_by_its_first_reason(tmp_path, devices, models, reason):
    tables(tmp_path, [row(), row("R2", gpu="")], devices=(devices,), models=(models,))
    published = load_published(tmp_path)
    counted = coverage(published, published.names, load_catalog())
    assert (counted.rows, counted.mapped) == (2, 0)
    assert counted.reasons == {reason: 1, "device: the source names none": 1}


VLLM_HEADER = "row_id,source_id,source,source_date,quality,split,model,gpu,weight_quant,load_class,series_id,judge_ready"


def formats(root, *lines):
    side = split_of("bench", "h100-sxm", "org/some-model")
    (root / "measurements" / "vllm").mkdir(parents=True)
    table = f"{VLLM_HEADER}\nV1,bench,a page,2026-05,A,{side},Some model,Some card,w8,single,s1,1\n"
    (root / "measurements" / "vllm" / "bench.csv").write_text(table)
    tables(root, [row()])
    (root / "measurements" / "names" / "quantizations.csv").write_text("\n".join([FORMATS, OF_THE_ROW, *lines]) + "\n")
    return [str(fault) for fault in measurement_faults(root)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["w8,vllm,,fp8,"], None),
        (["w8,vllm,Some model,fp8,"], None),
        (["w8,vllm,,,no such format"], None),
        (["w8,vllm,,,"], "say in `why`"),
        (["w8,vllm,Another model,fp8,"], "'w8' is missing"),
        (["w8,vllm,,fp8,", "w4,vllm,,w4a16,"], "no row of vllm uses 'w4'"),
        (["w8,vllm,,fp8,", "w8,vllm,Another model,fp8,"], "no row of vllm uses 'w8' with Another model"),
        (["w8,another engine,,fp8,"], "engine"),
        (["w8,vllm,,fp8,", "Q8_0,llama.cpp,,Q8_0,"], "no row of llama.cpp uses 'Q8_0'"),
    ],
)
def test_a_word_for_a_format_needs_a_meaning_or_a_reason_and_a_row(tmp_path, lines, words):
    faults = formats(tmp_path, *lines)
    assert faults == [] if words is None else any(words in fault for fault in faults)
