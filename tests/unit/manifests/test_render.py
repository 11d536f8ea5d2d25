"""Rendered manifests: valid for the API server, the bytes that were reviewed, locked down, and closed to hostile names and reasons."""

import dataclasses
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from advisor.catalog import load_catalog
from advisor.domain.quantity import Basis, Quantity
from advisor.errors import UserInputError
from advisor.manifests.arguments import Argument
from advisor.manifests.command import render_command
from advisor.manifests.compose import render_compose
from advisor.manifests.kubernetes import render_kubernetes
from advisor.manifests.names import check_name
from advisor.manifests.reading import parse_manifest
from advisor.manifests.startup import start_up
from advisor.manifests.writing import write_rendered

from . import blueprints

GOLDEN = Path(__file__).parents[2] / "golden" / "manifests"
RENDERERS = {"command": render_command, "compose": render_compose, "kubernetes": render_kubernetes}
BLUEPRINTS = {"letters": blueprints.vllm, "notes": blueprints.llama_server}
HOSTILE = "x\"\n  evil: true # '$(HOME) ${HOME} `id` \x1b[31m %} {{ 7 }} \u2028 & * ! | > , ] }"


@pytest.mark.parametrize("target", RENDERERS)
@pytest.mark.parametrize("name", BLUEPRINTS)
def test_golden(target, name):
    for file in RENDERERS[target]([BLUEPRINTS[name]()]).files:
        expected = GOLDEN / name / target / file.path
        if os.environ.get("ADVISOR_REWRITE_GOLDEN") == "1":
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_text(file.text, encoding="utf-8")
        assert file.text == expected.read_text(encoding="utf-8"), f"{expected}: review, then `make golden`"


def kubernetes_objects(blueprint):
    files = render_kubernetes([blueprint]).files
    return [yaml.safe_load(file.text) for file in files if file.path != "kustomization.yaml"]


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_kubernetes_takes_them(name):
    objects = kubernetes_objects(BLUEPRINTS[name]())
    assert [each["kind"] for each in objects] == ["Deployment", "Service", "NetworkPolicy", "PersistentVolumeClaim"]
    for each in objects:
        kubernetes_validate.validate(each, "1.34", strict=True)


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_locked_down(name):
    deployment, service, policy, _ = kubernetes_objects(BLUEPRINTS[name]())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert policy["spec"]["egress"] == [] and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["spec"]["ingress"][0]["from"] == [{"podSelector": {}}]
    assert service["spec"]["type"] == "ClusterIP"
    secrets = [each for each in container["env"] if "KEY" in each["name"]]
    assert secrets and all("secretKeyRef" in each["valueFrom"] for each in secrets)
    models = next(mount for mount in container["volumeMounts"] if mount["mountPath"] == "/models")
    assert models["readOnly"] is True


