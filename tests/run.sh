#!/bin/sh
# Runs every test program and every tests/*/*.test.sh, and closes with the counts.
# Environment: BUILD (where the programs are), WILLMSIM_DATA (shared measurements; may be absent).
set -u
BUILD=${BUILD:-build}
WILLMSIM_DATA=${WILLMSIM_DATA:-../shared/data}
export BUILD WILLMSIM_DATA
[ -d "$WILLMSIM_DATA" ] || echo "note: no folder '$WILLMSIM_DATA': tests against shared measurements are skipped"
log=$BUILD/tests/log
passed=0 failed=0 skipped=0 broken=0
count() { grep -c "$1" "$log"; }
for t in "$BUILD"/tests/test_*; do
    [ -x "$t" ] || continue
    case $t in *.o|*.d|*.c) continue ;; esac
    "$t" >"$log" 2>&1
    rc=$?
    p=$(count '^\[       OK \]')
    f=$(grep '^\[  FAILED  \] [a-z_]' "$log" | sort -u | wc -l)
    s=$(grep '^\[  SKIPPED \] [a-z_]' "$log" | sort -u | wc -l)
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ $rc -ne 0 ]; then
        [ "$f" -gt 0 ] || { broken=$((broken + 1)); echo "$t: exit status $rc without a failed test"; }
        grep -v '^\[ RUN \|^\[       OK \]' "$log"
    fi
    echo "$(basename "$t"): $p passed, $f failed, $s skipped"
done
for t in tests/*/*.test.sh; do
    [ -e "$t" ] || continue
    sh "$t" >"$log" 2>&1
    rc=$?
    p=$(count '^ok ') f=$(count '^not ok ') s=$(count '^skip ')
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ $rc -ne 0 ] || [ "$f" -gt 0 ]; then
        [ "$f" -gt 0 ] || { broken=$((broken + 1)); echo "$t: exit status $rc without a failed check"; }
        grep -v '^ok ' "$log"
    fi
    echo "$t: $p passed, $f failed, $s skipped"
done
failed=$((failed + broken))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
