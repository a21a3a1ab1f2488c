#!/bin/sh
# willmsim sweep: the merged tables do not hang on threads, ranks or a killed rank; the summary is
# what the runs' own numbers give; what is wrong is said once and before anything is written.
. tests/tools/lib.sh
scenario=scenarios/slices-30-60-90.json
short="--set duration_s=40 --vary radio.policy.kind=oai-willm,round-robin --vary ues.count=1,2 --reps 3"
tables="runs requests ue_records ran_records server_records cells gpus slice_decisions sweep_points"
# sum DB: one SHA-256 over all tables, in the order of their keys
sum() {
    for table in $tables; do "$willmsim" export "$1" "$table" --csv 2>/dev/null; done | digest
}
sweep() { # DB ARGUMENT...
    db=$1
    shift
    call sweep $scenario "$@" --out "$tmp/$db"
}

# --- the same tables on 1 and 2 threads, and as single runs -----------------------------------
sweep one.sqlite $short --jobs 1 --json
same one-status 0 "$rc"
cp "$tmp/out" "$tmp/one.json"
want=$(sum "$tmp/one.sqlite")
sweep two.sqlite $short --jobs 2 --quiet
same two-threads "$want" "$(sum "$tmp/two.sqlite")"
same two-threads-complete 12 "$(sql "$tmp/two.sqlite" 'select sum(complete) from runs')"
holds no-shards-left [ "$(ls "$tmp" | grep -c 'sqlite\.')" -eq 0 ]
same sweep-points "2|3|radio.policy.kind=oai-willm,ues.count=2" \
    "$(sql "$tmp/one.sqlite" "select point, rep, group_concat(path || '=' || value) from
        (select * from sweep_points where run_id = 6 order by path)")"
call run $scenario --set duration_s=40 --set radio.policy.kind=round-robin --set ues.count=2 \
    --seed 3 --quiet --out "$tmp/single.sqlite"
same run-12-is-that-run "$(sql "$tmp/single.sqlite" 'select scenario_sha256, fingerprint from runs')" \
    "$(sql "$tmp/one.sqlite" 'select scenario_sha256, fingerprint from runs where run_id = 12')"

# Values with commas inside, a range with a step, replications alone.
sweep values.sqlite --set duration_s=1 --vary 'ues.0.slice_cycle=["1221","1222"],["1223"]' \
    --vary transport.delay_ms=0:1:0.25 --quiet
same values '["1221","1222"] ["1223"] 0 0.25 0.5 0.75 1 ' "$(sql "$tmp/values.sqlite" \
    'select distinct value from sweep_points order by path desc, run_id' | tr '\n' ' ')"
sweep seeds.sqlite --set duration_s=1 --seed 40 --reps 3 --quiet
same seeds 'seed=40 seed=41 seed=42 ' "$(sql "$tmp/seeds.sqlite" \
    "select path || '=' || value from sweep_points order by run_id" | tr '\n' ' ')"
# --resume without a file begins anew.
mv "$tmp/seeds.sqlite" "$tmp/seeds.old"
sweep seeds.sqlite --set duration_s=1 --seed 40 --reps 3 --quiet --resume
same resume-without-file "$(sum "$tmp/seeds.old")" "$(sum "$tmp/seeds.sqlite")"

# --- the summary ------------------------------------------------------------------------------
json json-shape '(.points | length) == 4 and .complete and .reps == 3 and .runs == 12' "$tmp/one.json"
# Means and Student's t by hand: t(0.975; 2) = 4.302652729911275.
sql "$tmp/one.sqlite" "select avg((done_ns - born_ns) / 1e6) from requests
    where status = 'completed' group by run_id order by run_id" >"$tmp/means"
hand=$(awk '{x[NR] = $1} END {
    t = 4.302652729911275
    for (i = 1; i <= 3; i++) { a += x[i] / 3; d[i] = x[6 + i] - x[i]; m += d[i] / 3; b += x[6 + i] / 3 }
    for (i = 1; i <= 3; i++) { va += (x[i] - a) ^ 2 / 2; vb += (x[6 + i] - b) ^ 2 / 2; vd += (d[i] - m) ^ 2 / 2 }
    printf "%.6f %.6f %.6f %.6f", a, t * sqrt(va / 3), m, t * sqrt(vd / 3)}' "$tmp/means")
seen=$(jq -r '[.points[0].metrics["e2e.mean"].mean, .points[0].metrics["e2e.mean"].half,
    .points[2].difference["e2e.mean"].mean, .points[2].difference["e2e.mean"].paired_half]
    | map(. * 1e6 | round / 1e6) | map(tostring) | join(" ")' "$tmp/one.json")
holds intervals-by-hand awk -v a="$hand" -v b="$seen" 'BEGIN {
    n = split(a, x, " "); m = split(b, y, " "); if (n != 4 || m != 4) exit 1
    for (i = 1; i <= 4; i++) if ((x[i] - y[i]) ^ 2 > 1e-8) exit 1}'