def test_the_start_up_probe_waits_for_the_budget():
    probe = kubernetes_objects(blueprints.vllm())[0]["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] == blueprints.START.budget_s == 280


@pytest.mark.parametrize(("value", "high", "budget"), [(8.8, 22.0, 60), (91.0, 150.0, 280), (20.0, 400.0, 400)])
def test_start_up_budget(value, high, budget):
    assert start_up(Quantity(value, value / 2, high, Basis.MODELLED, "a disk")).budget_s == budget


def test_compose_gives_each_replica_a_device_and_a_port():
    services = yaml.safe_load(render_compose([blueprints.vllm()]).files[0].text)["services"]
    assert list(services) == ["letters-1", "letters-2"]
    assert [s["ports"] for s in services.values()] == [["127.0.0.1:8000:8000"], ["127.0.0.1:8001:8000"]]
    reserved = [s["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for s in services.values()]
    assert reserved == [["0"], ["1"]]
    assert all(s["read_only"] and s["cap_drop"] == ["ALL"] for s in services.values())


def test_compose_does_not_pretend_for_amd():
    amd = dataclasses.replace(blueprints.vllm(), vendor="AMD", gpu_resource="amd.com/gpu")
    with pytest.raises(UserInputError, match="AMD"):
        render_compose([amd])


def sliced(blueprint):
    return dataclasses.replace(
        blueprint, gpu_resource="nvidia.com/mig-3g.40gb", identity=blueprint.identity | {"device": "h100-sxm/mig-3g.40gb"}
    )


def test_kubernetes_asks_for_slices_by_their_profile_and_reads_them_back():
    """The NVIDIA device plugin's names in its strategy "mixed"; a label's value holds no slash."""
    rendered = render_kubernetes([sliced(blueprints.vllm())])
    text = next(file.text for file in rendered.files if "kind: Deployment" in file.text)
    deployment = yaml.safe_load(text)
    kubernetes_validate.validate(deployment, "1.34", strict=True)
    pod = deployment["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"llm-serving-advisor/device": "h100-sxm.mig-3g.40gb"}
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/mig-3g.40gb"] == 1
    (found,) = parse_manifest(text, "deployment.yaml", load_catalog().engines.values()).deployments
    assert found.devices == 1
    assert load_catalog().device(found.identity["device"]).id == "h100-sxm/mig-3g.40gb"


def test_compose_cannot_name_a_slice():
    with pytest.raises(UserInputError, match="by its place on the machine"):
        render_compose([sliced(blueprints.vllm())])


def hostile(blueprint):
    words = ("--flag=" + HOSTILE,) if blueprint.joined else ("--flag", HOSTILE)
    identity = {**blueprint.identity, "model": HOSTILE}
    arguments = (*blueprint.arguments, Argument(words, HOSTILE))
    return dataclasses.replace(blueprint, title=HOSTILE, identity=identity, arguments=arguments, log_lines=(HOSTILE,))


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_hostile_text_stays_text_in_yaml(name):
    plain, evil = BLUEPRINTS[name](), hostile(BLUEPRINTS[name]())
    expected, found = kubernetes_objects(plain)[0], kubernetes_objects(evil)[0]
    word = evil.arguments[-1].words[-1]
    assert found["spec"]["template"]["spec"]["containers"][0]["args"][-1] == word.replace("$(", "$$(")
    assert found["metadata"]["annotations"]["llm-serving-advisor/model"] == HOSTILE
    assert _shape(found) == _shape(expected)
    service = next(iter(yaml.safe_load(render_compose([evil]).files[0].text)["services"].values()))
    assert service["command"][-1] == word.replace("$", "$$")


def _shape(value):
    """Keys without the list of arguments: what a hostile value must not change."""
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items() if key != "args"}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_hostile_text_stays_text_in_a_shell(name, tmp_path):
    evil = dataclasses.replace(hostile(BLUEPRINTS[name]()), command=("printf", "%s\\0"))
    script = tmp_path / "server.sh"
    script.write_text(render_command([evil]).files[0].text, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], evil.container.api_key_env: "k"}
    printed = subprocess.run(["sh", str(script)], capture_output=True, check=True, env=environment, text=True).stdout
    assert printed.split("\0")[-2] == evil.arguments[-1].words[-1]


def test_the_script_wants_a_key(tmp_path):
    script = tmp_path / "server.sh"
    script.write_text(render_command([blueprints.vllm()]).files[0].text, encoding="utf-8")
    done = subprocess.run(["sh", str(script)], capture_output=True, env={"PATH": os.environ["PATH"]}, text=True, check=False)
    assert done.returncode != 0 and "VLLM_API_KEY" in done.stderr


@pytest.mark.parametrize("name", ["Letters", "a b", "-a", "a-", "9a", "a/../b", "a\nb", "", "a" * 51, "ä"])
def test_names_that_cannot_name_a_service(name):
    with pytest.raises(UserInputError, match="RFC 1035"):
        check_name(name)


def test_a_better_name_is_offered():
    with pytest.raises(UserInputError, match="such as my-letters"):
        check_name("My letters!")


def test_writing_twice_and_over_an_edit(tmp_path):
    rendered = render_kubernetes([blueprints.vllm()])
    assert set(write_rendered(rendered, tmp_path).values()) == {"written"}
    assert set(write_rendered(rendered, tmp_path).values()) == {"unchanged"}
    edited = tmp_path / "service.yaml"
    edited.write_text("# mine\n" + edited.read_text())
    with pytest.raises(UserInputError, match=r"service\.yaml"):
        write_rendered(rendered, tmp_path)
    assert edited.read_text().startswith("# mine")
    assert write_rendered(rendered, tmp_path, force=True)["service.yaml"] == "overwritten"
