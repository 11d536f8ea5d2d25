"""Folders of the user's and the team's on top of the catalog: added and overriding files of every kind, each one reported."""

import pytest

from advisor.catalog import layers, load_catalog
from advisor.catalog.catalog import read_catalog
from advisor.catalog.check import check_catalog
from advisor.catalog.layers import Layers, layers_in_use, over
from advisor.errors import UserInputError
from advisor.resources import folder
from tests.unit.catalog.test_records import MINIMAL
from tests.unit.cli.command_line import advisor, refused

BUILT_IN = folder("catalog")
OFFERS = "provider,instance,device,devices,usd_per_hour,region,as_of,source\n"


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def read(*folders):
    return read_catalog(Layers((BUILT_IN, *folders)))


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_on_top_changes_nothing(own):
    assert read(own) == read_catalog(BUILT_IN)
    assert read_catalog(BUILT_IN).overrides == ()


# kind -> a built-in file, words in it and what the override says instead, and what the catalog then holds
EVERY_KIND = {
    "devices/h100-sxm.yaml": ("3.35 TB/s", "3.0 TB/s", lambda c: c.devices["h100-sxm"].memory_bandwidth_bytes_per_s == 3.0e12),
    "models/Qwen/Qwen3-8B.yaml": ("apache-2.0", "mit", lambda c: c.models["Qwen/Qwen3-8B"].licence == "mit"),
    "quantizations/gguf/Q4_K_M.yaml": ("loss: ", "loss: large\n#", lambda c: c.quantizations["Q4_K_M"].loss == "large"),
    "engines/vllm.yaml": ("title: ", "title: Ours #", lambda c: c.engines["vllm"].title == "Ours"),
    "licences/mit.yaml": ("name: ", "name: Ours #", lambda c: c.licences["mit"].name == "Ours"),
    "workloads/chat.yaml": ("name: ", "name: Ours #", lambda c: c.presets["chat"].name == "Ours"),
    "nodes/gpu-consumer.yaml": ("reason: ", "reason: ours #", lambda c: "ours" in c.node("rtx-3090").host.source),
    "calibration/memory.yaml": ("", "# ours\n", lambda c: c.memory_constants == load_catalog().memory_constants),
}


@pytest.mark.parametrize(("name", "change"), EVERY_KIND.items(), ids=EVERY_KIND)
def test_a_file_of_every_kind_can_be_overridden_and_is_reported(own, name, change):
    before, after, holds = change
    text = (BUILT_IN / name).read_text()
    assert before in text
    write(own, name, text.replace(before, after, 1))
    catalog = read(own)
    assert holds(catalog)
    assert [(override.path, override.replaces) for override in catalog.overrides] == [(name, True)]
    assert catalog.fingerprint != load_catalog().fingerprint
    assert check_catalog(Layers((BUILT_IN, own))) == ()


def test_a_table_of_the_same_name_takes_the_place_of_ours(own):
    write(own, "offers/aws.csv", OFFERS + "aws,p5.48xlarge,h100-sxm,8,40,us-east-1,2026-12-01,contract\n")
    ours = [offer for offer in read(own).offers if offer.provider == "aws"]
    assert [offer.usd_per_hour for offer in ours] == [40]


def test_one_line_in_a_table_of_another_name_overrides_that_price_alone(own):
    write(own, "offers/contract.csv", OFFERS + "aws,p5.48xlarge,h100-sxm,8,40,us-east-1,2026-12-01,contract\n")
    catalog = read(own)
    prices = [offer.usd_per_hour for offer in catalog.offers if offer.instance == "p5.48xlarge"]
    assert prices == [40] and len(catalog.offers) == len(load_catalog().offers)
    columns = "provider,model,input_usd_per_mtok,output_usd_per_mtok,as_of,source"
    write(own, "api_prices/ours.csv", f"{columns}\novhcloud,Qwen/Qwen3-32B,1,2,2026-12-01,us\n")
    assert [p.output_usd_per_mtok for p in read(own).api_prices if (p.provider, p.model) == ("ovhcloud", "Qwen/Qwen3-32B")] == [2]


def test_the_team_comes_after_the_user_and_the_flag_last(tmp_path, monkeypatch):
    user, team, flag = (tmp_path / name for name in ("user", "team", "flag"))
    for root, speed in ((user, "1 TB/s"), (team, "2 TB/s"), (flag, "3 TB/s")):
        write(root, "devices/test-card.yaml", MINIMAL.replace("936 GB/s", speed))
    monkeypatch.setattr(layers, "user_folder", lambda: user)

    def speed():
        return load_catalog().device("test-card").memory_bandwidth_bytes_per_s

    assert speed() == 1e12
    monkeypatch.setenv("ADVISOR_CATALOG", str(team))
    assert speed() == 2e12
    with over([flag]):
        assert speed() == 3e12
        assert [override.replaces for override in load_catalog().overrides] == [False, True, True]
    assert speed() == 2e12


def test_a_folder_that_is_not_there_is_said(tmp_path, monkeypatch):
    refused("catalog", "list", "--catalog", tmp_path / "absent", says="is not a folder")
    monkeypatch.setenv("ADVISOR_CATALOG", str(tmp_path / "absent"))
    with pytest.raises(UserInputError, match=r"ADVISOR_CATALOG: .* is not a folder"):
        layers_in_use()


def test_a_fault_in_an_overlay_names_its_file_in_full(own):
    write(own, "devices/test-card.yaml", MINIMAL.replace("936 GB/s", "936"))
    (line,) = refused("catalog", "check", own, says="is not a quantity in B/s")
    assert line.startswith(f"{own / 'devices' / 'test-card.yaml'}:6:12: ")
    write(own, "devicez/x.yaml", "a: 1\n")
    assert any("nothing reads this folder" in str(fault) for fault in check_catalog(Layers((BUILT_IN, own))))


def test_commands_say_what_of_the_catalog_is_not_ours(own):
    write(own, "devices/test-card.yaml", MINIMAL)
    estimate = ("estimate", "Qwen/Qwen3-8B", "--engine", "llama.cpp", "--quantization", "Q4_K_M", "--device", "test-card", "--catalog", own)
    ended = advisor(*estimate)
    assert ended.code == 0 and ended.err == f"catalog: with {own / 'devices' / 'test-card.yaml'} (added)\n"
    assert advisor(*estimate, "--quiet").err == ""
    assert f"{own / 'devices' / 'test-card.yaml'} (added)" in advisor("catalog", "check", own).out
    refused(*estimate[:-2], says="device 'test-card' is not in the catalog")


def test_a_model_like_another_one(own):
    write(own, "models/acme/letters-8b.yaml", "licence: mit\nas_of: 2026-12-01\nsource: us\nlike: Qwen/Qwen3-8B\nmade: [Q4_K_M]\n")
    catalog = read(own)
    assert catalog.model("acme/letters-8b").architecture == catalog.model("Qwen/Qwen3-8B").architecture
    assert check_catalog(Layers((BUILT_IN, own))) == ()
    write(own, "models/acme/letters-8b.yaml", "licence: mit\nas_of: 2026-12-01\nsource: us\nlike: Qwen/Qwen3-8B-Chat\n")
    (fault,) = check_catalog(Layers((BUILT_IN, own)))
    assert fault.place.endswith("letters-8b.yaml:4:7") and "did you mean Qwen/Qwen3-8B?" in fault.message
    write(own, "models/acme/letters-8b.yaml", "licence: mit\nas_of: 2026-12-01\nsource: us\n")
    (fault,) = check_catalog(Layers((BUILT_IN, own)))
    assert "exactly one of config" in fault.message