# Two policies on 10 paired seeds: the paired interval is the narrower.
policies="--set duration_s=60 --set output.ran_records_ms=0 --vary radio.policy.kind=oai-willm,round-robin --reps 10"
sweep pair.sqlite $policies --json
json paired-narrower '.points[1].difference["e2e.mean"] | .n == 10 and .paired_half > 0
    and .paired_half < .unpaired_half' "$tmp/out"
sweep pair.sqlite $policies --csv "$tmp/pair.csv"
holds table-prints-both grep -q 'paired *+- unpaired' "$tmp/out"
same csv-rows "$(jq -n '2 * 71')" "$(($(wc -l <"$tmp/pair.csv") - 1))"
holds csv-row grep -q '^2,round-robin,e2e.mean,ms,10,[0-9]' "$tmp/pair.csv"
if command -v gnuplot >/dev/null 2>&1; then
    sweep pair.sqlite --set duration_s=20 --vary ues.count=1,2 --reps 2 --quiet --figure "$tmp/bars.svg"
    same figure-status 0 "$rc"
    holds figure-is-svg grep -q '<svg' "$tmp/bars.svg"
else
    skip figure-status "no gnuplot"
fi

# --- a killed process, and one that is asked to stop --------------------------------------------
long="--set duration_s=1000 --set output.ran_records_ms=1000 --vary ues.count=1,2 --reps 5"
wait_for_runs() { # DB: until its shards hold two runs that are done, while $pid is at work
    tries=0 finished=0
    while [ "$tries" -lt 600 ] && [ "$finished" -lt 2 ] && kill -0 $pid 2>/dev/null; do
        sleep 0.05
        tries=$((tries + 1)) finished=0
        for shard in "$tmp/$1".rank?; do
            n=$(sqlite3 -readonly "$shard" 'select sum(complete) from runs' 2>/dev/null) || n=0
            finished=$((finished + ${n:-0}))
        done
    done
}
start() { # DB
    "$willmsim" sweep $scenario $long --jobs 1 --quiet --out "$tmp/$1" >"$tmp/said" 2>&1 &
    pid=$!
    wait_for_runs "$1"
}
resume() { # DB
    call sweep $scenario $long --quiet --resume --out "$tmp/$1"
}
start stopped.sqlite
refused one-at-a-time 2 "another sweep is writing" sweep $scenario $long --out "$tmp/stopped.sqlite"
kill -TERM $pid
wait $pid
same stopped-status 1 $?
holds stopped-line grep -q '^willmsim: .*stopped by a signal.*of 10 runs.*--resume' "$tmp/said"
holds stopped-keeps-runs [ "$(sql "$tmp/stopped.sqlite" 'select sum(complete) from runs')" -ge 2 ]
start died.sqlite
kill -9 $pid
wait $pid 2>/dev/null
same died-lists-all-runs '10|0' "$(sql "$tmp/died.sqlite" 'select count(*), sum(complete) from runs')"
sqlite3 -readonly "$tmp/died.sqlite.rank0" 'select run_id, wall_s from runs where complete' >"$tmp/done"
refused other-sweep 2 'run 1: is of another sweep' sweep $scenario $long --set radio.n_prb=51 \
    --resume --out "$tmp/died.sqlite"
resume stopped.sqlite
same stopped-resumed 0 "$rc"
resume died.sqlite
same died-resumed 0 "$rc"
holds died-had-finished-runs [ "$(wc -l <"$tmp/done")" -ge 2 ]
same died-kept-them "$(cat "$tmp/done")" "$(sql "$tmp/died.sqlite" 'select run_id, wall_s from runs' |
    grep -F -f "$tmp/done")"
same died-and-stopped-agree "$(sum "$tmp/stopped.sqlite")" "$(sum "$tmp/died.sqlite")"
same died-complete 10 "$(sql "$tmp/died.sqlite" 'select sum(complete) from runs')"

# --- ranks ------------------------------------------------------------------------------------
mpi=mpirun words=pmi2 dead='BAD TERMINATION'
if mpirun --version 2>/dev/null | grep -q 'Open MPI'; then # MPICH knows neither option, nor needs one
    mpi="$mpi --oversubscribe" words=pmix dead='^willmsim: .*--resume'
    [ "$(id -u)" -ne 0 ] || mpi="$mpi --allow-run-as-root"
fi
# What Open MPI never frees is not ours, nor what it says where there is no /sys.
ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} HWLOC_HIDE_ERRORS=2
export ASAN_OPTIONS HWLOC_HIDE_ERRORS
if ! command -v mpirun >/dev/null 2>&1 || [ ! -e "$(dirname "$willmsim")/ranks_mpi.so" ]; then
    skip three-ranks "no mpirun, or a build without MPI"
    skip rank-alone "no mpirun, or a build without MPI"
    skip killed-rank "no mpirun, or a build without MPI"
