#!/bin/sh
# bench/run.sh: what a benchmark prints is set beside the recorded figure, and kept when asked for. The
# benchmarks are stand-ins, so that this takes no time.
. tests/tools/lib.sh
mkdir "$tmp/bench"
cat >"$tmp/bench/bench_city" <<'EOF'
#!/bin/sh
echo '1 thread      5.000 wall s     1315244 events/wall s'
echo 'row    7  0.5'
echo 'row    8  0.25'
EOF
cat >"$tmp/bench/bench_engine" <<'EOF'
#!/bin/sh
exit 1
EOF
cp "$tmp/bench/bench_city" "$tmp/bench/bench_other"
chmod +x "$tmp"/bench/*
printf '# kept\nbench_city\tone thread\t^1 thread\t1\t3\tlower\t4\nbench_city\tsecond row\t^row\t2\t-1\thigher\t0.5\nbench_city\tgone\t^nothing\t1\t1\tlower\t9\nbench_other\tx\t^row\t1\t2\tlower\t14\n' \
    >"$tmp/recorded.tsv"
cp "$tmp/recorded.tsv" "$tmp/before.tsv"
run() {
    BUILD=$tmp RECORDED=$tmp/recorded.tsv sh bench/run.sh "$@" >"$tmp/out" 2>"$tmp/err"
    rc=$?
}
run city
same bench-status 0 "$rc"
holds bench-slower grep -qF 'recorded one thread: 4 then, 5 now, 0.80 times as good' "$tmp/out"
holds bench-nth-line grep -qF 'recorded second row: 0.5 then, 0.25 now, 0.50 times as good' "$tmp/out"
holds bench-not-printed grep -qF 'recorded gone: not in this output' "$tmp/out"
same bench-only-named '' "$(grep bench_other "$tmp/out")"
holds bench-keeps-the-file cmp "$tmp/recorded.tsv" "$tmp/before.tsv"
run --record city other
same bench-records '5 0.25 9 7' "$(sed 1d "$tmp/recorded.tsv" | awk -F '\t' '{ printf "%s%s", s, $7; s = " " }')"
same bench-keeps-comments '# kept' "$(head -n 1 "$tmp/recorded.tsv")"
run
same bench-failed-status 1 "$rc"
holds bench-failed grep -qF 'bench_engine failed' "$tmp/out"
# Every line of the shipped file names a benchmark that there is.
for bench in $(grep -v '^#' bench/recorded.tsv | cut -f 1 | sort -u); do
    holds "recorded-$bench" [ -e "bench/$bench.c" ]
done
finish
