"""Questions that the rest of the advisor asks of the catalog."""

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.devices import metal_working_set_bytes
from advisor.errors import UserInputError
from advisor.units import GIB

CATALOG = load_catalog()


def test_an_ambiguous_word_lists_what_it_may_mean():
    with pytest.raises(UserInputError) as caught:
        CATALOG.device("h100")
    message = str(caught.value)
    assert message.startswith('"h100" is three devices: ')
    assert "h100-sxm (80 GB, 3,350 GB/s)" in message and "h100-pcie (80 GB, 2,000 GB/s)" in message
    assert message.endswith("(advisor catalog show h100)")


def test_an_unknown_device_gets_near_names_and_nothing_is_guessed():
    with pytest.raises(UserInputError, match="did you mean h100-sxm"):
        CATALOG.device("h100-smx")


def test_a_short_name_never_matches_a_part_of_a_word():
    assert CATALOG.device("l4").id == "l4"
    assert CATALOG.device("l40").id == "l40"


def test_an_unknown_task_is_refused():
    with pytest.raises(UserInputError, match="did you mean chat"):
        CATALOG.preset("chatt")


def test_the_host_of_a_gpu_is_assumed_and_says_why():
    node = CATALOG.node("h100-sxm", 4)
    assert (node.devices, node.assumed_host) == (4, True)
    assert node.host.memory_bytes == 4 * 256 * GIB
    assert node.host.device_link_bytes_per_s == pytest.approx(63e9, rel=0.01)
    assert node.host.source.startswith("assumed: ")
    assert not node.host.repacks_weights


@pytest.mark.parametrize("device_id", ["cpu", "epyc-9654", "xeon-spr", "desktop-ddr5", "i9-13900k", "raspberry-pi-5"])
def test_a_cpu_lives_in_its_own_memory_and_repacks_weights(device_id):
    node = CATALOG.node(device_id, 1)
    assert node.device.is_cpu
    assert node.host.memory_bytes == node.device.memory_bytes
    assert node.host.memory_bandwidth_bytes_per_s == node.device.memory_bandwidth_bytes_per_s
    assert node.host.repacks_weights


@pytest.mark.parametrize(("ram_gib", "working_set_gib"), [(8, 5.33), (32, 21.33), (36, 27), (64, 48), (192, 144)])
def test_metal_lets_a_process_use_part_of_the_memory(ram_gib, working_set_gib):
    """recommendedMaxWorkingSetSize as llama.cpp prints it: 5726.63 MB for 8 GB, 51539.61 MB for 64 GB, 154618.82 MB for 192 GB."""
    assert metal_working_set_bytes(ram_gib * GIB) / GIB == pytest.approx(working_set_gib, abs=0.005)


def test_unified_memory_is_the_memory_of_the_host():
    node = CATALOG.node("apple-m2-ultra", 1)
    assert node.device.unified_memory
    assert (node.device.memory_bytes, node.host.memory_bytes) == (144 * GIB, 192 * GIB)


def test_a_rented_instance_brings_its_own_cores_and_memory():
    offer = next(o for o in CATALOG.offers if o.instance == "g5.xlarge")
    node = CATALOG.node_of(offer)
    assert (node.host.cpu_cores, node.host.memory_bytes, node.assumed_host) == (2, 16 * GIB, False)
    unknown = next(o for o in CATALOG.offers if o.provider == "vultr")
    assert CATALOG.node_of(unknown).assumed_host


def test_a_node_holds_a_device():
    with pytest.raises(UserInputError, match="at least one"):
        CATALOG.node("l4", 0)


def test_the_catalog_is_read_once():
    assert load_catalog() is load_catalog()
