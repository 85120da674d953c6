#!/usr/bin/env bash
# Everything about the GPU kernels in one call of at most 8 minutes, on a machine with an NVIDIA GPU, torch and Triton:
# correctness of the compiled kernels, agreement and tile sizes of the operator, and the layer suite of `rdmf bench`: times, memory.
# Usage: OUT=folder benchmarks/gpu.sh        (default: gpu-report)   Exit code 0: all that ran agrees.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OUT=${OUT:-gpu-report}
PYTHON=${PYTHON:-python3}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
status=0

# `stage SECONDS NAME COMMAND...`: runs with a limit, keeps the log, notes the exit code.
stage() {
    local seconds=$1 name=$2 begun=$SECONDS
    shift 2
    echo "== $name: $*"
    timeout "$seconds" "$@" 2>&1 | tee "$OUT/$name.log" | tail -n 40
    local code=${PIPESTATUS[0]}
    echo "== $name: exit code $code after $((SECONDS - begun)) s"
    printf '{"stage": "%s", "command": "%s", "exit_code": %d, "seconds": %d}\n' "$name" "$*" "$code" "$((SECONDS - begun))" \
        >>"$OUT/stages.jsonl"
    return "$code"
}

: >"$OUT/stages.jsonl"
"$PYTHON" -c 'import torch; assert torch.cuda.is_available(), "torch sees no GPU"' || exit 2
# One process per core: what takes time is the compilation of the kernels.
stage 180 correctness "$PYTHON" -m pytest tests/ops/triton_contract.py -q -n 8 -p no:cacheprovider --timeout 170 || status=1
stage 100 operator "$PYTHON" -m benchmarks.gpu --json "$OUT/gpu_operator.json" --seconds 80 || status=1
stage 190 layer bash -c '"$0" -m rdmf_model.cli bench --suite layer --device cuda --json >"$1"' "$PYTHON" "$OUT/gpu_layer.json" || status=1
exit "$status"
