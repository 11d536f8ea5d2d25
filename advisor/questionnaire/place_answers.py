"""Answers about hardware: owned devices, renting, buying, this machine, and the regions of rented machines."""

import re
from typing import Final

from advisor.domain.hardware import Node
from advisor.errors import UserInputError
from advisor.questionnaire.question import Situation, Understood
from advisor.units import gib

THIS_MACHINE: Final = "this machine"
_OWNED: Final = re.compile(r"(?:(\d+)\s*[x×]?\s+)?(.+?)(?:\s+[x×]\s*(\d+))?(?:\s+in servers of (\d+))?", re.IGNORECASE)
_SERVERS: Final = re.compile(r"(\d+) in (?:one|a) server|in servers of (\d+)", re.IGNORECASE)
_MARKET: Final = re.compile(r"(rent|buy)(?:\s+(.+))?", re.IGNORECASE)
_PARTS: Final = re.compile(r"\s*(?:[,;+]|\band\b)\s*")
_IGNORED: Final = frozenset({"owned", "own", "mine", ""})


def parse_hardware(text: str, situation: Situation) -> Understood:
    """`4 h100-sxm`, `2 l4 in servers of 2`, `rent l4 or l40s`, `buy`, `this machine`, joined by commas or `and`."""
    owned: list[dict[str, object]] = []
    values: dict[str, object] = {}
    for part in _PARTS.split(text.strip()):
        _add_part(part, owned, values, situation)
    if owned:
        values["hardware.owned"] = owned
    if not values:
        raise UserInputError(f'"{text}" names no hardware; such as 4 h100-sxm, or rent, buy, this machine')
    return Understood(values, said=_echo(values, situation))


def _add_part(part: str, owned: list[dict[str, object]], values: dict[str, object], situation: Situation) -> None:
    if part.casefold() in _IGNORED:
        return
    if re.sub(r"[-_\s]+", " ", part.casefold()) in (THIS_MACHINE, "this device"):
        situation.find_machine()
        values["hardware.this_machine"] = True
    elif market := _MARKET.fullmatch(part):
        names = [name for name in re.split(r"\s+or\s+|\s+", market[2] or "") if name]
        devices = [situation.catalog.device(name).id for name in names]
        values[f"hardware.{market[1].casefold()}"] = {"devices": devices} if devices else {}
    elif servers := _SERVERS.fullmatch(part):
        _in_servers(servers, owned, part)
    else:
        owned.append(_owned(part, situation))


def _in_servers(servers: re.Match[str], owned: list[dict[str, object]], part: str) -> None:
    """`h100-sxm, 4 in one server` and `8 h100-sxm, in servers of 4`."""
    if not owned:
        raise UserInputError(f'"{part}": name the device first, such as h100-sxm, {part}')
    if servers[1]:
        owned[-1] |= {"count": int(servers[1]), "per_node": int(servers[1])}
    else:
        owned[-1]["per_node"] = _per_node(int(str(owned[-1]["count"])), int(servers[2]), part)


def _owned(part: str, situation: Situation) -> dict[str, object]:
    match = _OWNED.fullmatch(part)
    if match is None:  # pragma: no cover - the pattern takes any text
        raise UserInputError(f'"{part}" is not understood')
    count = int(match[1] or match[3] or 1)
    if count < 1:
        raise UserInputError(f'"{part}": at least one device is needed')
    entry: dict[str, object] = {"device": situation.catalog.device(match[2]).id, "count": count}
    return entry | ({"per_node": _per_node(count, int(match[4]), part)} if match[4] else {})


def _per_node(count: int, per_node: int, part: str) -> int:
    if per_node < 1 or count % per_node:
        raise UserInputError(f'"{part}": {count} devices do not fill servers of {per_node}')
    return per_node


def _echo(values: dict[str, object], situation: Situation) -> str:
    parts = []
    for entry in values.get("hardware.owned", ()):  # type: ignore[attr-defined]
        per_node = entry.get("per_node", entry["count"])
        size = f" in servers of {per_node}" if per_node < entry["count"] else " in one server" if per_node > 1 else ""
        parts.append(f"you own {entry['count']} x {situation.catalog.device(entry['device']).name}{size}")
    for word in ("rent", "buy"):
        if f"hardware.{word}" in values:
            devices = values[f"hardware.{word}"].get("devices")  # type: ignore[attr-defined]
            parts.append(f"you may {word} {' or '.join(devices) if devices else 'anything in the catalog'}")
    if "hardware.this_machine" in values:
        parts.append(describe(situation.find_machine()))
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."


def describe(node: Node) -> str:
    """`this machine: 8 cores, 32 GB, no GPU`."""
    gpus = "no GPU" if node.device.is_cpu else f"{node.devices} x {node.device.name}"
    return f"{THIS_MACHINE}: {node.host.cpu_cores} cores, {gib(node.host.memory_bytes):.0f} GiB, {gpus}"


def describe_this_machine(situation: Situation) -> str:
    """This machine in a few words, or why it cannot be used."""
    try:
        return describe(situation.find_machine())
    except UserInputError as error:
        return str(error)


def usual_hardware(situation: Situation) -> str:
    """What is near at hand for the place: this machine, or renting."""
    return THIS_MACHINE if situation.place in ("this_device", "premises") else "rent"


def likely_hardware(situation: Situation) -> str:
    """What to look at when somebody does not know yet."""
    return {"this_device": THIS_MACHINE, "premises": "buy"}.get(str(situation.place), "rent")


def parse_regions(text: str, situation: Situation) -> Understood:
    """Regions as their providers write them; each must have a price in the catalog."""
    known = set(regions(situation))
    wanted = [name for name in re.split(r"[\s,;]+", text.strip()) if name]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise UserInputError(f'"{" ".join(unknown) or text}": no price in the catalog names this region; known: {", ".join(sorted(known))}')
    return Understood({"hardware.rent.regions": wanted})


def regions(situation: Situation) -> tuple[str, ...]:
    """Every region that a price names."""
    return tuple(sorted({offer.region for offer in situation.catalog.offers if offer.region}))
