#!/bin/sh
# Every bad scenario through the program: exit status 2, one line on standard error that names the
# place and what is wrong, nothing on standard output, no database left behind. The cases are those
# of tests/sim/scenario_bad.c.
set -u
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_HOME
program=$BUILD/willmsim
good=tests/sim/bad/good.json
[ -x "$program" ] || { echo "skip bad.test.sh: no program at $program"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
tab=$(printf '\t')

# refused NAME PLACE MESSAGE FILE [--set X]
refused() {
    name=$1 place=$2 message=$3
    shift 3
    timeout 60 "$program" run "$@" --quiet --out "$work/out.sqlite" >"$work/stdout" 2>"$work/stderr"
    rc=$?
    why=
    [ $rc -eq 2 ] || why="exit status $rc"
    [ "$(wc -l <"$work/stderr")" -eq 1 ] || why="$why, not one line"
    [ -s "$work/stdout" ] && why="$why, something on standard output"
    ls "$work"/out.sqlite* >"$work/left" 2>/dev/null && why="$why, a database is left behind"
    grep -q '^willmsim: ' "$work/stderr" || why="$why, does not begin with 'willmsim: '"
    grep -qF -e "$message" "$work/stderr" || why="$why, does not say '$message'"
    [ "$place" = "-" ] || grep -qF -e "$place: " "$work/stderr" || why="$why, is not at '$place'"
    if [ -z "$why" ]; then
        echo "ok $name"
    else
        echo "not ok $name: ${why#, }: $(head -c 300 "$work/stderr")"
    fi
    rm -f "$work"/out.sqlite*
}

while IFS=$tab read -r name place message how what; do
    case $name in '#'*) continue ;; esac
    if [ "$how" = set ]; then
        refused "$name" "$place" "$message" "$good" --set "$what"
    else
        printf '%s' "$what" >"$work/case.json"
        refused "$name" "$place" "$message" "$work/case.json"
    fi
done <tests/sim/bad/cases.tsv

refused missing - "no such file" "$work/none.json"
refused folder - "is a folder" "$work"
: >"$work/case.json"
refused empty - "empty" "$work/case.json"
printf '{"name": "caf\351"}' >"$work/case.json"
refused latin-1 1:14 "UTF-8" "$work/case.json"
printf '{"name": "a\000b"}' >"$work/case.json"
refused nul 1:12 "control character" "$work/case.json"
head -c 50000000 /dev/zero | tr '\000' '[' >"$work/case.json"
refused 50-MB-of-brackets 1:65 "more than 64" "$work/case.json"
head -c 68000000 /dev/zero | tr '\000' ' ' >"$work/case.json"
refused larger-than-64-MiB - "larger than 64 MiB" "$work/case.json"
chmod 000 "$work/case.json"
[ -r "$work/case.json" ] || refused unreadable - "cannot be opened" "$work/case.json"

# The good one is good: it must not be the base that is refused.
if timeout 60 "$program" check "$good" >/dev/null 2>"$work/stderr"; then
    echo "ok good.json"
else
    echo "not ok good.json: $(head -c 300 "$work/stderr")"
fi
