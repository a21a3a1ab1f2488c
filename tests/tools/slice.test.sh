#!/bin/sh
# willmsim slice: policy files of both kinds, a demand, the answer in both forms, wrong inputs.
. tests/tools/lib.sh

cat >"$tmp/tree.json" <<'END'
{"policy": "tree-branch-fruit",
 "tree": [{"id": "llm", "min_pct": 30, "max_pct": 50},
          {"id": "glasses", "parent": "llm", "max_pct": 80, "priority": 1.2}]}
END
cat >"$tmp/demand.json" <<'END'
{"n_prb": 100, "direction": "dl",
 "ues": [{"ue": 3, "slice": "glasses", "backlog_bytes": 1000000, "mcs": 9, "thr": 900},
         {"ue": 5, "backlog_bytes": 1000000, "mcs": 9, "thr": 100},
         {"ue": 6, "backlog_bytes": 0, "mcs": 9}]}
END
call slice --policy "$tmp/tree.json" --demand "$tmp/demand.json" --json
same slice-status 0 "$rc"
# gamma 1 and 9: line 7 gives 10 and 90, line 8 lifts the first to 30, line 14 to 36; packing keeps
# the minimum of 30, and 70 of the 90 are left.
json slice-algorithm-1 '[.grants[].n_prb] == [30, 70, 0]' "$tmp/out"
json slice-sums '.granted_prb == 100 and .slices[0].n_prb == 30 and .slices[0].max_prb == 50' \
    "$tmp/out"
# 38.214 5.1.3.2: 30 PRB x 144 RE x 2 x 679/1024 = 5729 bits, quantised to 45 x 128.
json slice-block '.grants[0].tb_bytes == 720 and .grants[0].slice == "glasses"' "$tmp/out"
call slice --policy "$tmp/tree.json" --demand "$tmp/demand.json"
same slice-table-status 0 "$rc"
holds slice-table grep -Eq '^ +3 +glasses +9 +1000000 B +30 +any' "$tmp/out"

# The testbed's own file: one S-NSSAI, the last entry holds (D1 of the worked examples).
cat >"$tmp/rrm.json" <<'END'
{"rrmPolicyRatio": [{"sST": 1, "sD_flag": 0, "sD": 1, "min_ratio": 20, "max_ratio": 50},
                    {"sST": 1, "sD_flag": 0, "sD": 2, "min_ratio": 70, "max_ratio": 50},
                    {"sST": 1, "sD_flag": 0, "sD": 3, "min_ratio": 40, "max_ratio": 70}],
 "subSlicePolicy": {"enabled": true, "subSlices": [
    {"sub_slice_id": 1, "parent_slice": 1, "min_ratio": 0, "max_ratio": 50, "priority": 1}]},
 "ueSliceMapping": {"0x1234": {"target_slice": 1, "target_sub_slice": 1, "force_slice": true}}}
END
cat >"$tmp/testbed.json" <<'END'
{"n_prb": 106, "direction": "dl",
 "ues": [{"ue": 0, "rnti": "0x1234", "backlog_bytes": 1000000, "mcs": 9, "thr": 100}]}
END
call slice --policy "$tmp/rrm.json" --demand "$tmp/testbed.json" --json
json slice-testbed '.policy == "oai-willm" and .grants[0] ==
    {ue: 0, slice: "1.1", n_prb: 50, prb_start: null, tbs_prb: 75, tb_bytes: 1793}' "$tmp/out"
refused slice-strict 2 'rrmPolicyRatio\[1\].min_ratio: the minimum of 70 %' \
    slice --policy "$tmp/rrm.json" --demand "$tmp/testbed.json" --strict

# Uplink around taken PRB.
cat >"$tmp/up.json" <<'END'
{"n_prb": 106, "direction": "ul", "taken": [0, 1, 105],
 "ues": [{"ue": 0, "backlog_bytes": 1000000, "mcs": 9}]}
END
echo '{"policy": "oai-willm", "ul_ignore_taken": false}' >"$tmp/looks.json"
call slice --policy "$tmp/looks.json" --demand "$tmp/up.json" --json
json slice-uplink '.n_prb == 103 and .grants[0].prb_start == 2 and .grants[0].n_prb == 103' "$tmp/out"

refused slice-no-policy 2 '--policy is missing' slice --demand "$tmp/demand.json"
refused slice-no-file 2 'nowhere.json: no such file' \
    slice --policy nowhere.json --demand "$tmp/demand.json"
echo '{"policy": "max-cqy"}' >"$tmp/word.json"
refused slice-unknown-policy 2 'did you mean "max-cqi"' \
    slice --policy "$tmp/word.json" --demand "$tmp/demand.json"
refused slice-unknown-slice 2 'ues\[0\].slice: there is no slice "glasses"' \
    slice --policy "$tmp/rrm.json" --demand "$tmp/demand.json"
echo '{"policy": "max-cqi", "tree": [{"id": "a", "min_pct": 60}, {"id": "b", "min_pct": 50}]}' \
    >"$tmp/sum.json"
refused slice-minima 2 'tree: the minima of the branches sum to 110 %' \
    slice --policy "$tmp/sum.json" --demand "$tmp/demand.json"
echo '{"n_prb": 106, "direction": "dl", "ues": [{"ue": 1, "backlog_bytes": 1, "mcs": 29}]}' \
    >"$tmp/mcs.json"
refused slice-mcs 2 'ues\[0\].mcs: 29 is out of range' \
    slice --policy "$tmp/looks.json" --demand "$tmp/mcs.json"
finish
