#!/bin/sh
# willmsim calibrate: the kernels are right, the profile is one that the simulator reads, wrong
# calls. Times of a toy decoder on a busy machine mean little: errors are printed, not judged.
. tests/tools/lib.sh

refused calibrate-devices 2 'exclude each other' calibrate --cpu --gpu-index 0 --out "$tmp/x.json"
refused calibrate-gpu-index 2 "'x' is not a whole number" calibrate --gpu-index x --out "$tmp/x.json"
refused calibrate-threads 2 'add --cpu' calibrate --threads 2 --out "$tmp/x.json"
refused calibrate-model 2 "did you mean \"llama-3.2-1b\"" calibrate --model llama-3.2-1x --out "$tmp/x.json"
refused calibrate-quick 2 'leave --model out' calibrate --quick --model llama-2-7b --out "$tmp/x.json"
refused calibrate-out 2 '.--out is missing' calibrate --cpu
refused calibrate-out-name 2 'must end in NAME.json' calibrate --cpu --out "$tmp/x.txt"
refused calibrate-stray 2 'stands alone' calibrate --cpu "$tmp/x.json"
refused calibrate-option 2 "did you mean '--threads'" calibrate --threds 2

# Modules: none, one that is no module, one of another version; a GPU where there is none. A copy
# of the program finds only what lies beside it.
built=$(dirname "$willmsim")
here=$willmsim
mkdir "$tmp/alone"
cp "$willmsim" "$tmp/alone/"
willmsim=$tmp/alone/willmsim
if [ -e "${PREFIX:-/usr/local}/lib/willmsim" ]; then
    skip calibrate-modules "an installed willmsim has some"
else
    WILLMSIM_HOME=$root
    refused calibrate-no-cuda 1 'no kernels for CUDA; .*nvcc' calibrate --out "$tmp/x.json"
    refused calibrate-no-cpu 1 'install libopenblas-dev' calibrate --cpu --out "$tmp/x.json"
    echo nonsense >"$tmp/alone/kernels_cuda.so"
    refused calibrate-broken 1 'cannot load the kernels for cuda' calibrate --out "$tmp/x.json"
    if command -v "${CC:-gcc}" >/dev/null 2>&1; then
        echo 'int nothing;' | "${CC:-gcc}" -x c -shared -o "$tmp/alone/kernels_cuda.so" -
        refused calibrate-version 1 'of another version' calibrate --out "$tmp/x.json"
    fi
fi
willmsim=$here
if [ ! -e "$built/kernels_cuda.so" ]; then
    skip calibrate-no-gpu "built without CUDA"
elif [ -e /dev/nvidiactl ] || [ -e /dev/dxg ]; then
    refused calibrate-no-gpu 1 'no CUDA device 1023: there are' calibrate --gpu-index 1023 --out "$tmp/x.json"
else
    refused calibrate-no-gpu 1 'no CUDA device 0' calibrate --gpu-index 0 --out "$tmp/x.json"
fi
holds calibrate-nothing-written test ! -e "$tmp/x.json"

if [ ! -e "$built/kernels_cpu.so" ]; then
    finish
    exit
fi
refused calibrate-folder 1 'cannot be written' calibrate --cpu --quick --out "$tmp/none/x.json"
call calibrate --cpu --quick --out "$tmp/here.json"
same calibrate-status 0 "$rc"
holds calibrate-checked grep -q 'kernels agree with double precision' "$tmp/out"
holds calibrate-loop grep -q 'calibration loop: 16 points, median error' "$tmp/out"
json calibrate-profile '.name == "here" and (.bandwidth_bytes_per_s.value > 1e8)
    and (.compute.f16_flops.value > 1e8) and (.efficiency | length == 3 and all(.kernels))
    and ([.kernels.gemm[] | .memory, .few_rate] + [.kernels.attention | .prefill, .decode_memory]
         | all(. > 0 and . <= 1)) and (.kernels.gemm[0].source | test("Measured.*Derived.*R2"))
    and ([.kernels.gemm[0].table[] | select(.n == 512 and .k == 256) | .m]
         | . == (sort | unique) and length > 8) and (.kernels.gemm[0].fit.rows_held_out > 0)' "$tmp/here.json"
# The simulator reads it where it reads all profiles.
mkdir -p "$tmp/home/bench" "$tmp/home/models"
cp -R "$root/models/cards" "$tmp/home/models/"
mkdir "$tmp/home/bench/profiles"
cp "$tmp/here.json" "$tmp/home/bench/profiles/"
WILLMSIM_HOME=$tmp/home
call estimate --gpu here --model llama-3.2-1b --batch 1 --prompt 64 --output 16 --json
json calibrate-estimate '.ttft_ms > 0 and .tpot_ms > 0 and .profile == "here"' "$tmp/out"
jq '.name = "back" | .kernels.gemm[0].table[1].m = 1' "$tmp/here.json" >"$tmp/home/bench/profiles/back.json"
refused calibrate-table-order 2 'back.json: kernels.gemm.0.*table.1. has m 1 after 1' \
    estimate --gpu back --model llama-3.2-1b --batch 1 --prompt 64 --output 16
finish
