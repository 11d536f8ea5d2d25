"""Which question comes next, what Enter and `u` mean, going back, and the file that comes out."""

import pytest

from advisor.documents import load
from advisor.domain.workload import BoughtHardware, OwnedHardware, Workload
from advisor.errors import UserInputError
from advisor.files.workload import read_workload
from advisor.questionnaire.draft import assumptions, draft, finished_text, workload_name
from advisor.questionnaire.questions import QUESTIONS
from tests.unit.questionnaire.interviews import HOSPITAL, after, interview, unknown_gpu


def asked_after(answers):
    """The keys of all questions that are asked when the rest is answered with Enter, or `u` where Enter takes nothing."""
    held = after(answers)
    while (question := held.question()) is not None:
        default = question.default(held.situation)
        held = held.answered(question, "u" if default is None else "")
    return [answer.key for answer in held.answers]


def workload_of(answers):
    return load(finished_text(after(answers), "letters"), "workload.yaml", Workload)


def test_the_hospital():
    workload = workload_of(HOSPITAL)
    assert (workload.privacy.stays_on, workload.privacy.data) == ("premises", "patient")
    assert workload.hardware.owned == (OwnedHardware("h100-sxm", 4),)
    assert workload.load.users.active == 240 and workload.load.users.pause_s == 120
    assert workload.service_level.ttft_p95_s == 2.0 and workload.service_level.tpot_p95_s == 0.05
    assert workload.service_level.with_replicas_down == 1
    assert workload.cost.budget_usd_per_month == 6000 and workload.growth_pct_per_year == 30
    assert set(workload.assumed) == {
        "load.users.pause_s",
        "request.output_tokens.p95",
        "request.output_tokens.max",
        "cost.electricity_usd_per_kwh",
        "cost.amortisation_years",
        "cost.host_overhead_pct",
    }


def test_the_file_reads_like_the_formats_page(tmp_path):
    path = tmp_path / "workload.yaml"
    path.write_text(finished_text(after(HOSPITAL), "letters"))
    workload, _ = read_workload(path)
    lines = path.read_text().splitlines()
    assert workload.name == "letters"
    assert lines[0] == "schema: advisor.workload/1"
    assert any(
        line.startswith("  users: {active: 240, pause_s: 120} ") and line.endswith('# pause_s: preset "summarisation"') for line in lines
    )
    assert any("p95, max: in the preset's proportion" in line for line in lines)
    assert "null" not in path.read_text() and len(lines) < 50


def test_enter_takes_a_wish_as_stated_and_a_fact_as_assumed():
    held = after({**dict(list(HOSPITAL.items())[:8]), "input_tokens": "", "output_tokens": "", "ttft": ""})
    assert "service_level.ttft_p95_s" not in held.assumed
    assert {"request.input_tokens.p50", "request.output_tokens.max"} <= set(held.assumed)
    assert assumptions(held)["request.shared_prefix_tokens"] == 'preset "summarisation"'


def test_i_do_not_know_is_recorded_for_every_question():
    held = interview()
    while (question := held.question()) is not None:
        before = set(held.assumed)
        held = held.answered(question, "u")
        assert set(held.answers[-1].understood.values) <= set(held.assumed) - before
    workload = load(finished_text(held, "nobody-knows"), "workload.yaml", Workload)
    assert workload.hardware.buy == BoughtHardware() and workload.privacy.stays_on == "premises"
    assert {"privacy.stays_on", "hardware.buy", "models", "load.users.active"} <= set(workload.assumed)


def test_one_person_on_this_device_is_asked_neither_for_money_nor_for_spare_copies():
    asked = asked_after(
        {"place": "this_device", "data": "personal", "hardware": "this machine", "task": "", "models": "", "quality": "", "load": ""}
    )
    assert not {"budget", "electricity", "growth", "ownership_years", "slower_when_one_is_down"} & set(asked)
    assert {"pause", "input_tokens", "output_tokens", "ttft", "tpot"} <= set(asked)


def test_rent_includes_electricity_and_is_not_written_off():
    asked = asked_after({"place": "anywhere", "data": "", "hardware": "rent"})
    assert {"budget", "growth"} <= set(asked) and not {"electricity", "ownership_years"} & set(asked)


def test_a_pile_with_a_deadline_has_no_latency():
    answers = {"place": "premises", "data": "", "hardware": "4 l40s", "task": "batch", "models": "", "quality": "", "load": "10000 in 8 h"}
    assert not {"pause", "ttft", "tpot", "e2e", "growth"} & set(asked_after(answers))


def test_regions_are_asked_only_for_rented_machines_in_a_region():
    assert "regions" in asked_after({"place": "region", "data": "", "hardware": "rent"})
    assert "regions" not in asked_after({"place": "region", "data": "", "hardware": "4 l40s"})
    assert "regions" not in asked_after({"place": "anywhere", "data": "", "hardware": "rent"})


def test_a_task_whose_answer_is_used_as_a_whole_is_asked_for_the_whole_answer():
    answers = {"place": "premises", "data": "", "hardware": "4 l40s", "task": "classification"}
    assert "e2e" in asked_after(answers)
    assert "e2e" not in asked_after({**answers, "task": "chat"})


def test_about_ten_numbers():
    held = after(HOSPITAL)
    question = held.answers[-1].question
    assert held.number(question) == (11, 11)
    assert len(QUESTIONS) == len({question.key for question in QUESTIONS})


def test_back_keeps_the_answer_as_the_next_default():
    held = after(dict(list(HOSPITAL.items())[:7]))
    back = held.back().back()
    assert back.question().key == "quality" and back.default(back.question()) == "slight"
    again = back.answered(back.question(), "")
    assert again.question().key == "load" and again.answered(again.question(), "").values["load.users.active"] == 240
    assert interview().back() == interview()


def test_back_over_i_do_not_know_keeps_it():
    held = after(dict(list(HOSPITAL.items())[:8])).back()
    again = held.answered(held.question(), "")
    assert "load.users.pause_s" in again.assumed


def test_an_answer_that_is_not_understood_changes_nothing():
    held = interview()
    with pytest.raises(UserInputError):
        held.answered(held.question(), "the moon")
    with pytest.raises(UserInputError, match="no default"):
        held.answered(held.question(), "")
    assert held.answers == ()


def test_a_machine_that_is_not_understood_is_said_in_the_default():
    held = after({"place": "premises", "data": ""}, interview(unknown_gpu))
    assert "NVIDIA Q9000" in held.question().about_default(held.situation)


def test_a_draft_requires_nothing_that_was_not_said():
    workload = draft(after({"place": "premises", "data": ""}))
    assert workload.models == "any" and workload.quality.quantization_loss == "any"
    assert workload.service_level.ttft_p95_s is None and workload.hardware.rent is not None


def test_presets_that_need_something_of_the_engine_say_so():
    held = after({"place": "premises", "data": "", "hardware": "4 l40s", "task": "extraction"})
    assert assumptions(held)["request.needs"] == 'preset "extraction"'


@pytest.mark.parametrize(("text", "name"), [("Discharge Letters", "discharge-letters"), ("über_uns", "ber-uns"), ("---", "workload")])
def test_names_are_what_deployments_need(text, name):
    assert workload_name(text) == name


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_every_question_says_why_it_is_asked(question):
    assert len(question.why) > 40 and question.why.endswith(".")
    assert question.choices or question.examples
