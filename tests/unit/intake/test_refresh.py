"""`advisor catalog refresh`: small samples in each source's real format, from a server on this computer."""

import json
import shutil
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.catalog import read_catalog
from advisor.catalog.check import check_catalog
from advisor.catalog.layers import Layers
from advisor.intake.prices.formats import read_prices
from advisor.resources import folder
from tests.unit.cli.command_line import advisor
from tests.unit.intake.file_server import repository, serving
from tests.unit.intake.test_hub_models import FILES

BUILT_IN = load_catalog()


def go_aws(prices, day="2026-12-01"):
    lines = [f'\t\t"{name}": {price:.6f},' for name, price in prices.items()]
    body = "\n".join(["\t\t// g6 family", *lines])
    head = f"// generated at {day}T13:23:24Z for us-east-1\n\nvar InitialOnDemandPricesAWS = map[string]map[ec2types.InstanceType]float64{{"
    return f'package pricing\n\n{head}\n\t// us-east-1\n\t"us-east-1": {{\n{body}\n\t}},\n}}\n'.encode()


def go_azure(regions):
    blocks = "".join(
        f'\t// {region}\n\tinitialOnDemandPrices["{region}"] = map[string]float64{{\n'
        + "".join(f'\t\t"{name}": {price:.6f},\n' for name, price in prices.items())
        + "\t}\n"
        for region, prices in regions.items()
    )
    return f"package pricing\n\n// generated at 2026-12-02T14:34:50Z\n\nfunc init() {{\n{blocks}}}\n".encode()


def known(provider):
    return {(o.instance, o.region): o.usd_per_hour for o in BUILT_IN.offers if o.provider == provider}


AWS = {name: price for (name, _), price in known("aws").items()}


@pytest.fixture
def refresh(tmp_path, monkeypatch, hub_at):
    """Serve files, refresh into a folder of the test's; gives the command's end and that folder."""
    monkeypatch.setenv("ADVISOR_TODAY", "2026-12-24")

    def run(files, *arguments):
        with serving(files) as server:
            hub_at(server.address)
            words = [word.replace("AT", server.address) for word in arguments]
            return advisor("catalog", "refresh", "-o", tmp_path / "own", *words)

    run.folder = tmp_path / "own"
    return run


def offers_with(own):
    return {(o.provider, o.instance, o.region): o for o in read_catalog(Layers((folder("catalog"), own))).offers}


def test_aws_new_prices_take_the_place_of_ours_and_what_changed_is_said(refresh):
    prices = AWS | {"p5.48xlarge": AWS["p5.48xlarge"] * 1.1, "m5.large": 0.1}
    ended = refresh({"/a.go": go_aws(prices)}, "--from", "karpenter-aws=AT/a.go")
    assert ended.code == 0, ended
    assert "karpenter-aws of 2026-12-01: 0 new, 0 gone, 1 changed (median +10.0 %, most p5.48xlarge us-east-1 55.04 ->" in ended.out
    offer = offers_with(refresh.folder)["aws", "p5.48xlarge", "us-east-1"]
    assert (offer.usd_per_hour, offer.as_of, offer.device, offer.devices) == (pytest.approx(60.544), "2026-12-01", "h100-sxm", 8)
    assert check_catalog(Layers((folder("catalog"), refresh.folder))) == ()
    assert load_catalog().fingerprint == BUILT_IN.fingerprint, "the built-in catalog is as it was"


def test_gone_instances_are_named_and_a_second_refresh_replaces_its_own_table(refresh):
    fewer = {name: price for name, price in AWS.items() if name != "g4dn.xlarge"}
    first = refresh({"/a.go": go_aws(fewer)}, "--from", "karpenter-aws=AT/a.go", "--format", "json")
    assert json.loads(first.out)["tables"][0]["gone"] == ["g4dn.xlarge us-east-1"]
    assert ("aws", "g4dn.xlarge", "us-east-1") not in offers_with(refresh.folder)
    assert refresh({"/a.go": go_aws(AWS)}, "--from", "karpenter-aws=AT/a.go").code == 0
    assert ("aws", "g4dn.xlarge", "us-east-1") in offers_with(refresh.folder)


