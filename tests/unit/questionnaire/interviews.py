"""Interviews for the tests: the real catalog and rules, a made-up machine."""

from advisor.catalog import load_catalog
from advisor.domain.hardware import Host, Node
from advisor.errors import UserInputError
from advisor.questionnaire.interview import Interview

CATALOG = load_catalog()


def small_machine():
    host = Host(
        memory_bytes=32 * 2**30,
        memory_bandwidth_bytes_per_s=5e10,
        cpu_cores=8,
        disk_bytes_per_s=1e9,
        device_link_bytes_per_s=1e10,
    )
    return Node("machine-0123456789ab", CATALOG.device("cpu"), 1, host, assumed_host=False)


def unknown_gpu():
    raise UserInputError('GPU "NVIDIA Q9000" of this machine is not in the catalog')


def interview(find_machine=small_machine):
    return Interview(CATALOG, find_machine)


def after(answers, start=None):
    """The interview after these answers, question by question; each key must be the one that is asked."""
    held = start or interview()
    for key, text in answers.items():
        question = held.question()
        assert question is not None and question.key == key, f"{question and question.key} was asked, not {key}"
        held = held.answered(question, text)
    return held


HOSPITAL = {
    "place": "premises",
    "data": "patient",
    "hardware": "4 h100-sxm",
    "task": "summarisation",
    "models": "Qwen/Qwen3-32B",
    "quality": "slight",
    "load": "240",
    "pause": "u",
    "input_tokens": "4000/9000/15000",
    "output_tokens": "500",
    "ttft": "",
    "tpot": "",
    "slower_when_one_is_down": "no",
    "budget": "6000",
    "electricity": "",
    "ownership_years": "",
    "growth": "30",
}
