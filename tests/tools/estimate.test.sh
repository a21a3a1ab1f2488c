#!/bin/sh
# willmsim estimate: keys, arithmetic between them, defaults, measured points, wrong calls.
. tests/tools/lib.sh

point="--batch 1 --prompt 512 --output 128"
call estimate --gpu a100-sxm --model llama-2-70b --quant f16 --tp 4 $point --json
json estimate-keys '([.ttft_ms, .tpot_ms, .prefill_tokens_per_s, .decode_tokens_per_s,
    .weights_bytes, .kv_bytes_per_token, .max_batch] | map(type == "number") | all)
    and ([.bound_prefill, .bound_decode, .profile, .profile_source] | map(type == "string") | all)' \
    "$tmp/out"
json estimate-rates '(.prefill_tokens_per_s * .ttft_ms / 512e3 - 1 | fabs < 1e-6)
    and (.decode_tokens_per_s * .tpot_ms / 1e3 - 1 | fabs < 1e-6)' "$tmp/out"
json estimate-memory '.weights_bytes == 137953296384 and .kv_bytes_per_token == 327680
    and .max_batch > 400 and .profile == "a100-sxm"' "$tmp/out"
same estimate-one-object 1 "$(jq -s length "$tmp/out")"
cp "$tmp/out" "$tmp/first"
call estimate --gpu a100-sxm --model llama-2-70b --quant f16 --tp 4 $point --json
holds estimate-repeats cmp "$tmp/first" "$tmp/out"

# Splitwise on 4 x A100: 127 ms and 45 ms. llama.cpp on an RTX 4090: 7139 and 128 tokens/s.
json estimate-splitwise '.ttft_ms > 110 and .ttft_ms < 145 and .tpot_ms > 41 and .tpot_ms < 48
    and .bound_decode == "launch"' "$tmp/out"
call estimate --gpu rtx4090 --model llama-3.1-8b --quant q4_k_m $point --json
json estimate-llama-cpp '.engine == "llama.cpp" and (.prefill_tokens_per_s / 7139 - 1 | fabs < 0.1)
    and (.decode_tokens_per_s / 128 - 1 | fabs < 0.1)' "$tmp/out"
call estimate --gpu rtx4090 --model llava $point --json
json estimate-tag '.engine == "ollama" and .quant == "q4_0" and .model == "llava"' "$tmp/out"
call estimate --gpu h200 --model llama-3.1-8b $point --json
json estimate-defaults '.engine == "vllm" and .quant == "bf16" and .bound_prefill == "compute"
    and .bound_decode == "memory"' "$tmp/out"
call estimate --gpu l4 --model bloom-3b --batch 10000 --prompt 100 --output 1 --json
json estimate-too-many '.fits == false and .max_batch < 10000' "$tmp/out"
call estimate --gpu orin --model opt-13b $point
same estimate-table-status 0 "$rc"
holds estimate-table grep -q 'TPOT .* tokens/s   bound by memory' "$tmp/out"

refused estimate-gpu 2 'did you mean "rtx4090"' estimate --gpu rtx4091 --model llava $point
refused estimate-model 2 'did you mean "opt-13b"' estimate --gpu l4 --model opt-31b $point
refused estimate-quant 2 "did you mean 'q4_k_m'" estimate --gpu l4 --model llava --quant q4_km $point
refused estimate-engine 2 "did you mean 'vllm'" estimate --gpu l4 --model llava --engine vlm $point
refused estimate-missing 2 '.--prompt is missing' estimate --gpu l4 --model llava --batch 1
refused estimate-zero 2 'is not a whole number' estimate --gpu l4 --model llava --batch 0
refused estimate-option 2 "did you mean '--batch'" estimate --bacth 1
refused estimate-stray 2 'stands alone' estimate l4
refused estimate-memory-full 2 'needs 138.0 GB' estimate --gpu l4 --model llama-2-70b $point
refused estimate-no-fp8 2 'does not run fp8' \
    estimate --gpu a100-sxm --model llama-2-7b --quant fp8 $point
refused estimate-no-vllm 2 'does not run on tx2' \
    estimate --gpu tx2 --model llama-3.2-1b --engine vllm $point
refused estimate-heads 2 'a divisor of 40' estimate --gpu h200 --model opt-13b --tp 3 $point
finish
