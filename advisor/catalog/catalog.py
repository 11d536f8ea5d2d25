"""Catalog: all records of the data folder under their ids, and the questions the rest of the advisor asks of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Protocol, cast

from advisor.catalog import lookup
from advisor.catalog.api_prices import load_api_prices
from advisor.catalog.calibration import load_calibrations
from advisor.catalog.devices import load_devices
from advisor.catalog.engines import load_engines
from advisor.catalog.layers import Layers, Override, Root, layers_in_use, layers_of
from advisor.catalog.licences import load_licences
from advisor.catalog.listed import ListedDevice, load_listed_devices
from advisor.catalog.machine_runs import Yardsticks, yardsticks_of
from advisor.catalog.memory_constants import load_memory_constants
from advisor.catalog.models import Models
from advisor.catalog.near import Near, near_of
from advisor.catalog.nodes import Hosts, assumed_node, load_hosts, rented_node
from advisor.catalog.offers import load_offers
from advisor.catalog.presets import load_presets
from advisor.catalog.quality import load_quality
from advisor.catalog.quantizations import load_quantizations
from advisor.catalog.slices import load_slices
from advisor.domain.calibration import Calibration
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import Device, Node, Offer
from advisor.domain.licence import Licence
from advisor.domain.memory_constants import MemoryConstants
from advisor.domain.model import Model
from advisor.domain.money import ApiPrice, Purchase
from advisor.domain.near import Scale
from advisor.domain.preset import Preset
from advisor.domain.quality import QualityMeasurement
from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError
from advisor.files.measurements import FOLDER
from advisor.units import gib

_OWNING_FIGURES = (
    "usd_per_device",
    "all_in_kw_per_device",
    "hyperscaler_usd_per_hour",
    "neocloud_usd_per_hour",
    "rented_3_years_usd_per_hour",
)
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}


@dataclass(frozen=True)
class Catalog:
    """Everything in the data folders. `as_of` is the newest date in them, `fingerprint` the first 12 hex of the sha256 of the files
    that plans rest on: all but the measurements. `overrides` are the files that did not come with the advisor.
    """

    devices: Mapping[str, Device]
    slices: Mapping[str, Device]
    listed_devices: Mapping[str, ListedDevice]
    hosts: Hosts
    offers: tuple[Offer, ...]
    presets: Mapping[str, Preset]
    purchases: Mapping[str, Purchase]
    api_prices: tuple[ApiPrice, ...]
    quality: tuple[QualityMeasurement, ...]
    models: Mapping[str, Model]
    quantizations: Mapping[str, Quantization]
    engines: Mapping[str, EngineRecord]
    calibrations: Mapping[str, Calibration]
    memory_constants: MemoryConstants
    licences: Mapping[str, Licence]
    near: Near = field(compare=False)
    yardsticks: Yardsticks = field(compare=False)
    as_of: str
    fingerprint: str
    overrides: tuple[Override, ...] = ()

    @cached_property
    def known_devices(self) -> dict[str, Device]:
        """Devices and slices of them by id: whatever a user, a log or a manifest may name."""
        return {**self.slices, **self.devices}

    @cached_property
    def _device_ids(self) -> dict[str, str]:
        return lookup.index(self.known_devices)

    @cached_property
    def _listed_ids(self) -> dict[str, str]:
        return lookup.index(self.listed_devices)

    @cached_property
    def _model_ids(self) -> dict[str, str]:
        return lookup.index(self.models)

    @cached_property
    def _quantization_ids(self) -> dict[str, str]:
        return lookup.index(self.quantizations)

    def device(self, text: str) -> Device:
        """The device or slice of this id or spelling. Raises UserInputError that lists what an ambiguous word may mean, or near names."""
        device_id = lookup.id_of(text, self.known_devices, self._device_ids)
        if device_id is not None:
            return self.known_devices[device_id]
        self.refuse_listed_device(text)
        meant = lookup.family(self.devices, text)
        if len(meant) > 1:
            count = _NUMBERS.get(len(meant), str(len(meant)))
            listed = ", ".join(_with_size(self.devices[device_id]) for device_id in meant)
            raise UserInputError(f'"{text}" is {count} devices: {listed} (advisor catalog show {text})')
        slices = "mig" in lookup.plain(text)
        known = {name: device_id for name, device_id in self._device_ids.items() if (device_id in self.slices) == slices}
        raise lookup.unknown("device", text, known, "advisor catalog list devices")

    def refuse_listed_device(self, text: str) -> None:
        """Raises UserInputError with the reason if this is a device that is listed and not planned for."""
        listed_id = lookup.id_of(text, self.listed_devices, self._listed_ids)
        if listed_id is not None:
            listed = self.listed_devices[listed_id]
            raise UserInputError(f"device {listed.id} ({listed.name}): listed only, not planned for. {listed.reason}")

    def purchase(self, device: Device) -> Purchase | None:
        """What owning the device takes; a slice takes its part of its card."""
        whole, parts = self.purchases.get(device.card), device.slices_per_card
        if whole is None or parts is None:
            return whole
        shares = {name: value / parts for name in _OWNING_FIGURES if (value := getattr(whole, name)) is not None}
        return replace(whole, device=device.id, source=f"{whole.source}; 1/{parts} of a card", **shares)

    def model(self, text: str) -> Model:
        """The model of this id or alias."""
        model_id = (
            text if text in self.models else lookup.id_of(text, self.models, self._model_ids)
        )  # aliases stand in the files: all are read
        if model_id is None:
            raise lookup.unknown("model", text, self._model_ids, "advisor catalog list models")
        return self.models[model_id]

    def quantization(self, text: str) -> Quantization:
        """The weight format of this id or alias."""
        quantization_id = lookup.id_of(text, self.quantizations, self._quantization_ids)
        if quantization_id is None:
            raise lookup.unknown("quantization", text, self._quantization_ids, "advisor catalog list quantizations")
        return self.quantizations[quantization_id]

    def engine(self, name: str) -> EngineRecord:
        """The record of an engine."""
        if name not in self.engines:
            raise lookup.unknown("engine", name, lookup.by_name(self.engines), "advisor catalog list engines")
        return self.engines[name]

    def preset(self, task: str) -> Preset:
        """The preset of a task."""
        if task not in self.presets:
            raise lookup.unknown("preset", task, lookup.by_name(self.presets), "advisor catalog list presets")
        return self.presets[task]

    def licence(self, name: str) -> Licence:
        """The licence of this id."""
        if name not in self.licences:
            raise lookup.unknown("licence", name, lookup.by_name(self.licences), "advisor catalog list licences")
        return self.licences[name]

    def node(self, device_id: str, devices: int = 1) -> Node:
        """`devices` of a device in the host that is assumed for it."""
        return assumed_node(self.hosts, self.device(device_id), devices)

    def with_measured(self, scales: tuple[Scale, ...]) -> "Catalog":
        """The same catalog with the user's own measurements of one question."""
        return replace(self, near=self.near.with_own(scales)) if scales else self

    def node_of(self, offer: Offer) -> Node:
        """The node that an offer rents."""
        return rented_node(self.hosts, offer, self.device(offer.device))


