"""`paddlemodel render`: the objects that the operator would make of a YAML."""

import argparse
import os
import sys
from collections.abc import Sequence

import yaml

from paddlemodel_operator.commands import manifest
from paddlemodel_operator.commands.options import Parser
from paddlemodel_operator.settings import from_environment

DESCRIPTION = """Print the objects that the operator would apply for the PaddleModels of a file, as YAML.

No cluster is asked. The operator's own settings, such as the images, are read from the variables
PADDLEMODEL_OPERATOR_*, as the operator reads them. The uid in ownerReferences is zeros here: the cluster
gives the real one. A spec that the operator would refuse is refused here, with the same sentence."""

EXAMPLES = """examples:
  paddlemodel render model.yaml
  paddlemodel diff model.yaml            # what would change, next to what is there
  kubectl get pdm -A -o yaml | paddlemodel render -

Exit codes: 0 printed; 2 the file or a model in it is wrong, and one sentence says why."""


def main(argv: Sequence[str]) -> int:
    """Print the children of every model of the file; returns the exit code."""
    arguments = options().parse_args(argv)
    settings = from_environment(os.environ)
    found = manifest.bodies(arguments.file, arguments.namespace)
    models = [manifest.parsed(arguments.file, body) for body in found]  # all are right, or nothing is printed
    objects = [
        child for model in models for child in manifest.children(arguments.file, model, settings).values()
    ]
    yaml.dump_all(objects, sys.stdout, yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return 0


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = Parser("render", DESCRIPTION, EXAMPLES)
    parser.add_argument("file", metavar="FILE", help="a YAML with PaddleModels, or - for standard input")
    parser.add_argument("-n", "--namespace", default="", help="of models that name none (default: default)")
    return parser
