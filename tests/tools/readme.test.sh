#!/bin/sh
# The README shows what the program prints. After a change of behaviour that is meant:
#     sh tests/tools/readme.test.sh --write
. tests/tools/lib.sh
call run scenarios/smart-glasses-uplink.json --out "$tmp/x.sqlite"
same readme-run-status 0 "$rc"
sed "s|^results: .*|results: out/smart-glasses-uplink-1.sqlite|; s/ *$//" "$tmp/out" >"$tmp/new"

if [ "${1:-}" = --write ]; then
    awk -v new="$tmp/new" '
        /^<!-- output/ { print; print "```text"; while ((getline line < new) > 0) print line
            print "```"; skip = 1 }
        /^<!-- end of output/ { skip = 0 }
        !skip' README.md >"$tmp/README" && cp "$tmp/README" README.md
fi

# What differs from run to run: the version and the wall clock.
plain() { sed 's/willmsim [0-9][^ ]*$/willmsim VERSION/; s/ in [0-9.]* s;/ in WALL s;/'; }
sed -n '/^<!-- output/,/^<!-- end of output/p' README.md | grep -v '^```\|^<!--' | plain >"$tmp/was"
plain <"$tmp/new" >"$tmp/is"
if cmp -s "$tmp/was" "$tmp/is"; then
    ok readme-output
else
    not_ok readme-output "$(diff "$tmp/was" "$tmp/is" | head -n 6)"
fi

# Every command that the README shows works, in its order.
mkdir "$tmp/here" && cp -R scenarios "$tmp/here/" && cd "$tmp/here" || exit 1
sed -n 's/^build\/willmsim //p' "$root/README.md" | sed 's/ *#.*//' >"$tmp/commands"
holds readme-has-commands [ "$(wc -l <"$tmp/commands")" -ge 6 ]
while read -r words; do
    case $words in
    figures*) command -v gnuplot >/dev/null 2>&1 || { skip readme-figures "gnuplot is missing"; continue; } ;;
    esac
    # The words hold no blanks: splitting them is meant.
    call $words
    same "readme: $words" 0 "$rc"
done <"$tmp/commands"
finish
