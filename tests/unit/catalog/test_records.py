"""Files of the catalog are read strictly: every fault has its line and column."""

import shutil

import pytest

from advisor import resources
from advisor.catalog.catalog import read_catalog
from advisor.catalog.check import check_catalog
from advisor.errors import DataError

MINIMAL = """name: Test card
vendor: NVIDIA
device_class: gpu-consumer
memory: 24 GiB
driver_memory: 24124 MiB
bandwidth: 936 GB/s
backends: [cuda]
source: a data sheet
retrieved: 2026-11-20
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "catalog"
    shutil.copytree(resources.folder("catalog"), folder)
    return folder


def faults_with_device(root, text):
    (root / "devices" / "test-card.yaml").write_text(text)
    return [str(fault) for fault in check_catalog(root)]


def test_the_catalog_has_no_fault(root):
    assert check_catalog(root) == ()


def test_a_new_device_is_one_file(root):
    assert faults_with_device(root, MINIMAL) == []
    device = read_catalog(root).device("test-card")
    assert device.memory_bytes == 24124 * 1024**2
    assert read_catalog(root).node("test-card").host.cpu_cores > 0


@pytest.mark.parametrize(
    ("wrong", "right", "place", "words"),
    [
        ("bandwith: 936 GB/s", "bandwidth: 936 GB/s", "6:1", "unknown key; did you mean bandwidth?"),
        ("bandwidth: 936", "bandwidth: 936 GB/s", "6:12", "is not a quantity in B/s"),
        ("bandwidth: 936 GiB", "bandwidth: 936 GB/s", "6:12", "is not a quantity in B/s"),
        ("device_class: gpu", "device_class: gpu-consumer", "3:15", "expected '"),
        ("backends: [opencl]", "backends: [cuda]", "7:12", "expected '"),
        ("backends: []", "backends: [cuda]", "7:11", "at least one backend"),
        ("retrieved: 20.11.2026", "retrieved: 2026-11-20", "9:12", "is not a date such as 2026-11-20"),
        ("driver_memory: 26 GiB", "driver_memory: 24124 MiB", "5:16", "+8.3% off the installed memory"),
        ("driver_memory: 20 GiB", "driver_memory: 24124 MiB", "5:16", "-16.7% off the installed memory"),
        ("driver_memory: 24400 MiB\ninline_ecc: true", "driver_memory: 24124 MiB", "5:16", "off the installed memory less ECC"),
        ("name: Test card\npcie: 6.0 x16", "name: Test card", "2:7", "is not a slot"),
    ],
)
def test_a_fault_has_its_place(root, wrong, right, place, words):
    faults = faults_with_device(root, MINIMAL.replace(right, wrong))
    assert any(fault.startswith(f"catalog/devices/test-card.yaml:{place}: ") and words in fault for fault in faults), faults


def test_all_faulty_files_are_reported_in_one_run(root):
    (root / "devices" / "test-card.yaml").write_text("name: x\n")
    (root / "offers" / "test.csv").write_text("provider,instance,device,devices,usd_per_hour,as_of,source\na,b,t4,zero,1,2026-01-01,s\n")
    (root / "devcies").mkdir()
    faults = [str(fault) for fault in check_catalog(root)]
    assert any("test-card.yaml" in fault for fault in faults)
    assert any(fault.startswith("catalog/offers/test.csv:2:8: ") for fault in faults), faults
    assert any(fault.startswith("catalog/devcies: nothing reads this folder") for fault in faults)


def test_a_table_with_quotes_keeps_its_columns(root):
    rows = 'provider,instance,device,devices,usd_per_hour,as_of,source\n"a, b",i,t4,1,-1,2026-01-01,s\n'
    (root / "offers" / "test.csv").write_text(rows)
    assert [str(fault).split(": ")[0] for fault in check_catalog(root)] == ["catalog/offers/test.csv:2:15"]


def test_an_unknown_column_and_a_short_row(root):
    (root / "offers" / "test.csv").write_text("provider,instance,device,devices,usd,as_of,source\na,b,t4,1,1,2026-01-01,s\n")
    assert any(": usd: unknown key" in str(fault) for fault in check_catalog(root))
    (root / "offers" / "test.csv").write_text("provider,instance\na\n")
    assert any("1 cells, but the header has 2 columns" in str(fault) for fault in check_catalog(root))


def test_an_offer_of_an_unknown_device_is_refused(root):
    rows = "provider,instance,device,devices,usd_per_hour,as_of,source\na,b,h100,1,1,2026-01-01,s\n"
    (root / "offers" / "test.csv").write_text(rows)
    with pytest.raises(DataError, match=r"test.csv:2:1: device: 'h100' is not in catalog/devices"):
        read_catalog(root)


def test_an_alias_may_mean_one_thing_only(root):
    assert any("'Tesla T4' already means t4" in fault for fault in faults_with_device(root, MINIMAL + 'aliases: ["Tesla T4"]\n'))


def test_a_missing_preset_is_a_fault(root):
    (root / "workloads" / "chat.yaml").unlink()
    assert any("the task chat has no preset" in str(fault) for fault in check_catalog(root))


def test_a_preset_explains_every_figure(root):
    path = root / "workloads" / "chat.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("  pause_s:")))
    assert any("say where the figures of pause_s come from" in str(fault) for fault in check_catalog(root))


def test_the_fingerprint_follows_the_content(root):
    before = read_catalog(root).fingerprint
    assert before == read_catalog(root).fingerprint
    (root / "devices" / "test-card.yaml").write_text(MINIMAL)
    assert read_catalog(root).fingerprint != before


def test_no_two_files_differ_in_case_only():
    """Such a pair cannot be checked out on the file systems of Windows and macOS."""
    paths = [path.as_posix() for path in resources.folder("catalog").rglob("*")]
    assert len({path.casefold() for path in paths}) == len(paths)


SLICES = "cards,profile,memory,memory_share,compute_share,per_card,as_of,source\n"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("t4,1g.8gb,,2/1,1/2,2,2026-01-01,s", "catalog/slices/test.csv:2:12: memory_share: '2/1' is not a share such as 3/7"),
        ("t4,1g.8gb,,half,1/2,2,2026-01-01,s", "catalog/slices/test.csv:2:12: memory_share: 'half' is not a share such as 3/7"),
        ("t4,1g.8gb,,1/2,1/2,0,2026-01-01,s", "per_card: 0: a card holds at least one"),
        ("t4 h100,1g.8gb,,1/2,1/2,2,2026-01-01,s", "catalog/slices/test.csv:2:1: cards: 'h100' is not in catalog/devices"),
    ],
)
def test_a_faulty_slice_has_its_place(root, row, fault):
    (root / "slices" / "test.csv").write_text(SLICES + row + "\n")
    assert any(fault in str(found) for found in check_catalog(root)), check_catalog(root)


def test_a_new_slice_is_one_line(root):
    (root / "slices" / "test.csv").write_text(SLICES + "t4,1g.8gb,,1/2,1/2,2,2026-01-01,s\n")
    assert check_catalog(root) == ()
    catalog = read_catalog(root)
    assert catalog.device("Tesla T4 MIG 1g.8gb").memory_bytes == catalog.device("t4").memory_bytes // 2


def test_a_name_that_is_listed_only_belongs_to_no_device(root):
    (root / "devices" / "test-card.yaml").write_text(MINIMAL + "aliases: [Inferentia2]\n")
    assert any("'Inferentia2' already means inferentia2" in str(fault) for fault in check_catalog(root))


@pytest.mark.parametrize(
    ("block", "usd", "kilowatts", "source"),
    [
        ("purchase: {usd: 900, as_of: 2026-01-01, source: s}", 900, None, "not known"),
        ("power: 200 W\npurchase: {usd: 900, as_of: 2026-01-01, source: s}", 900, 0.3, "assumed: 1.5 x"),
        ("power: 200 W\nownership: {all_in_power: 0.5 kW, as_of: 2026-01-01, source: o}", None, 0.5, "o (2026-01-01)"),
    ],
)
def test_owning_a_device_is_told_as_far_as_it_is_known(root, block, usd, kilowatts, source):
    (root / "devices" / "test-card.yaml").write_text(MINIMAL + block + "\n")
    assert check_catalog(root) == ()
    owning = read_catalog(root).purchases["test-card"]
    assert (owning.usd_per_device, owning.all_in_kw_per_device) == (usd, pytest.approx(kilowatts) if kilowatts else None)
    assert owning.all_in_source.startswith(source)
