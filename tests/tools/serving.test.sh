#!/bin/sh
# A measured serving run is met: 300 requests that vLLM 0.19 served on an RTX PRO 6000. The
# profile's host time per sequence was fitted to the requests with an even number; the check is
# made over all of them and over the odd ones alone. Of the same workload on an RTX 4090 only the
# requests are known: there the pool is short, and nothing gets lost.
. tests/tools/lib.sh
measured=$data/inference/serving_rtxpro6000_llama31_8b_measured.csv
if [ ! -e "$measured" ]; then
    skip serving "no data"
    finish
    exit
fi
call run scenarios/serving-rtxpro6000.json --json --out "$tmp/pro.sqlite"
same serving-pro-status 0 "$rc"
json serving-pro-completes '.requests | .arrived == 300 and .completed == 300' "$tmp/out"
tail -n +2 "$measured" | cut -d, -f6,7 | tr , ' ' >"$tmp/measured.txt"
sql "$tmp/pro.sqlite" "select printf('%.9f %.9f', (first_token_ns - server_in_ns) / 1e9,
    (last_token_ns - first_token_ns) / 1e9 / (output_tokens - 1))
    from requests order by request_id" >"$tmp/simulated.txt"
same serving-rows 300 "$(wc -l <"$tmp/simulated.txt")"
paste -d ' ' "$tmp/measured.txt" "$tmp/simulated.txt" >"$tmp/all.txt"
awk 'NR % 2 == 0' "$tmp/all.txt" >"$tmp/odd.txt" # the second line is request 1

# column FILE NUMBER: mean and 95th percentile (linear between ranks)
mean() { awk -v c="$2" '{ s += $c } END { print s / NR }' "$1"; }
p95() {
    cut -d ' ' -f "$2" "$1" | sort -g | awk '{ v[NR] = $1 } END {
        h = 0.95 * (NR - 1) + 1; i = int(h); print v[i] + (h - i) * (v[i + 1] - v[i]) }'
}
# near NAME SHARE MEASURED SIMULATED
near() {
    if awk -v a="$3" -v b="$4" -v s="$2" 'BEGIN { d = b / a - 1; exit !(d <= s && d >= -s) }'; then
        ok "$1"
    else
        not_ok "$1" "measured $3, simulated $4"
    fi
}
# Spearman's rank correlation of columns 1 and 3.
rank_correlation() {
    awk '{ print NR, $1, $3 }' "$1" | sort -g -k 2,2 | awk '{ print NR, $1, $3 }' |
        sort -g -k 3,3 | awk '{ d = NR - $1; s += d * d }
            END { print 1 - 6 * s / (NR * (NR * NR - 1)) }'
}
for part in all odd; do
    file=$tmp/$part.txt
    near "serving-$part-mean-tpot" 0.05 "$(mean "$file" 2)" "$(mean "$file" 4)"
    near "serving-$part-mean-ttft" 0.10 "$(mean "$file" 1)" "$(mean "$file" 3)"
    near "serving-$part-p95-ttft" 0.10 "$(p95 "$file" 1)" "$(p95 "$file" 3)"
    rho=$(rank_correlation "$file")
    if awk -v r="$rho" 'BEGIN { exit !(r > 0.95) }'; then
        ok "serving-$part-ttft-ranks"
    else
        not_ok "serving-$part-ttft-ranks" "rank correlation $rho"
    fi
done

call run scenarios/serving-rtx4090.json --json --out "$tmp/4090.sqlite"
same serving-4090-status 0 "$rc"
json serving-4090-completes '.requests | .arrived == 300 and .completed == 300' "$tmp/out"
json serving-4090-pool-is-short '.gpus[0] | .preemptions > 0 and .kv_peak_bytes > 0.95 * 41408 * 131072
    and .kv_peak_bytes <= 41408 * 131072' "$tmp/out"
expected=$(awk -F, 'NR > 1 { i += $3; o += $4 } END { printf "%d|%d", i, o }' \
    "$data/inference/serving_rtx4090_llama31_8b_requests.csv")
same serving-4090-tokens "$expected" \
    "$(sql "$tmp/4090.sqlite" 'select sum(input_tokens), sum(output_tokens) from requests')"

# The pool that card, profile and vLLM's 90 % give, with no overhead, against the recorded one.
call estimate --gpu rtx4090 --model llama-3.1-8b --quant bf16 --batch 1 --prompt 512 --output 128 \
    --json
json serving-4090-pool-computed '.kv_tokens_unreserved == 50850' "$tmp/out"
finish
