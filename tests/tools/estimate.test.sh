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

# Precision: bytes, and the factors of the edge-inference paper (W8A16 halves both).
call estimate --gpu h200 --model llama-3.1-8b --quant w8a16 $point --json
json estimate-w8a16 '.alpha == 0.5 and .beta == 0.5 and .layered and .perplexity_delta == null' \
    "$tmp/out"
call estimate --gpu h200 --model llama-3.1-8b --quant w8a8 $point --json
json estimate-w8a8 '.alpha == 0.5 and .beta == 0.25' "$tmp/out"
call estimate --gpu rtx4090 --model llama-3.1-8b --quant q4_0 $point --json
json estimate-perplexity '.perplexity_delta == 0.4685 and (.perplexity_source | length > 10)' \
    "$tmp/out"

# An 8-bit KV cache takes half the bytes, and decode reads half of them.
call estimate --gpu h200 --model llama-3.1-8b --batch 64 --prompt 4096 --output 128 --json
cp "$tmp/out" "$tmp/kv16"
call estimate --gpu h200 --model llama-3.1-8b --kv 8 --batch 64 --prompt 4096 --output 128 --json
json estimate-kv-bytes '.kv_bytes_per_token == 65536' "$tmp/out"
holds estimate-kv-faster jq -e --slurpfile wide "$tmp/kv16" \
    '.tpot_ms < 0.8 * $wide[0].tpot_ms and .kv_tokens > 1.99 * $wide[0].kv_tokens' "$tmp/out"
refused estimate-kv 2 'KV precision' estimate --gpu l4 --model llava --kv 12 $point

# What a card or a profile may not be: changed copies of shipped ones, each refused with its path.
bad=$tmp/home
mkdir -p "$bad/models" "$bad/bench"
bad_file() { # NAME FILE JQ-CHANGE PATTERN [--gpu G --model M]
    rm -rf "$bad/models/cards" "$bad/bench/profiles"
    cp -R "$root/models/cards" "$bad/models/cards"
    cp -R "$root/bench/profiles" "$bad/bench/profiles"
    jq "$3" "$root/$2" >"$bad/$2"
    name=$1 pattern=$4
    shift 4
    WILLMSIM_HOME=$bad
    refused "$name" 2 "$pattern" estimate "$@" $point
    WILLMSIM_HOME=$root
}
card=models/cards/llama-3.1-8b.json
profile=bench/profiles/h200.json
on="--gpu h200 --model llama-3.1-8b"
bad_file bad-card-field $card 'del(.layers)' 'llama-3.1-8b.json: missing key "layers"' $on
bad_file bad-card-heads $card '.kv_heads = 5' 'kv_heads 5 must divide heads 32' $on
bad_file bad-card-zero $card '.hidden = 0' 'llama-3.1-8b.json: hidden: 0 is out of range' $on
bad_file bad-card-key $card '.hiden = 1' 'llama-3.1-8b.json: .*did you mean "hidden"' $on
bad_file bad-card-accuracy $card '.accuracy[0].quant = "q8"' 'accuracy.0..quant: ' $on
bad_file bad-card-large $card '.layers = 3000' 'use a smaller precision or more GPUs' $on
bad_file bad-profile-field $profile 'del(.memory_bytes)' 'h200.json: missing key "memory_bytes"' $on
bad_file bad-profile-bandwidth $profile '.bandwidth_bytes_per_s.value = 0' \
    'h200.json: bandwidth_bytes_per_s.value: 0 is out of range; write a number above 0' $on
bad_file bad-profile-source $profile 'del(.memory_bytes.source)' 'h200.json: memory_bytes: missing key "source"' $on
bad_file bad-profile-share $profile '.kernels.gemm[0].memory = 1.5' \
    'kernels.gemm.0..memory: 1.5 is out of range' $on
bad_file bad-profile-kernels $profile 'del(.kernels)' 'no gemm for "f16"; give shares' $on
bad_file bad-profile-shares $profile '.efficiency[0].prefill = 0.5' 'its times come from kernels' $on
bad_file bad-profile-no-shares $profile '.efficiency[0].kernels = false' 'needs prefill' $on
bad_file bad-profile-rate $profile 'del(.compute.fp8_flops)' 'which compute does not give' $on
finish
