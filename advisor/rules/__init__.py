"""Rules: what is known about engines, formats, memory and privacy as files with evidence, and the judge that runs them over facts."""

from advisor.rules.build_facts import build_facts
from advisor.rules.facts import Facts, ManifestFacts
from advisor.rules.judge import Configuration, assumed, configure, judge
from advisor.rules.load import load_rules
from advisor.rules.rule import Rule, RuleSet

__all__ = ["Configuration", "Facts", "ManifestFacts", "Rule", "RuleSet", "assumed", "build_facts", "configure", "judge", "load_rules"]
