#!/bin/sh
# The tables of docs/validation.md, "The WiLLM paper's shares" and "The recorded sample": what `validate` says of the paper's
# scenarios, how far the shares move over the plausible range of what the paper does not state, the
# picture that the downlink would need, and the recorded sample stage by stage.
# usage, in the root of the checkout, after `make`:
#   sh docs/figures/sensitivity.sh [--write] [shares] [uplink] [downlink] [slices] [sample]
# Prints Markdown, of all five unless some are named; --write puts it into docs/validation.md, between
# the marks there. The sentences around the tables stay: read them again. Takes some minutes.
# Needs jq and the sqlite3 shell.
set -eu
BUILD=${BUILD:-build}
WILLMSIM_DATA=${WILLMSIM_DATA:-../shared/data}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_DATA WILLMSIM_HOME
LC_ALL=C
export LC_ALL
willmsim=$BUILD/willmsim
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for need in jq sqlite3 "$willmsim"; do
    command -v "$need" >/dev/null || { echo "sensitivity.sh: $need is missing" >&2; exit 1; }
done
write=
if [ "${1:-}" = --write ]; then
    write=docs/validation.md
    shift
fi
[ $# -gt 0 ] || set -- shares uplink downlink slices sample
# Long enough for 200 requests in each of six groups; the records are not needed.
long="--set duration_s=6000 --set output.ran_records_ms=0"

run() { # SCENARIO, --set ...: leaves $work/x.sqlite
    scenario=$1
    shift
    "$willmsim" run "scenarios/$scenario.json" "$@" --out "$work/x.sqlite" --quiet >"$work/log"
}
# Shares over the groups of a key, least to most, and means over all requests.
shares() { # LABEL BY SCENARIO --set ...
    label=$1 by=$2 name=$3
    shift 3
    # shellcheck disable=SC2086 # $long is words
    run "$name" $long "$@"
    "$willmsim" metrics "$work/x.sqlite" --by "$by" --json >"$work/by.json"
    "$willmsim" metrics "$work/x.sqlite" --json >"$work/all.json"
    jq -r -n --arg row "$label" --slurpfile by "$work/by.json" --slurpfile all "$work/all.json" '
        def tenth: . * 10 | round / 10 | tostring | if test("[.]") then . else . + ".0" end;
        def span(f): [$by[0].groups[] | f] | "\(min | tenth) to \(max | tenth)";
        $all[0].groups[0] as $a |
        "| \($row) | \(span(.share_pct.uplink)) | \(span(.share_pct.inference)) | " +
        "\(span(.share_pct.downlink)) | \($a.latency_ms.uplink.mean | round) | " +
        "\($a.latency_ms.inference.mean | round) | \($a.latency_ms.downlink.mean | round) |"'
}
head_of() { # what varies
    echo "| $1 | uplink % | inference % | downlink % | uplink ms | inference ms | downlink ms |"
    echo "| --- | --- | --- | --- | --- | --- | --- |"
}

validated() { # SCENARIO TITLE --set ...: the targets that can be compared
    scenario=$1 title=$2
    shift 2
    run "$scenario" "$@"
    "$willmsim" validate "$work/x.sqlite" --json >"$work/v.json" 2>"$work/log" || true
    jq -r --arg title "$title" '
        def tenth: . * 10 | round / 10 | tostring | if test("[.]") then . else . + ".0" end;
        .results[] | select(.verdict != "not comparable") |
        select(.id | test("share|largest|flips")) |
        "| \($title) | \(.what | sub("^[^:]*: "; "")) | \(if .lo != null and .hi != null then "\(.lo) to \(.hi)"
          elif .hi != null then "at most \(.hi)" else .expect end) | " +
        "\(.least | tenth) to \(.most | tenth) | " +
        (if .verdict == "holds" then "holds" else "misses by \(.misses_by | tenth)" end)
        + " |"' "$work/v.json"
}

shares_table() {
    echo "| scenario | target | published | here | verdict |"
    echo "| --- | --- | --- | --- | --- |"
    validated smart-glasses-uplink "uplink" --set duration_s=6000
    validated smart-glasses-uplink "uplink, 320x240 base" --set duration_s=6000 \
        --set ues.0.traffic.base_width=320 --set ues.0.traffic.base_height=240
    validated smart-glasses-downlink "downlink" --set duration_s=6000
    validated slices-30-60-90 "slices" --set duration_s=5400
}