def _with_size(device: Device) -> str:
    size, bandwidth = gib(device.installed_memory_bytes), device.memory_bandwidth_bytes_per_s / 1e9
    return f"{device.id} ({size:,.0f} GB, {bandwidth:,.0f} GB/s)"


class _Dated(Protocol):
    @property
    def as_of(self) -> str: ...


def load_catalog() -> Catalog:
    """The catalog in use: what comes with the advisor under the folders of the user and the team. Read once per process."""
    return _in_use(layers_in_use())


@cache
def _in_use(layers: Layers) -> Catalog:
    return read_catalog(layers)


def read_catalog(root: Root) -> Catalog:
    """A catalog folder, or several. Raises DataError at the faults of the first faulty file; `check` finds those of all."""
    layers = layers_of(root)
    devices, purchases = load_devices(root)
    offers = load_offers(root, devices)
    presets = load_presets(root)
    api_prices, quality = load_api_prices(root), load_quality(root)
    quantizations = load_quantizations(root)
    dates = [device.retrieved for device in devices.values()]
    for table in (offers, presets.values(), purchases.values(), api_prices, quality):
        dates += [dated.as_of for dated in cast(Iterable[_Dated], table)]
    return Catalog(
        devices=devices,
        slices=load_slices(root, devices),
        listed_devices=load_listed_devices(root),
        hosts=load_hosts(root),
        offers=offers,
        presets=presets,
        purchases=purchases,
        api_prices=api_prices,
        quality=quality,
        models=Models(root, quantizations),
        quantizations=quantizations,
        engines=load_engines(root),
        calibrations=load_calibrations(root),
        memory_constants=load_memory_constants(root),
        licences=load_licences(root),
        near=near_of(root),
        yardsticks=yardsticks_of(root),
        as_of=_newest(dates),
        fingerprint=_fingerprint(layers),
        overrides=tuple(layers.overrides()),
    )


def _newest(dates: Iterable[str]) -> str:
    return max(dates, default="")


def _fingerprint(layers: Layers) -> str:
    digest = sha256()
    plans_rest_on = {name: path for name, path in layers.files().items() if not name.startswith(f"{FOLDER}/")}
    for name, path in sorted(plans_rest_on.items(), key=lambda item: PurePosixPath(item[0])):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
