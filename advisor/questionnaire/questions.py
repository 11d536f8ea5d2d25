"""The questions in their order: first the answers that remove most, each after those whose answer it needs."""

from typing import Final

from advisor.questionnaire import questions_limits as limits
from advisor.questionnaire import questions_place as place
from advisor.questionnaire import questions_work as work
from advisor.questionnaire.question import Question

QUESTIONS: Final[tuple[Question, ...]] = (
    place.PLACE,
    place.DATA,
    place.HARDWARE,
    place.REGIONS,
    work.TASK,
    work.MODELS,
    work.QUALITY,
    work.LOAD,
    work.PAUSE,
    work.INPUT_TOKENS,
    work.OUTPUT_TOKENS,
    limits.TTFT,
    limits.TPOT,
    limits.E2E,
    limits.REPLICAS_DOWN,
    limits.BUDGET,
    limits.ELECTRICITY,
    limits.OWNERSHIP,
    limits.GROWTH,
)