t=ues.0.traffic
uplink_table() {
    s=smart-glasses-uplink
    head_of "uplink scenario, published: uplink 11 to 25 %, inference 74 to 87 %"
    shares "as shipped" resolution $s
    shares "base 320x240" resolution $s --set $t.base_width=320 --set $t.base_height=240
    shares "JPEG quality 90" resolution $s --set $t.jpeg_quality=90
    shares "pictures 1.5 times as large" resolution $s --set $t.image_scale_low=1.586 \
        --set $t.image_scale_high=1.998
    shares "50 words only" resolution $s --set $t.word_counts=[50]
    shares "200 words only" resolution $s --set $t.word_counts=[200]
    shares "answers half as long as allowed" resolution $s --set $t.answer_fraction=0.5
    shares "answers as long as allowed" resolution $s --set $t.answer_fraction=1.0
    shares "1 token a word (Chinese, low)" resolution $s --set $t.tokens_per_word=1
    shares "2 tokens a word (Chinese, high)" resolution $s --set $t.tokens_per_word=2
    shares "prompt of 20 tokens" resolution $s --set $t.prompt_tokens=20
    shares "prompt of 200 tokens" resolution $s --set $t.prompt_tokens=200
    shares "picture as tiles (llava-1.6, q4_0)" resolution $s --set servers.0.model=llava-1.6-7b \
        --set servers.0.quant=q4_0
    shares "FP16 weights" resolution $s --set servers.0.quant=f16
    shares "2 phones" resolution $s --set ues.0.count=2
    shares "4 phones" resolution $s --set ues.0.count=4
    shares "8 phones" resolution $s --set ues.0.count=8
    shares "4 phones, one at a time on the GPU" resolution $s --set ues.0.count=4 \
        --set servers.0.batching.num_parallel=1
    shares "no TCP" resolution $s --set transport.protocol=none
    shares "link of 4 ms each way" resolution $s --set transport.delay_ms=4
    shares "slice of 30 %" resolution $s --set 'ues.0.slice="1221"'
    shares "uplink SNR 12 dB" resolution $s \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":12}'
    shares "uplink SNR 10 dB, as the recording's MCS" resolution $s \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":10}'
    shares "the same, slice of 30 %" resolution $s --set 'ues.0.slice="1221"' \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":10}'
}

# How many bytes of picture make the downlink a given share of the latency: the time that is not
# downlink stays, the downlink's grows linearly between the sizes simulated.
downlink_table() {
    s=smart-glasses-downlink
    head_of "downlink scenario, published: downlink 81 to 86 %, inference 12 to 17 %"
    shares "as shipped (JPEG, quality 95)" resolution $s
    shares "JPEG quality 90" resolution $s --set $t.jpeg_quality=90
    shares "raw 24-bit pixels" resolution $s --set $t.display_encoding=raw
    shares "50 words only" resolution $s --set $t.word_counts=[50]
    shares "200 words only" resolution $s --set $t.word_counts=[200]
    shares "1 token a word" resolution $s --set $t.tokens_per_word=1
    shares "2 tokens a word" resolution $s --set $t.tokens_per_word=2
    shares "prompt of 200 tokens" resolution $s --set $t.prompt_tokens=200
    shares "4 phones" resolution $s --set ues.0.count=4
    shares "8 phones" resolution $s --set ues.0.count=8
    shares "no TCP" resolution $s --set transport.protocol=none
    shares "slice of 30 %" resolution $s --set 'ues.0.slice="1221"'
    shares "raw, slice of 30 %" resolution $s --set 'ues.0.slice="1221"' --set $t.display_encoding=raw
    shares "raw, 50 words only" resolution $s --set $t.display_encoding=raw \
        --set $t.word_counts=[50]
    shares "raw, downlink SNR 5 dB" resolution $s --set $t.display_encoding=raw \
        --set 'radio.channel_dl={"kind":"testbed","mean_snr_db":5}'
    shares "raw, link of 8 Mbit/s" resolution $s --set $t.display_encoding=raw \
        --set transport.rate_mbps=8
    echo
    echo "| picture, raw | answer MB | downlink ms | the rest ms | downlink % | Mbit/s |"
    echo "| --- | --- | --- | --- | --- | --- |"
    : >"$work/bytes"
    for size in 800x600 1280x720 1920x1080 2560x1440 3840x2160; do
        # shellcheck disable=SC2086 # $long is words
        run $s $long --set $t.display_encoding=raw --set "$t.display_width=${size%x*}" \
            --set "$t.display_height=${size#*x}" --set $t.coefficients=[1.0]
        sqlite3 -separator ' ' "$work/x.sqlite" "SELECT avg(downlink_bytes) / 1e6,
            avg(done_ns - last_token_ns) / 1e6, avg(last_token_ns - born_ns) / 1e6
            FROM requests WHERE status = 'completed'" | tee -a "$work/bytes" |
            awk -v size=$size '{printf "| %s | %.1f | %.0f | %.0f | %.1f | %.1f |\n", size, $1, $2,
                $3, 100 * $2 / ($2 + $3), 8e3 * $1 / $2}'
    done
    echo
    awk '{ mb[NR] = $1; ms[NR] = $2; rest[NR] = $3 }
        function needed(share, i, want) {
            for (i = 2; i <= NR; i++) {
                want = rest[i] * share / (1 - share)
                if (ms[i] >= want) break
            }
            if (i > NR) i = NR
            want = rest[i] * share / (1 - share)
            return mb[i - 1] + (mb[i] - mb[i - 1]) * (want - ms[i - 1]) / (ms[i] - ms[i - 1])
        }
        function at_80(share) { return rest[1] * share / (1 - share) * 80 / 8e3 }
        END { printf "For the downlink to take 81 %% of the latency the answer must have %.1f MB, for 86 %% %.1f MB;\n",
            needed(0.81), needed(0.86)
            printf "at the published 80 Mbit/s, with nothing lost to TCP, %.1f and %.1f MB.\n", at_80(0.81),
            at_80(0.86) }' "$work/bytes"
}