else
    $mpi -n 3 "$willmsim" sweep $scenario $short --jobs 1 --quiet --out "$tmp/mpi.sqlite" >"$tmp/out" 2>&1
    same three-ranks-status 0 $?
    same three-ranks "$want" "$(sum "$tmp/mpi.sqlite")"
    $mpi -n 3 "$willmsim" sweep $scenario --vary ues.cuont=1,2 --out "$tmp/typo.sqlite" >"$tmp/out" 2>&1
    same ranks-say-it-once 1 "$(grep -c '^willmsim: ' "$tmp/out")"
    # A launcher of three whose words this MPI does not speak: each would take itself for the only one.
    MPI_LOCALNRANKS=3
    export MPI_LOCALNRANKS
    refused rank-alone 1 'knows of one.*--mpi=pmix' sweep $scenario $short --out "$tmp/alone.sqlite"
    unset MPI_LOCALNRANKS
    holds rank-alone-no-file [ ! -e "$tmp/alone.sqlite" ]

    # A rank is killed once some runs are done.
    $mpi -n 3 "$willmsim" sweep $scenario $long --jobs 1 --quiet --out "$tmp/killed.sqlite" \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for_runs killed.sqlite
    # A machine may have no pgrep; MPICH's ranks are grandchildren of mpirun.
    victim=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v root=$pid '
        { parent[$1] = $4; if ($2 == "(willmsim)") rank[$1] }
        END { for (p in rank) for (q = p; q > 1; q = parent[q]) if (q == root) print p }' |
        sort -n | tail -n 1)
    [ -z "$victim" ] || kill -9 "$victim"
    wait $pid
    holds killed-rank-status [ $? -ne 0 ]
    # MPICH's launcher ends the others with a signal that nobody catches, and speaks for them.
    holds killed-rank-message grep -q "$dead" "$tmp/err" "$tmp/out"
    holds killed-rank-incomplete [ "$(sql "$tmp/killed.sqlite" 'select sum(complete = 0) from runs')" -gt 0 ]
    same killed-rank-integrity ok "$(sql "$tmp/killed.sqlite" 'pragma integrity_check')"
    call export "$tmp/killed.sqlite" runs --csv
    holds killed-rank-readers-say-so grep -q '^willmsim: .*incomplete' "$tmp/err"
    resume killed.sqlite
    same killed-rank-resumed 0 "$rc"
    same killed-rank-same-tables "$(sum "$tmp/died.sqlite")" "$(sum "$tmp/killed.sqlite")"
fi

# Slurm, where one answers.
if [ -e "$(dirname "$willmsim")/ranks_mpi.so" ] &&
    timeout 10 srun --quiet --immediate=5 --overcommit -n 3 true >/dev/null 2>&1; then
    srun --overcommit -n 3 --mpi=$words "$willmsim" sweep $scenario $short --jobs 1 --quiet \
        --out "$tmp/srun.sqlite" >"$tmp/out" 2>&1
    same srun-status 0 $?
    same srun-tables "$want" "$(sum "$tmp/srun.sqlite")"
    srun --overcommit -n 3 --mpi=none "$willmsim" sweep $scenario $short --out "$tmp/none.sqlite" \
        >"$tmp/out" 2>&1
    holds srun-none-status [ $? -ne 0 ]
    holds srun-none-no-file [ ! -e "$tmp/none.sqlite" ]
else
    skip srun "no Slurm that answers, or a build without MPI"
fi

# --- what is wrong ----------------------------------------------------------------------------
before=$(sum "$tmp/one.sqlite")
refused unknown-word 2 'radio.policy.*round-robin.*with radio.policy.kind=round-robbin' sweep $scenario \
    --vary radio.policy.kind=oai-willm,round-robbin --out "$tmp/one.sqlite"
refused unknown-path 2 'cuont' sweep $scenario --vary ues.cuont=1,2 --out "$tmp/one.sqlite"
same old-file-untouched "$before" "$(sum "$tmp/one.sqlite")"
refused nothing-varied 2 'nothing is varied' sweep $scenario
refused vary-shape 2 'write PATH=VALUE' sweep $scenario --vary ues.count
refused vary-empty 2 'empty value' sweep $scenario --vary ues.count=1,,2
refused vary-range 2 'does not rise' sweep $scenario --vary ues.count=8:1
refused vary-seed 2 'seed.*--reps' sweep $scenario --vary seed=1,2
refused vary-overlap 2 'overlap' sweep $scenario --vary ues.0=1 --vary ues[0].count=1,2
refused show-word 2 "did you mean 'e2e.mean'" sweep $scenario --vary ues.count=1,2 --show e2e.maen
refused too-many 2 'more than 1000000 runs' sweep $scenario --vary ues.count=1:50000 --reps 100
refused not-a-store 2 'not a store' sweep $scenario --vary ues.count=1,2 --out README.md
refused no-folder 2 'does not exist' sweep $scenario --vary ues.count=1,2 --out "$tmp/none/x.sqlite"
finish