def test_azure_regions_are_those_of_the_catalog_and_those_asked_for(refresh):
    regions = {}
    for (name, region), price in known("azure").items():
        regions.setdefault(region, {})[name] = price
    regions |= {"brazilsouth": {"Standard_NC4as_T4_v3": 0.9}, "japaneast": {"Standard_NC4as_T4_v3": 0.8}}
    ended = refresh({"/a.go": go_azure(regions)}, "--from", "karpenter-azure=AT/a.go", "--region", "japaneast")
    assert "karpenter-azure of 2026-12-02: 1 new, 0 gone, 0 changed" in ended.out, ended
    assert "  new: Standard_NC4as_T4_v3 japaneast\n" in ended.out
    offers = offers_with(refresh.folder)
    assert offers["azure", "Standard_NC4as_T4_v3", "japaneast"].usd_per_hour == 0.8
    assert ("azure", "Standard_NC4as_T4_v3", "brazilsouth") not in offers


def test_gcp_has_spot_prices_and_the_day_of_the_file(refresh):
    regions = {}
    for (name, region), price in known("gcp").items():
        at = regions.setdefault(region, {"on_demand": {}, "spot": {}})
        at["on_demand"][name], at["spot"][name] = price, price / 2
    regions["us-central1"]["spot"]["a3-highgpu-1g"] = 10_000  # a slip of the source
    page = (200, {"Last-Modified": "Mon, 30 Nov 2026 10:00:00 GMT"}, json.dumps({"prices": regions}).encode())
    assert refresh({"/p.json": page}, "--from", "karpenter-gcp=AT/p.json").code == 0
    offers = offers_with(refresh.folder)
    whole = offers["gcp", "a2-highgpu-1g", "us-central1"]
    assert whole.spot_usd_per_hour == pytest.approx(whole.usd_per_hour / 2, rel=1e-6) and whole.as_of == "2026-11-30"
    assert offers["gcp", "a3-highgpu-1g", "us-central1"].spot_usd_per_hour is None


def litellm(rows):
    return {
        row.source.rpartition("(")[2].rstrip(")"): {
            "litellm_provider": row.provider,
            "mode": "chat",
            "input_cost_per_token": row.input_usd_per_mtok / 1e6,
            "output_cost_per_token": row.output_usd_per_mtok / 1e6,
        }
        for row in rows
    }


def test_litellm_prices_of_the_models_that_the_catalog_knows(refresh):
    entries = litellm(BUILT_IN.api_prices) | {
        "sample_spec": {"mode": "one of: chat", "input_cost_per_token": 0.0},
        "ovhcloud/Qwen3-32B": {
            "litellm_provider": "ovhcloud",
            "mode": "chat",
            "input_cost_per_token": 1e-7,
            "output_cost_per_token": 3e-7,
            "cache_read_input_token_cost": 5e-8,
        },
        "free/Qwen/Qwen3-32B": {"litellm_provider": "free", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0},
        "x/nobody/knows": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 1e-7, "output_cost_per_token": 1e-7},
    }
    ended = refresh({"/l.json": json.dumps(entries).encode()}, "--from", "litellm=AT/l.json")
    assert ended.code == 0 and ": 0 new, 0 gone, 1 changed" in ended.out, ended
    prices = {(p.provider, p.model): p for p in read_catalog(Layers((folder("catalog"), refresh.folder))).api_prices}
    price = prices["ovhcloud", "Qwen/Qwen3-32B"]
    assert (price.input_usd_per_mtok, price.output_usd_per_mtok, price.cached_input_usd_per_mtok) == (0.1, 0.3, 0.05)
    assert not [provider for provider, _ in prices if provider in ("free", "x")]


def test_a_model_of_the_hub_becomes_a_record_that_plans_can_name(refresh):
    ended = refresh(repository("acme/tiny", FILES, tags=["license:mit"]), "--from", "hub", "--model", "acme/tiny")
    assert ended.code == 0, ended
    catalog = read_catalog(Layers((folder("catalog"), refresh.folder)))
    (checkpoint,) = catalog.model("acme/tiny").checkpoints
    assert (checkpoint.quantization, checkpoint.weights_bytes, catalog.model("acme/tiny").licence) == ("bf16", 300, "mit")
    assert check_catalog(Layers((folder("catalog"), refresh.folder))) == ()


def test_a_table_of_ones_own(refresh, tmp_path):
    own = tmp_path / "ours.csv"
    own.write_text(
        "provider,instance,device,devices,usd_per_hour,region,as_of,source\nours,rack,h100-sxm,8,20,basement,2026-12-01,contract\n"
    )
    assert refresh({}, "--from", str(own)).code == 0
    assert offers_with(refresh.folder)["ours", "rack", "basement"].usd_per_hour == 20
    own.write_text("provider,instance\nours,rack\n")
    assert refresh({}, "--from", str(own)).code == 2


def test_dry_run_writes_nothing(refresh):
    ended = refresh({"/a.go": go_aws(AWS)}, "--from", "karpenter-aws=AT/a.go", "--dry-run")
    assert ended.code == 0 and "would write" in ended.out and not refresh.folder.exists()