slices_table() {
    s=slices-30-60-90
    head_of "slices, published: uplink 28.9 to 54.7 %, inference 43.1 to 59.6 %"
    shares "as shipped" slice $s
    shares "50 words only" slice $s --set $t.word_counts=[50]
    shares "200 words only" slice $s --set $t.word_counts=[200]
    shares "1 token a word" slice $s --set $t.tokens_per_word=1
    shares "2 tokens a word" slice $s --set $t.tokens_per_word=2
    shares "4 phones" slice $s --set ues.0.count=4
    shares "8 phones" slice $s --set ues.0.count=8
    shares "no TCP" slice $s --set transport.protocol=none
    shares "uplink SNR 12 dB" slice $s --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":12}'
    shares "uplink SNR 10 dB, as the recording's MCS" slice $s \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":10}'
    shares "the same, 50 words only" slice $s --set $t.word_counts=[50] \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":10}'
    shares "uplink SNR 5 dB, 50 words only" slice $s --set $t.word_counts=[50] \
        --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":5}'
}

# Means of the requests of one run, ms.
sample_row() { # LABEL TOKENS --set ...
    label=$1 tokens=$2
    shift 2
    # One token a "word", so that 418 bytes of text are so many tokens.
    run recorded-sample --set "$t.word_counts=[$tokens]" \
        --set "$t.bytes_per_word=$(awk -v n="$tokens" 'BEGIN { printf "%.17g", 418 / n }')" "$@"
    sqlite3 -separator ' ' "$work/x.sqlite" "SELECT avg(uplink_bytes), avg(downlink_bytes),
        avg(output_tokens), avg(radio_ul_out_ns - born_ns) / 1e6,
        avg(server_in_ns - radio_ul_out_ns) / 1e6, avg(queue_ns) / 1e6,
        avg(first_token_ns - server_in_ns - queue_ns) / 1e6,
        avg(last_token_ns - first_token_ns) / 1e6, avg(done_ns - last_token_ns) / 1e6,
        avg(done_ns - born_ns) / 1e6 FROM requests WHERE status = 'completed'" |
        awk -v label="$label" '{printf "| %s | %.0f | %.0f | %.0f | %.1f | %.1f | %.1f | %.0f | %.0f | %.1f | %.0f |\n",
            label, $3, $1, $2, $4, $5, $6, $7, $8, $9, $10}'
}
sample_table() {
    echo "| radio | output tokens | bytes up | bytes down | uplink radio | link, core | waiting | picture and prompt | answer | downlink | end to end ms |"
    echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for tokens in 100 140 210 280; do
        sample_row "as shipped" $tokens
    done
    for tokens in 100 140 210 280; do
        sample_row "uplink SNR 10 dB" $tokens \
            --set 'radio.channel_ul={"kind":"testbed","mean_snr_db":10}'
    done
}

# What the page holds between the marks of a part gives way to the new table.
replace() { # PART TABLE
    awk -v part="$1" -v table="$2" '
        $0 == "<!-- sensitivity: " part " -->" {
            print
            print ""
            while ((getline line < table) > 0) print line
            print ""
            skip = found = 1
        }
        skip && $0 == "<!-- end of sensitivity -->" { skip = 0 }
        !skip
        END { exit !found }' "$write" >"$work/page" || {
        echo "sensitivity.sh: $write: no mark of '$1'" >&2
        exit 1
    }
    cp "$work/page" "$write"
}
for part in "$@"; do
    case $part in
    shares | uplink | downlink | slices | sample) ;;
    *)
        echo "sensitivity.sh: unknown part '$part'; write shares, uplink, downlink, slices or sample" >&2
        exit 2
        ;;
    esac
    if [ -n "$write" ]; then
        "${part}_table" >"$work/table"
        replace "$part" "$work/table"
    else
        "${part}_table"
        echo
    fi
done
