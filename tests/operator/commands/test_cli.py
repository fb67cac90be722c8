"""`paddlemodel` as a program: help, exit codes, what it prints."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from paddlemodel_operator.cli import HELP
from paddlemodel_operator.commands.listed import COMMANDS

from tests.operator.support.deployed.world import run_here
from tests.operator.support.manifests import manifest

PROGRAM = Path(sys.executable).with_name("paddlemodel")
EXAMPLES = Path(__file__).parents[3] / "examples"


def run(*arguments: str, text: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
    """Settings are the operator's, in capitals and without their prefix."""
    variables = {f"PADDLEMODEL_OPERATOR_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [PROGRAM, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=os.environ | variables,
    )


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster, whatever the person who runs the tests has, and nothing on standard input."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO()))
    for module in ("kubernetes.aio.config.kube_config", "kubernetes.config.kube_config"):
        monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))


def test_help_teaches_with_examples() -> None:
    assert "paddlemodel run examples/cpu-image-classification.yaml" in run("--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in HELP
        told = run_here(command, "--help")
        assert (told.code, told.err) == (0, "")
        shown = told.out
        assert re.search(rf"\nexamples:\n  .*paddlemodel {command}\b", shown)
        assert re.search(r"\nExit codes(, as of kubectl diff)?: 0 ", shown)


def test_help_is_chinese_where_the_shell_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": ""}.items():
        monkeypatch.setenv(name, value)
    assert run("--help").stdout.startswith("用法：paddlemodel COMMAND ...\n")
    assert "\n位置参数:\n" in run("doctor", "--help").stdout


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "usage: paddlemodel COMMAND ..."),
        (("serve",), "there is no command 'serve'; the commands are completion, diff, "),
        (("render", "-"), "paddlemodel render: standard input has no object of kind PaddleModel; "),
        (("run", "-"), "paddlemodel run: standard input has no object of kind PaddleModel; "),
        (("run", "-", "--port", "70000"), "argument --port: invalid _port value: '70000'"),
        (("run", "-", "--secret", "login"), "argument --secret: not of the form NAME=DIR: login"),
        (("run", "-", "--claim", "a=/no/such"), "argument --claim: no folder: /no/such"),
        (("diff", "-"), "paddlemodel diff: no cluster can be reached: "),
        (("diff", "/no/such.yaml"), "paddlemodel diff: no cluster can be reached: "),
        (("status", "../secrets"), "argument NAME: '../secrets' is no name: "),
        (("status", "a", "-A"), "paddlemodel status: NAME is in one namespace: leave out -A, "),
        (("status", "-n", "a/b"), "argument -n/--namespace: 'a/b' is no name: "),
        (("status", "--context", "none"), "paddlemodel status: no cluster can be reached: "),
        (("doctor",), "the following arguments are required: NAME"),
        (("doctor", "A"), "argument NAME: 'A' is no name: "),
        (("logs", "a", "--since", "soon"), "argument --since: 'soon' is no length of time; "),
        (("logs", "a", "--tail=-1"), "argument --tail: '-1' is no number of lines"),
        (("logs", "a", "-f", "--previous"), "paddlemodel logs: -f and --previous: what has ended cannot be "),
        (("logs", "a", "--level", "LOUD"), "argument --level: invalid choice: 'LOUD'"),
        (("top", "--seconds", "0"), "argument --seconds: '0' is no number of seconds from 0.1"),
        (("top", "a", "-A"), "paddlemodel top: NAME is in one namespace: leave out -A, "),
        (("completion", "fish"), "argument shell: invalid choice: 'fish'"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_2(arguments: tuple[str, ...], sentence: str) -> None:
    found = run_here(*arguments)
    assert (found.code, found.out) == (2, "")
    assert sentence in found.err


def test_a_file_that_is_not_there_is_one_sentence_and_1() -> None:
    found = run("render", "/no/such.yaml")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == "paddlemodel render: /no/such.yaml: No such file or directory.\n"


def test_render_prints_every_child_of_every_model_or_nothing() -> None:
    text = yaml.safe_dump_all([manifest("ml", "a"), manifest("ml", "b", autoscaling={"maxReplicas": 2})])
    found = run("render", "-", text=text)
    assert found.returncode == 0, found.stderr
    assert [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(found.stdout)] == [
        ("Service", "a"),
        ("Deployment", "a"),
        ("Service", "b"),
        ("Deployment", "b"),
        ("HorizontalPodAutoscaler", "b"),
        ("PodDisruptionBudget", "b"),
    ]
    refused = run("render", "-", text=text + "---\n" + yaml.safe_dump(manifest("ml", "c", replicas=-1)))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("paddlemodel render: standard input, c: spec.replicas")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_rendered(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLEMODEL_OPERATOR_CUSTOM_TASKS", "true")
    monkeypatch.setenv("PADDLEMODEL_OPERATOR_GATEWAY_API", "true")
    found = run_here("render", str(example))
    assert found.code == 0, found.err
    assert "kind: Deployment" in found.out


@pytest.mark.parametrize("command", ["render", "run"])
def test_code_beside_a_model_must_be_allowed_here_too(command: str) -> None:
    found = run(command, str(EXAMPLES / "custom.yaml"))
    assert (found.returncode, found.stdout) == (2, "")
    (sentence,) = found.stderr.splitlines()
    assert "custom.yaml, prices: spec.task.custom runs code that lies beside the model" in sentence
    assert "PADDLEMODEL_OPERATOR_CUSTOM_TASKS" in sentence
