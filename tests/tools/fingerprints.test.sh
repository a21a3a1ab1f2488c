#!/bin/sh
# Every shipped scenario runs, and its events are those that they were (sim/engine.h, E4). A change
# of behaviour that is meant is a change of one line in fingerprints.txt:
#     sh tests/tools/fingerprints.test.sh --write
# runs all of them (the shared data must be there) and writes the file anew.
. tests/tools/lib.sh
kept=tests/tools/fingerprints.txt
duration=20
write=${1:-}
[ "$write" = --write ] && printf '# scenario, fingerprint of %s s\n' $duration >"$tmp/new.txt"
for scenario in scenarios/*.json; do
    case $scenario in *.schema.json) continue ;; esac
    word=$(basename "$scenario" .json)
    if grep -q 'WILLMSIM_DATA' "$scenario" && [ ! -d "$data" ]; then
        skip "runs-$word" "no data"
        continue
    fi
    call run "$scenario" --set duration_s=$duration --quiet --out "$tmp/$word.sqlite"
    if [ "$rc" -ne 0 ]; then
        not_ok "runs-$word" "status $rc: $(head -c 300 "$tmp/err")"
        continue
    fi
    ok "runs-$word"
    seen=$(sql "$tmp/$word.sqlite" 'select fingerprint from runs')
    if [ "$write" = --write ]; then
        echo "$word $seen" >>"$tmp/new.txt"
    else
        same "fingerprint-$word" "$(sed -n "s/^$word //p" $kept)" "$seen"
    fi
done
if [ "$write" = --write ] && [ "$failures" -eq 0 ]; then
    cp "$tmp/new.txt" $kept
fi
finish
