#!/bin/sh
# willmsim calibrate: the kernels are right, the profile is one that the simulator reads, wrong
# calls. Times of a toy decoder on a busy machine mean little: errors are printed, not judged.
. tests/tools/lib.sh

refused calibrate-device 2 '.--cpu is missing' calibrate --out "$tmp/x.json"
refused calibrate-out 2 '.--out is missing' calibrate --cpu
refused calibrate-out-name 2 'must end in NAME.json' calibrate --cpu --out "$tmp/x.txt"
refused calibrate-stray 2 'stands alone' calibrate --cpu "$tmp/x.json"
refused calibrate-option 2 "did you mean '--threads'" calibrate --threds 2

if [ ! -e "$(dirname "$willmsim")/kernels_cpu.so" ]; then
    refused calibrate-no-kernels 1 'install libopenblas-dev' calibrate --cpu --quick --out "$tmp/x.json"
    finish
    exit
fi
refused calibrate-folder 1 'cannot be written' calibrate --cpu --quick --out "$tmp/none/x.json"
call calibrate --cpu --quick --out "$tmp/here.json"
same calibrate-status 0 "$rc"
holds calibrate-checked grep -q 'kernels agree with double precision' "$tmp/out"
holds calibrate-loop grep -q 'calibration loop: 16 points, median error' "$tmp/out"
json calibrate-profile '.name == "here" and (.bandwidth_bytes_per_s.value > 1e8)
    and (.compute.f16_flops.value > 1e8) and (.efficiency | length == 3)
    and ([.efficiency[] | .decode, .prefill, .decode_kv, .prefill_attention]
         | all(. > 0 and . <= 1)) and (.efficiency[0].source | test("R2"))' "$tmp/here.json"
# The simulator reads it where it reads all profiles.
mkdir -p "$tmp/home/bench" "$tmp/home/models"
cp -R "$root/models/cards" "$tmp/home/models/"
mkdir "$tmp/home/bench/profiles"
cp "$tmp/here.json" "$tmp/home/bench/profiles/"
WILLMSIM_HOME=$tmp/home
call estimate --gpu here --model llama-3.2-1b --batch 1 --prompt 64 --output 16 --json
json calibrate-estimate '.ttft_ms > 0 and .tpot_ms > 0 and .profile == "here"' "$tmp/out"
finish
