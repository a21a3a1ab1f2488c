#!/bin/sh
# make install: the installed program finds its scenarios, cards, profiles and modules by itself, also
# when the tree is moved and whatever PREFIX it was compiled for.
. tests/tools/lib.sh
command -v make >/dev/null 2>&1 || { skip install "no make"; exit 0; }
make -s -o all BUILD="${willmsim%/*}" install PREFIX="$tmp/first" >"$tmp/out" 2>&1
same install-status 0 $?
mv "$tmp/first" "$tmp/moved"
built=${willmsim%/*} willmsim=$tmp/moved/bin/willmsim
unset WILLMSIM_HOME
cd "$tmp" || exit 1
for words in scenarios gpus models; do
    call list $words
    holds "installed-$words" [ "$(wc -l <"$tmp/out")" -gt 5 ]
done
call run moved/share/willmsim/scenarios/slices-30-60-90.json --set duration_s=10 --quiet --out x.sqlite
same installed-run 0 "$rc"
call validate x.sqlite --json # the shipped targets are there, whatever they say of so short a run
json installed-targets '.results | length > 40' "$tmp/out"
# The module is found and speaks: it knows of no other process.
if [ -e "$built/ranks_mpi.so" ]; then
    # Where there is no /sys, the MPI library says so on standard error; that line is not ours.
    ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} MPI_LOCALNRANKS=3 HWLOC_HIDE_ERRORS=2
    export ASAN_OPTIONS MPI_LOCALNRANKS HWLOC_HIDE_ERRORS
    refused installed-ranks 1 'knows of one' sweep moved/share/willmsim/scenarios/slices-30-60-90.json --reps 2
else
    skip installed-ranks "a build without MPI"
fi
finish
