"""How much a plan looked at, in a sentence."""

from advisor.planning.option import Space


def search_sentence(space: Space) -> str:
    """`31 models, 173,060 points: 19,016 survive rules and physics, 158 sized, 18 simulated as finalists`."""
    looked = f"{space.models:,} model{'' if space.models == 1 else 's'}, {space.points:,} points"
    return f"{looked}: {space.survivors:,} survive rules and physics, {space.sized:,} sized, {space.finalists:,} simulated as finalists"
