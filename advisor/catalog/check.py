"""Checks a whole catalog folder: every file on its own, then what the files say about each other. Reports all faults, not the first."""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from advisor.catalog import lookup
from advisor.catalog.catalog import Catalog, read_catalog
from advisor.catalog.check_measurements import measurement_faults
from advisor.catalog.devices import DeviceRecord
from advisor.catalog.layers import Layers, Root, layers_of
from advisor.catalog.left_out import LeftOut
from advisor.catalog.listed import ListedDevice
from advisor.catalog.models import ModelRecord
from advisor.catalog.nodes import HostRecord, InstanceRecord
from advisor.catalog.presets import PresetRecord
from advisor.catalog.records import csv_faults, yaml_faults
from advisor.catalog.slices import SliceRecord
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import Offer
from advisor.domain.licence import Licence
from advisor.domain.money import ApiPrice
from advisor.domain.price_source import PriceSource
from advisor.domain.quality import QualityMeasurement
from advisor.domain.quantization import Quantization
from advisor.domain.workload import Task
from advisor.errors import DataError, Fault, UserInputError

YAML_KINDS: Final = {
    "devices": DeviceRecord,
    "nodes": HostRecord,
    "workloads": PresetRecord,
    "models": ModelRecord,
    "quantizations": Quantization,
    "engines": EngineRecord,
    "licences": Licence,
    "sources": PriceSource,
}
_TABLES: Final = {
    "devices": ListedDevice,
    "slices": SliceRecord,
    "nodes": InstanceRecord,
    "offers": Offer,
    "api_prices": ApiPrice,
    "quality": QualityMeasurement,
    "left_out": LeftOut,
}
_READ_ELSEWHERE: Final = frozenset({"calibration", "measurements"})
_SUFFIXES: Final = frozenset({".yaml", ".csv", ".md"})


def check_catalog(root: Root) -> tuple[Fault, ...]:
    """Every fault of a catalog folder, or of several on top of each other; none means that the advisor can use it."""
    layers = layers_of(root)
    for folder in layers.folders:
        if not folder.is_dir():
            raise UserInputError(f"{folder}: not a folder; give the folder that holds devices, offers, workloads …")
    faults = [*_strays(layers), *_files(layers), *measurement_faults(layers)]
    if faults:
        return tuple(faults)
    try:
        catalog = read_catalog(layers)
        return tuple([*_missing(catalog), *_ambiguous(catalog), *_dangling(catalog)])
    except DataError as error:  # of a model too, whose file is first read here
        return error.faults


def _files(root: Root) -> Iterator[Fault]:
    for folder, kind in YAML_KINDS.items():
        yield from yaml_faults(root, folder, kind)
    for folder, kind in _TABLES.items():
        yield from csv_faults(root, folder, kind)


def _strays(layers: Layers) -> Iterator[Fault]:
    """Folders and files that nothing reads: most often a misspelt name."""
    known = YAML_KINDS.keys() | _TABLES.keys() | _READ_ELSEWHERE
    for entry in sorted(entry for root in layers.folders for entry in root.iterdir()):
        if entry.is_dir() and entry.name not in known:
            yield Fault(layers.shown(entry), f"nothing reads this folder; known: {', '.join(sorted(known))}")
    for path in layers.files().values():
        if path.suffix not in _SUFFIXES:
            yield Fault(layers.shown(path), "nothing reads this file; the catalog is made of .yaml and .csv files")


def _missing(catalog: Catalog) -> Iterator[Fault]:
    for task in get_args(Task):
        if task not in catalog.presets:
            yield Fault(f"catalog/workloads/{task}.yaml", f"missing: the task {task} has no preset")
    for device in catalog.devices.values():
        if device.id not in catalog.hosts.defaults and device.device_class not in catalog.hosts.defaults:
            yield Fault(f"catalog/nodes/{device.device_class}.yaml", f"missing: no host is known for {device.id}")


def _ambiguous(catalog: Catalog) -> Iterator[Fault]:
    devices: dict[str, lookup.Named] = {**catalog.listed_devices, **catalog.known_devices}
    for folder, things in (("devices", devices), ("models", catalog.models), ("quantizations", catalog.quantizations)):
        owners: dict[str, str] = {}
        for thing_id, thing in things.items():
            for alias in thing.aliases:
                owner = alias if alias in things else owners.setdefault(lookup.plain(alias), thing_id)
                if owner != thing_id:
                    yield Fault(f"catalog/{folder}/{thing_id}.yaml", f"aliases: {alias!r} already means {owner}")


def _dangling(catalog: Catalog) -> Iterator[Fault]:
    known_hosts = set(catalog.devices) | {device.device_class for device in catalog.devices.values()}
    for host_id in catalog.hosts.defaults:
        if host_id not in known_hosts:
            yield Fault(f"catalog/nodes/{host_id}.yaml", "is neither a device nor a device class")
    unlicensed = sorted({model.licence for model in catalog.models.values()} - set(catalog.licences))
    yield from _unknown("models", "licence", unlicensed)
    features = {feature for engine in catalog.engines.values() for feature in engine.features}
    for preset in catalog.presets.values():
        for need in sorted(set(preset.needs) - features):
            yield Fault(f"catalog/workloads/{preset.task}.yaml", f"needs: no engine offers {need!r}; known: {', '.join(sorted(features))}")
    if catalog.quantizations:
        unknown = sorted({row.quantization for row in catalog.quality} - set(catalog.quantizations))
        yield from _unknown("quality", "quantization", unknown)


def _unknown(folder: str, column: str, names: Iterable[str]) -> Iterator[Fault]:
    yield from (Fault(f"catalog/{folder}", f"{column}: {name!r} is not in the catalog") for name in names)
