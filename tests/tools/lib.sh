# lib.sh - sourced by the tests of the program. Each check prints 'ok NAME', 'not ok NAME' or
# 'skip NAME why'; finish() gives the exit status. Run from the root of the repository.
set -u
root=$(pwd)
case ${BUILD:-build} in
/*) willmsim=${BUILD}/willmsim ;;
*) willmsim=$root/${BUILD:-build}/willmsim ;;
esac
data=${WILLMSIM_DATA:-../shared/data}
case $data in
/*) ;;
*) data=$root/$data ;;
esac
# Builds may lie anywhere; the shipped files are the checkout's.
WILLMSIM_HOME=$root
WILLMSIM_DATA=$data
export WILLMSIM_HOME WILLMSIM_DATA
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0

ok() { echo "ok $1"; }
skip() { echo "skip $1 $2"; }
not_ok() { # NAME [what was seen]
    echo "not ok $1"
    [ $# -lt 2 ] || printf '    %s\n' "$2"
    failures=$((failures + 1))
}
# same NAME EXPECTED SEEN
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', saw '$3'"; fi; }
# holds NAME COMMAND...: the command succeeds
holds() {
    name=$1
    shift
    if "$@" >/dev/null 2>&1; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}
# call ARGUMENT...: runs the program; leaves $rc, $tmp/out and $tmp/err
call() {
    "$willmsim" "$@" >"$tmp/out" 2>"$tmp/err"
    rc=$?
}
# refused NAME STATUS PATTERN ARGUMENT...: exit status, one line on stderr that matches, no stdout
refused() {
    name=$1 status=$2 pattern=$3
    shift 3
    call "$@"
    if [ "$rc" -ne "$status" ]; then
        not_ok "$name" "exit status $rc: $(head -c 300 "$tmp/err")"
    elif [ "$(wc -l <"$tmp/err")" -ne 1 ] || ! grep -q "^willmsim: .*$pattern" "$tmp/err"; then
        not_ok "$name" "message: $(head -c 300 "$tmp/err")"
    elif [ -s "$tmp/out" ]; then
        not_ok "$name" "printed on standard output: $(head -c 300 "$tmp/out")"
    else
        ok "$name"
    fi
}
# json NAME FILTER FILE: the jq filter yields true
json() {
    if [ "$(jq -r "$2" "$3" 2>&1)" = true ]; then
        ok "$1"
    else
        not_ok "$1" "$(jq -c "$2" "$3" 2>&1 | head -c 300)"
    fi
}
sql() { sqlite3 -readonly "$1" "$2" 2>&1; }
digest() { sha256sum | cut -d ' ' -f 1; }
finish() { [ "$failures" -eq 0 ]; }
