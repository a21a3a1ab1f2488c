#!/bin/sh
# How the program is called: verbs, options, help, words, and what it says to a wrong call.
. tests/tools/lib.sh

call --version
same version-status 0 "$rc"
for line in '^willmsim [0-9]*\.[0-9]*\.[0-9]*$' '^revision: .' '^CUDA: \(yes\|no\)$' \
    '^MPI: \(yes\|no\)$' '^gnuplot: \(yes\|no\)$' '^GSL: [0-9]' '^SQLite: [0-9]' '^cJSON: [0-9]'; do
    holds "version-line $line" grep -q "$line" "$tmp/out"
done

call --help
same help-status 0 "$rc"
verbs=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$tmp/out")
for verb in run check sweep capacity list schema export metrics estimate phy slice; do
    case " $(echo $verbs) " in
    *" $verb "*) ok "help-lists-$verb" ;;
    *) not_ok "help-lists-$verb" "$verbs" ;;
    esac
    call "$verb" --help
    if [ "$rc" -eq 0 ] && grep -q "^usage: willmsim $verb" "$tmp/out" && [ ! -s "$tmp/err" ]; then
        ok "$verb-help"
    else
        not_ok "$verb-help" "status $rc: $(head -n 1 "$tmp/out" "$tmp/err")"
    fi
done

call
same no-verb-status 2 "$rc"
holds no-verb-shows-usage grep -q '^usage: willmsim' "$tmp/err"
refused verb-nearest 2 "unknown verb 'rnu'; did you mean 'run'?" rnu
refused verb-list 2 "unknown verb 'zzzzzzzz'; use one of: run, check" zzzzzzzz
refused option-first 2 "unknown option '--frob'" --frob
refused option-nearest 2 "run: unknown option '--sed'; did you mean '--set'?" run --sed x=1 a.json
refused option-list 2 "unknown option '--zzzzzzzz'; it takes --" check --zzzzzzzz
refused option-short 2 "unknown option '-x'" run -x
refused option-needs-value 2 "'--seed' needs a value" run a.json --seed
refused option-takes-none 2 "'--json=1' takes no value" run --json=1 a.json
refused option-not-a-number 2 "--seed: '1e3' is not a whole number" run a.json --seed 1e3
refused option-negative 2 "--seed: '-1' is not a whole number" run a.json --seed -1
refused run-without-scenario 2 "no scenario given" run
refused run-two-scenarios 2 "unexpected 'b.json'" run a.json b.json
refused check-without-scenario 2 "no scenario given" check
refused list-without-kind 2 "say what to list" list
refused list-nearest 2 "did you mean 'gpus'?" list gpu
refused schema-argument 2 "unexpected 'x'" schema x
refused export-without-table 2 "it takes a result file and a table" export x.sqlite
refused metrics-by 2 "unknown --by 'slise'; did you mean 'slice'?" metrics x --by slise
refused message-is-one-line 2 "unknown verb 'a ?b'" "$(printf 'a\n\033b')"

call list policies
same list-policies-status 0 "$rc"
for word in round-robin proportional-fair max-cqi tree-branch-fruit oai-willm dedicated-min-max \
    fifo static parallel-slots continuous; do
    holds "list-policies-$word" grep -q "^$word " "$tmp/out"
done
call list gpus
same list-gpus-status 0 "$rc"
for word in rtx4090 rtxpro6000 a100-sxm h100-sxm h200 l40s l4 orin tx2; do
    holds "list-gpus-$word" grep -q "^$word " "$tmp/out"
done
call list models
same list-models-status 0 "$rc"
for word in llama-2-7b llama-2-70b llama-3.1-8b llama-3.2-1b llama-3.2-3b llava-1.5-7b \
    llava-1.6-7b bloom-3b bloom-7.1b bloom-176b opt-13b; do
    holds "list-models-$word" grep -q "^$word " "$tmp/out"
done
holds list-models-tag-llava grep -q '^llava .*Ollama.*llava-1.6-7b' "$tmp/out"
holds list-models-tag-llama grep -q '^llama3.2 .*Ollama.*llama-3.2-3b' "$tmp/out"
call list scenarios --json
same list-scenarios-status 0 "$rc"
json list-scenarios-json '.scenarios | map(.word) | contains(["smart-glasses-uplink",
    "smart-glasses-downlink", "slices-30-60-90", "azure-conversation"])' "$tmp/out"
json list-scenarios-described '.scenarios | all(.doc != "")' "$tmp/out"
call list figures --json
json list-figures-json '(.figures | length) > 0 and (.figures | all(has("word") and has("doc")))' "$tmp/out"
WILLMSIM_HOME=$tmp/nowhere
refused list-without-files 1 "set WILLMSIM_HOME" list gpus
WILLMSIM_HOME=$root

# Shipped files are found from the executable: a checkout, a sanitized build, an installed tree.
for place in tree/build tree/build/sanitize tree/build/sanitize/tests inst/bin; do
    case $place in
    tree/*) share=$tmp/tree ;;
    *) share=$tmp/inst/share/willmsim ;;
    esac
    mkdir -p "$tmp/$place" "$share/bench" && cp -R bench/profiles "$share/bench/"
    cp "$willmsim" "$tmp/$place/willmsim"
    holds "shipped-files-from-$place" sh -c \
        "unset WILLMSIM_HOME; cd / && '$tmp/$place/willmsim' list gpus | grep -q '^rtx4090 '"
done

call schema
json schema-json '."$schema" != null and ."$defs".scenario.type == "object"' "$tmp/out"
call schema --markdown
holds schema-markdown grep -q '^| ' "$tmp/out"

for scenario in scenarios/*.json; do
    case $scenario in *.schema.json) continue ;; esac
    if grep -q 'WILLMSIM_DATA' "$scenario" && [ ! -d "$data" ]; then
        skip "check-$scenario" "no data"
        continue
    fi
    call check "$scenario"
    same "check-$scenario" "$scenario: ok" "$(cat "$tmp/out" "$tmp/err")"
done
printf '{' >"$tmp/bad.json"
call check "$tmp/bad.json" scenarios/smart-glasses-uplink.json
same check-bad-status 2 "$rc"
holds check-goes-on grep -q 'smart-glasses-uplink.json: ok' "$tmp/out"
holds check-names-the-bad grep -q "^willmsim: $tmp/bad.json: 1:2: " "$tmp/err"

if [ -w /dev/full ]; then
    "$willmsim" list policies >/dev/full 2>"$tmp/err"
    same full-disk-status 1 $?
    holds full-disk-line grep -q '^willmsim: cannot write to standard output' "$tmp/err"
else
    skip full-disk "no /dev/full"
fi
finish
