"""From a planned deployment back to what it means: candidate, hardware, price. `check` and `validate` start here."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from advisor.catalog.catalog import Catalog
from advisor.documents import Document, Path_, dotted
from advisor.domain.deployment import Deployment
from advisor.domain.engine import Parallelism
from advisor.domain.hardware import Available, Node, Offer
from advisor.domain.plan import Plan, PlannedDeployment, PlannedHardware, Setting
from advisor.domain.workload import RentedHardware, Workload
from advisor.errors import DataError, UserInputError
from advisor.intake.candidate import build_candidate
from advisor.intake.models import find_model
from advisor.planning.inventory import inventory_of, rented


def resolved_in(document: Document, index: int, workload: Workload, catalog: Catalog, *, plan: Plan) -> tuple[Deployment, Available]:
    """Deployment number `index` of a plan file. Raises DataError at the line of what cannot be used: a setting, or the deployment."""
    try:
        return resolve(plan.deployments[index], workload, catalog)
    except UserInputError as error:
        path: Path_ = ("deployments", index)
        flag, _, rest = str(error).partition(": ")
        setting = (*path, "settings", flag)
        if document.has(setting):
            raise DataError.at(document.key_position(setting), f"{dotted(setting)}: {rest}") from None
        raise DataError.at(document.position(path), f"{dotted(path)}: {error}") from None


def resolve(planned: PlannedDeployment, workload: Workload, catalog: Catalog) -> tuple[Deployment, Available]:
    """The deployment and the hardware it runs on. Raises UserInputError for names that the catalog does not know."""
    available = _available(planned.hardware, workload, catalog)
    spread = planned.parallelism
    candidate = build_candidate(
        catalog,
        model=find_model(planned.model.id, catalog),
        quantization=planned.model.quantization,
        engine=planned.engine.name,
        runtime=planned.engine.runtime,
        version=planned.engine.version,
        node=available.node,
        devices=planned.hardware.devices,
        parallelism=Parallelism(spread.tensor, spread.pipeline, spread.data, spread.expert),
        flags=flags_of_settings(planned.settings),
    )
    return Deployment(planned.name, candidate, planned.replicas, planned.role, planned.hardware.share), available


def flags_of_settings(settings: Mapping[str, Setting]) -> dict[str, object]:
    """The flags of a plan without their reasons."""
    return {flag: setting.value for flag, setting in settings.items()}


def _available(hardware: PlannedHardware, workload: Workload, catalog: Catalog) -> Available:
    if hardware.node is not None:
        return Available(embedded_node(hardware.node), 1, hardware.acquisition)
    if hardware.offer is not None:
        offer: Offer = _embedded(hardware.offer, Offer, "hardware.offer")
        return rented(offer, _terms_of_rent(workload), catalog)
    device = catalog.device(hardware.device).id
    for available in inventory_of(workload, catalog, None).available:
        same = available.node.device.id == device and available.acquisition == hardware.acquisition
        if same and available.node.devices >= hardware.devices:
            return available
    return Available(catalog.node(device, hardware.devices), None, hardware.acquisition)


def _terms_of_rent(workload: Workload) -> RentedHardware:
    """Whether spot prices are accepted; a plan may take more devices than the search was allowed to."""
    rent = workload.hardware.rent if workload.hardware else None
    return RentedHardware(spot=rent is not None and rent.spot)


def embedded_node(facts: dict[str, Any]) -> Node:
    """The machine that a plan holds the facts of. Raises UserInputError for facts of another version."""
    node: Node = _embedded(facts, Node, "hardware.node")
    return node


def _embedded(facts: dict[str, Any], kind: Any, where: str) -> Any:  # noqa: ANN401 - typed by the caller
    try:
        return TypeAdapter(kind).validate_python(_with_nulls(facts, kind))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserInputError(f"{where}.{place}: {first['msg']}; made by another version of the advisor? run advisor plan again") from None


def _with_nulls(facts: dict[str, Any], kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """The plan leaves out what is empty; a field that may be empty and has no default gets its None or its empty text back."""
    hints = get_type_hints(kind)
    known = {key: _with_nulls(value, hints[key]) if is_dataclass(hints.get(key)) else value for key, value in facts.items()}
    required = [field.name for field in fields(kind) if field.default is MISSING]
    empty = {name: "" if hints[name] is str else None for name in required if hints[name] is str or NoneType in get_args(hints[name])}
    return empty | known
