"""A workload file that cannot be used: every fault at its line, one sentence each, exit 2; a wish that cannot be granted: exit 1."""

import pytest

from tests.unit.cli.command_line import advisor, names, refused

GOOD = """\
schema: advisor.workload/1
name: letters
task: summarisation
models: [Qwen/Qwen3-32B]
load: {users: {active: 240, pause_s: 120}}
request:
  input_tokens: {p50: 4000, p95: 9000, max: 15000}
  output_tokens: {p50: 500, p95: 900, max: 1200}
  shared_prefix_tokens: 600
service_level: {ttft_p95_s: 2.0, tpot_p95_s: 0.050}
privacy: {stays_on: premises}
hardware: {owned: [{device: h100-sxm, count: 4, per_node: 4}]}
"""
USERS, OWNED = "users: {active: 240, pause_s: 120}", "{owned: [{device: h100-sxm, count: 4, per_node: 4}]}"
THIRTY_DIGITS = "1" + "0" * 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(folder, content):
    """The file written, and the arguments that plan it."""
    path = folder / "w.yaml"
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    return ("plan", "w.yaml", "-o", "plan.yaml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "w.yaml:1:1: the file is empty"),
        ("# nothing\n", "w.yaml:1:1: the file is empty"),
        ("load: [1,", "not valid YAML"),
        ("\tload: 1", "w.yaml:1:1: not valid YAML"),
        ("- a\n- b\n", "w.yaml:1:1: file: not a file of this kind: expected keys and values"),
        ("42", "expected keys and values"),
        (GOOD + "---\n" + GOOD, "w.yaml:14:1: a second YAML document: expected one, found 2"),
        ("a: &x [*x]", "referring to itself"),
        ("a: *nowhere", "w.yaml:1:4: not valid YAML: found undefined alias"),
        ("a: 1\na: 2\n", "w.yaml:2:1: a: given twice"),
        ("? [a]\n: 1\n", "a key must be plain text"),
        ("ü: 1\nb: \x1b[31mred", "w.yaml:2:4: not valid YAML: the control character U+001B"),
        ("[" * 500_000, "w.yaml:1:65: nested deeper than 64 levels"),
        ("a:\n" + "".join(f"{' ' * depth}- \n" for depth in range(1, 900)), "nested deeper than 64 levels"),
        ("a: [" + "1," * 500_000 + "1]", "more than 100,000 values"),
        ("x" * (16 * 1024 * 1024 + 1), "w.yaml: larger than 16 MiB"),
        (b"\x00\x01\xff", "not UTF-8 text (byte 2)"),
        ("schema: ü".encode("latin-1"), "not UTF-8 text (byte 8)"),
        ("schema: x".encode("utf-16"), "not UTF-8 text (byte 0)"),
    ],
)
def test_files_that_are_no_workload(folder, content, says):
    refused(*plan(folder, content), says=says)
    assert names(folder) == ["w.yaml"]


def test_aliases_that_blow_up(folder):
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    refused(*plan(folder, "\n".join(rows)), says="aliases that blow up")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("absent.yaml", "absent.yaml: No such file or directory"),
        (".", ".: Is a directory"),
        ("loop", "loop: Too many levels of symbolic links"),
        ("a" * 300, "File name too long"),
        ("/dev/zero", "/dev/zero: larger than 16 MiB"),
        ("\x1b[31mred", "\\x1b[31mred: No such file"),
    ],
)
def test_paths_that_lead_nowhere(folder, path, says):
    (folder / "loop").symlink_to("loop")
    refused("plan", path, says=says)


