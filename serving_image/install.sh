#!/bin/sh
# Fills the virtual environment of the serving image. Run by the build stage of Dockerfile.serving:
#   DEVICE=cpu|gpu [PADDLE_INDEX=…] install.sh PIP PYTHON LOCK
# cpu: everything comes from the lock with its hashes.
# gpu: the same lock without paddlepaddle, then paddlepaddle-gpu of that very version, and the CUDA libraries
#      that it names, from Paddle's own package index. Those wheels are pinned by version, not by hash.
set -eu
pip=$1 python=$2 lock=$3

install() { "$pip" --python "$python" install --no-cache-dir --no-compile --only-binary :all: "$@"; }
# A requirement of the lock goes over several lines: all but its last end with a backslash.
without_paddle() { awk '/^paddlepaddle==/ { skip = 1 } !skip { print } skip && !/\\$/ { skip = 0 }' "$lock"; }
paddle_version() { sed -n 's/^paddlepaddle==\([^ ]*\).*/\1/p' "$lock"; }

case "$DEVICE" in
cpu)
    install --no-deps --require-hashes -r "$lock"
    ;;
gpu)
    if [ -z "${PADDLE_INDEX:-}" ]; then
        echo "DEVICE=gpu needs --build-arg PADDLE_INDEX=… , the package index that PaddlePaddle's install page" \
            "names for your CUDA version: paddlepaddle-gpu 3 is not on PyPI." >&2
        exit 2
    fi
    rest=$(mktemp)
    without_paddle >"$rest"
    install --no-deps --require-hashes -r "$rest"
    install --index-url "$PADDLE_INDEX" "paddlepaddle-gpu==$(paddle_version)"
    rm "$rest"
    ;;
*)
    echo "DEVICE is '$DEVICE'; it must be cpu or gpu." >&2
    exit 2
    ;;
esac