FAULTS = {
    "not there": ((404, {}, b""), "answered 404"),
    "web page": ((200, {"Content-Type": "text/html"}, b"<html>"), "a web page"),
    "another format": (b"hello", "no prices found in it: not the format karpenter-aws, or the format has changed"),
    "nothing known": (go_aws({"m5.large": 0.1}), "54 of 54 known prices are not in it"),
    "half of it": (go_aws(dict(list(AWS.items())[:10])), "44 of 54 known prices are not in it"),
    "zero prices": (go_aws(dict.fromkeys(AWS, 0.0)), "no prices found in it"),
}


@pytest.mark.parametrize(("page", "says"), FAULTS.values(), ids=FAULTS)
def test_a_source_that_fails_is_left_out_alone(refresh, page, says):
    good = json.dumps(litellm(BUILT_IN.api_prices)).encode()
    ended = refresh({"/a.go": page, "/l.json": good}, "--from", "karpenter-aws=AT/a.go", "--from", "litellm=AT/l.json")
    assert ended.code == 2
    assert says in ended.err and len(ended.err.splitlines()) == 1
    assert sorted(path.relative_to(refresh.folder).as_posix() for path in refresh.folder.rglob("*") if path.is_file()) == [
        "api_prices/litellm.csv"
    ]


def test_rows_that_a_person_put_into_the_table_are_not_lost(refresh):
    table = refresh.folder / "offers" / "aws.csv"
    table.parent.mkdir(parents=True)
    shutil.copy(folder("catalog") / "offers" / "aws.csv", table)
    before = table.read_text() + "aws,p5.48xlarge,h100-sxm,8,40,,eu-ours-1,2026-12-01,our contract\n"
    table.write_text(before)
    ended = refresh({"/a.go": go_aws(AWS)}, "--from", "karpenter-aws=AT/a.go")
    assert ended.code == 2 and "rows in it are not of this source" in ended.err
    assert table.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name at least one source"),
        (("--from", "karpenter-awz"), "did you mean karpenter-aws?"),
        (("--from", "hub"), "--from hub and --model belong together"),
        (("--from", "absent.csv"), "absent.csv"),
    ],
)
def test_command_lines_that_ask_for_nothing(refresh, arguments, says):
    ended = refresh({}, *arguments)
    assert ended.code == 2 and says in ended.err


def test_offline_nobody_is_asked(refresh, monkeypatch):
    monkeypatch.setenv("ADVISOR_OFFLINE", "1")
    ended = refresh({"/a.go": go_aws(AWS)}, "--from", "karpenter-aws=AT/a.go")
    assert ended.code == 2 and "ADVISOR_OFFLINE is set" in ended.err and not refresh.folder.exists()


def test_a_downloaded_copy_needs_no_network(refresh, monkeypatch, tmp_path):
    monkeypatch.setenv("ADVISOR_OFFLINE", "1")
    (tmp_path / "copy.go").write_bytes(go_aws(AWS))
    assert refresh({}, "--from", f"karpenter-aws={tmp_path / 'copy.go'}").code == 0


def test_the_formats_are_read_as_their_sources_write_them():
    """Lines as they stand in aws/karpenter-provider-aws@031e72b6 and Azure/karpenter-provider-azure@0499866a."""
    several = '\t"us-east-1": {\n\t\t"g6.12xlarge": 4.601600, "g6.16xlarge": 3.396800, "g6.24xlarge": 6.675200, "g6.2xlarge": 0.977600,\n'
    found = read_prices(f"// generated at 2026-01-19T13:23:24Z for us-east-1\n{several}", "karpenter-aws", "x")
    assert [quote.instance for quote in found.quotes] == ["g6.12xlarge", "g6.16xlarge", "g6.24xlarge", "g6.2xlarge"]
    assert found.as_of == "2026-01-19"
    azure = '\tinitialOnDemandPrices["eastus"] = map[string]float64{\n\t\t"Fsv2 Type3":             5.128000,\n'
    (quote,) = read_prices(azure, "karpenter-azure", "x").quotes
    assert (quote.instance, quote.region, quote.usd_per_hour) == ("Fsv2 Type3", "eastus", 5.128)


def test_the_committed_sources_name_tables_that_exist():
    from advisor.catalog.sources import load_sources

    sources = load_sources(folder("catalog"))
    assert len(sources) == 4
    for source in sources.values():
        assert (Path(folder("catalog")) / f"{source.table}.csv").exists() and source.address.startswith("https://")