def test_a_file_that_may_not_be_read(folder, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    arguments = plan(folder, GOOD)
    monkeypatch.setattr("pathlib.Path.open", denied)
    refused(*arguments, says="w.yaml: Permission denied")


@pytest.mark.parametrize("content", ["\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "---\n" + GOOD])
def test_what_editors_add_is_no_fault(folder, content):
    refused(*plan(folder, content + "nonsense: 1\n"), says=":1: nonsense: unknown key")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("active: 240", "active: 0", "w.yaml:5:24: load.users.active: 0 must be above 0"),
        ("active: 240", "active: -5", "-5 must be above 0"),
        ("active: 240", "active: 2.5", "load.users.active: expected a whole number, found '2.5'"),
        ("active: 240", "active: 1e308", "expected a whole number"),
        ("active: 240", "active: many", "expected a whole number, found 'many'"),
        ("active: 240", "active: true", "expected a whole number"),
        ("active: 240", "active: [1]", "expected a whole number, found a list"),
        ("active: 240", "active: {a: 1}", "expected a whole number, found keys and values"),
        ("active: 240", "active: ", "expected a whole number, found nothing"),
        ("active: 240", f"active: {THIRTY_DIGITS}", "a number of 31 digits is above 1,000,000,000"),
        ("active: 240", f"active: {'9' * 5000}", "a whole number of a sane size, found '999"),
        ("pause_s: 120", "pause_s: nan", "expected a finite number, found 'nan'"),
        ("pause_s: 120", "pause_s: -inf", "expected a finite number"),
        ("pause_s: 120", "pause_s: 1e308", "1e+308 is above 1,000,000,000"),
        ("pause_s: 120", "pause_s: 1e309", "expected a finite number"),
        ("pause_s: 120", "pause_s: 2 s", "expected a number, found '2 s'"),
        ("p95: 9000", "p95: 900", "w.yaml:7:34: request.input_tokens.p95: p95 (900) is below p50 (4000)"),
        ("max: 15000", f"max: {THIRTY_DIGITS}", "request.input_tokens.max: a number of 31 digits"),
        ("p50: 4000", f"p50: {'1' * 400}", "a number of 400 digits"),
        ("shared_prefix_tokens: 600", "shared_prefix_tokens: 5000", "5000 is more than the median prompt (4000)"),
        ("ttft_p95_s: 2.0", "ttft_p95_s: 0", "service_level.ttft_p95_s: 0 must be above 0"),
        ("ttft_p95_s: 2.0", "ttft_p95: 2.0", "unknown key; did you mean ttft_p95_s?"),
        ("stays_on: premises", "stays_on: mars", "expected 'this_device', 'premises', 'own_cloud_account', 'region' or 'anywhere'"),
        ("stays_on: premises", "data: patient", "privacy.stays_on: required, but missing"),
        ("task: summarisation", "task: summarization", "did you mean summarisation?"),
        ("name: letters", "name: ../../x", "name: '../../x' is not a usable name"),
        ("name: letters", 'name: "a\\e[31m"', "'name': holds control characters"),
        ("name: letters", 'name: ""', "'' is not a usable name"),
        ("name: letters", "growth_pct_per_year: -100", "above -100"),
        ("name: letters", "volume: {requests_per_day: 1, days_per_month: 40}", "a month has at most 31"),
        ("name: letters", "cost: {amortisation_years: 1e-300}", "less than a day"),
        ("name: letters", "quality: slight", "quality: expected keys and values, found 'slight'"),
        ("schema: advisor.workload/1", "schema: advisor.plan/1", "schema: expected 'advisor.workload/1', found 'advisor.plan/1'"),
        (USERS, "users: 240", "load.users: expected keys and values, found '240'"),
        (
            USERS,
            USERS + ", requests_per_s: 3",
            "give exactly one of users, requests_per_s, in_flight, batch; found users and requests_per_s",
        ),
        (USERS, "requests_per_s: 1e300", "load.requests_per_s: 1e+300 is above"),
        (USERS, "batch: {requests: 5, finish_within_h: 1e-9}", "1e-09 h is under a second: give requests_per_s instead"),
        (
            "[Qwen/Qwen3-32B]",
            "[Qwen/Qwen4-32B]",
            "w.yaml:4:10: models[0]: model 'Qwen/Qwen4-32B' is not in the catalog; did you mean Qwen/Qwen3-32B",
        ),
        ("[Qwen/Qwen3-32B]", "[Qwen/Qwen3-32B, qwen3-32b]", "models[1]: Qwen/Qwen3-32B is in the list already (models[0])"),
        ("[Qwen/Qwen3-32B]", "Qwen/Qwen3-32B", "models: expected a list or 'any', found 'Qwen/Qwen3-32B'"),
        ("[Qwen/Qwen3-32B]", "[{a: b}]", "models[0]: expected text, found keys and values"),
        ("[Qwen/Qwen3-32B]", "[]", "models: the list is empty: name a model, or write `models: any`"),
        ("h100-sxm", "h100", 'w.yaml:12:29: hardware.owned[0].device: "h100" is three devices: h100-nvl (94 GB'),
        ("h100-sxm", "h100-smx", "device 'h100-smx' is not in the catalog; did you mean h100-sxm"),
        ("count: 4", "count: 0", "hardware.owned[0].count: 0 must be above 0"),
        ("count: 4", "count: 3", "hardware.owned[0].per_node: 3 devices are not whole servers of 4"),
        (OWNED, "{}", "hardware: names no machine: give owned, rent, buy or this_machine: true"),
        (OWNED, "{file: h.yaml}", "hardware.file: a separate hardware file is not read by this version"),
        (OWNED, "{rent: {providers: [nobody]}}", "hardware.rent.providers[0]: no offer in the catalog names 'nobody'; there are aws"),
        (OWNED, "{buy: {max_devices: 0}}", "hardware.buy.max_devices: 0 must be above 0"),
    ],
)
def test_one_wrong_value_is_one_sentence(folder, old, new, says):
    assert old in GOOD
    refused(*plan(folder, GOOD.replace(old, new, 1)), says=says)
    assert names(folder) == ["w.yaml"]


def test_all_faults_in_one_run_those_of_form_and_those_of_names(folder):
    text = GOOD.replace("active: 240", "active: x").replace("h100-sxm", "h100").replace("Qwen3-32B", "Qwen9").replace("premises", "mars")
    lines = refused(*plan(folder, text), says="load.users.active", faults=4)
    assert [line.split(": ")[1] for line in lines] == ["load.users.active", "privacy.stays_on", "models[0]", "hardware.owned[0].device"]


def test_never_more_than_twenty_faults(folder):
    keys = "".join(f"k{index}: 1\n" for index in range(32))
    assert refused(*plan(folder, GOOD + keys), says="k0: unknown key", faults=21)[-1] == "and 12 more"


def test_another_file_is_not_quoted(folder):
    """A pull request that points a plan at a file of the machine must not print it."""
    (folder / "secret").write_text("root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\n")
    assert "root" not in refused("plan", "secret", says="not a file of this kind")[0]


# ---- wishes that nothing can grant


def denied(folder, text):
    ended = advisor(*plan(folder, text))
    assert ended.code == 1 and ended.err == "", ended
    return " ".join(ended.out.split())


def test_a_first_token_faster_than_physics(folder):
    text = GOOD.replace("ttft_p95_s: 2.0", "ttft_p95_s: 0.2").replace("count: 4, per_node: 4", "count: 1").replace("240", "2")
    said = denied(folder, text)
    assert "w.yaml:10:29: service_level.ttft_p95_s: 200 ms is below what physics allows: 8,400 prompt tokens" in said
    assert "ms at the peak of 1 x h100-sxm, about" in said and "[LAT002]" in said
    nearest = said.partition("Nearest that works: ")[2].partition(" ms")[0]
    granted = text.replace("ttft_p95_s: 0.2", f"ttft_p95_s: {float(nearest) / 1000}")
    assert advisor(*plan(folder, granted)).code == 0, "the limit that is said to work works"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "privacy: {stays_on: premises}\nhardware: " + OWNED,
            "privacy: {stays_on: this_device}\nhardware: {rent: {devices: [h100-sxm]}}",
            "PRV001",
        ),
        ("tpot_p95_s: 0.050", "tpot_p95_s: 0.050, with_replicas_down: 4", "replica"),
        ("max: 15000", "max: 500000", "longest request"),
        (USERS, "batch: {requests: 100000000, finish_within_h: 1}", "finished after"),
        (
            "privacy: {stays_on: premises}\nhardware: " + OWNED,
            "privacy: {stays_on: anywhere}\nhardware: {rent: {devices: [t4]}}\ncost: {budget_usd_per_month: 1}",
            "cost a month <= 1",
        ),
    ],
)
def test_goals_that_contradict(folder, old, new, says):
    assert old in GOOD
    small = (
        GOOD.replace(old, new)
        .replace("Qwen3-32B", "Qwen3-0.6B")
        .replace("active: 240", "active: 2")
        .replace("count: 4, per_node: 4", "count: 1")
    )
    assert says in denied(folder, small)
