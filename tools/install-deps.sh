#!/bin/sh
# Installs the Debian packages that a job needs and this machine lacks. Asks nothing.
# usage: install-deps.sh [build] [figures] [test] [lint] [bench] [influx]
set -u
want=
for job in "$@"; do
    case $job in
    build) want="$want pkg-config gcc libgsl-dev libcjson-dev libsqlite3-dev libcsv-dev nettle-dev libnlopt-dev libopenblas-dev" ;;
    figures) want="$want gnuplot-nox" ;;
    test)
        want="$want libcmocka-dev sqlite3 jq"
        # Whichever MPI is there does; a second one would take `mpicc` and `mpirun` from it.
        command -v mpicc >/dev/null 2>&1 && command -v mpirun >/dev/null 2>&1 ||
            want="$want libopenmpi-dev openmpi-bin"
        ;;
    lint)  want="$want clang-format clang-tidy cppcheck libomp-dev" ;;
    bench) want="$want python3-simpy3 sqlite3" ;;
    influx) want="$want influxdb curl golang-go golang-github-influxdb-influxdb-dev" ;;
    *) echo "willmsim: install-deps.sh: unknown job '$job'; use build, figures, test, lint, bench or influx" >&2; exit 2 ;;
    esac
done
missing=
for p in $want; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "willmsim: missing packages:$missing; install them as root (apt-get install$missing)" >&2
        exit 1
    }
    as_root="sudo -n"
fi
echo "willmsim: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
} >"$log" 2>&1 </dev/null || {
    echo "willmsim: cannot install$missing: $(grep -m1 '^E:\|sudo:' "$log" || tail -n 1 "$log")" >&2
    exit 1
}
