/* scenario_radio.c - the table of a scenario's "radio" object. Defaults are the WiLLM testbed's
 * (OpenAirInterface, docs/models); what nobody published is marked Assumed. */
#include <stddef.h>
#include <string.h>

#include "models/nr_frame.h"
#include "sched/radio.h"
#include "sim/scenario.h"
#include "sim/scenario_tables.h"

static const char *const decoder_words[] = {"it5", "it20", NULL};
static const char *const evm_words[] = {"none", "limit", NULL};
static const char *const power_control_words[] = {"open-loop", "closed-loop", NULL};
static const char *const power_step_words[] = {"exact", "limit", NULL};
/* In the order of enum nr_receiver. */
static const char *const receiver_words[] = {"ideal", "oai", NULL};
static const char *const combining_words[] = {"ir", "chase", NULL};
/* In the order of enum nr_la_rule. */
static const char *const la_words[] = {"bler-window", "cqi", "outer-loop", NULL};
/* In the order of enum radio_mode. */
static const char *const mode_words[] = {"embedded", "separated", NULL};

static const struct json_field radio_fields[] = {
    F_INT(scenario_radio, scs_khz, 15, 120, "30",
          "Subcarrier spacing in kHz: 15, 30, 60 or 120 (38.211 table 4.2-1). Testbed: 30."),
    F_INT(scenario_radio, n_prb, 1, 275, "106",
          "PRB of the carrier, at most 270 / 273 / 264 / 264 for 15 / 30 / 60 / 120 kHz (38.101-1 "
          "and 38.101-2 table 5.3.2-1). Testbed: 106 (40 MHz)."),
    F_STR(scenario_radio, tdd, "\"DDDDDDDSUU\"",
          "Slot pattern of D (downlink), S (special) and U (uplink) with at least one D and one "
          "U, at most 64 slots, or \"fdd\" (38.213 clause 11.1). Testbed: 5 ms of 7 D, 1 S, 2 U."),
    F_INT(scenario_radio, special_dl_symbols, 0, 14, "6",
          "Downlink symbols of a special slot. Testbed: 6."),
    F_INT(scenario_radio, special_ul_symbols, 0, 14, "4",
          "Uplink symbols of a special slot; together with the downlink's at most 14. Testbed: "
          "4."),
    F_INT(scenario_radio, dl_symbols, 1, 14, "13",
          "PDSCH symbols of a downlink slot. Testbed: 13 (one for PDCCH)."),
    F_INT(scenario_radio, dl_dmrs_re, 0, 72, "12",
          "DMRS resource elements per PRB and slot, downlink. Testbed: 12."),
    F_INT(scenario_radio, ul_symbols, 1, 14, "13",
          "PUSCH symbols of an uplink slot. Testbed: 13 (12 with SRS)."),
    F_INT(scenario_radio, ul_special_symbols, 0, 14, "3",
          "PUSCH symbols of a special slot, at most special_ul_symbols; 0: none. Testbed: 3."),
    F_INT(scenario_radio, ul_dmrs_re, 0, 72, "18",
          "DMRS resource elements per PRB and slot, uplink. Testbed: 18."),
    F_INT(
        scenario_radio, ul_special_dmrs_re, 0, 72, "6",
        "The same in a special slot. Testbed: 6, one DMRS symbol in 3 (38.211 table 6.4.1.1.3-3); "
        "its recording has the blocks of 63 bytes that this makes of 10 PRB at MCS 12."),
    F_INT(scenario_radio, mcs_table_dl, 1, 3, "1",
          "MCS table of the downlink: 38.214 table 5.1.3.1-1 (64QAM), -2 (256QAM), -3. Testbed: "
          "1 (2 when the phone has 256QAM)."),
    F_INT(scenario_radio, mcs_table_ul, 1, 3, "1",
          "MCS table of the uplink, the same tables. Testbed: 1."),
    F_INT(scenario_radio, max_mcs_dl, 0, 28, "28",
          "Highest MCS of the downlink; the table's own highest applies too. Testbed: 28."),
    F_INT(scenario_radio, max_mcs_ul, 0, 28, "28",
          "Highest MCS of the uplink; the table's own highest applies too. Testbed: 28 "
          "(ul_max_mcs)."),
    F_INT(scenario_radio, k1_slots, 0, 32, "6",
          "Slots from a downlink block to the HARQ feedback at the earliest. Testbed: 6 "
          "(min_rxtxtime of its slice configuration; OpenAirInterface's default is 2)."),
    F_INT(
        scenario_radio, k2_slots, 1, 32, "6",
        "Slots from an uplink grant to the PUSCH (38.214 clause 6.1.2.1; at least 1, since a phone "
        "needs the preparation time of clause 6.4). Testbed: 6 (min_rxtxtime of its slice "
        "configuration; OpenAirInterface's default is 2)."),
    F_INT(scenario_radio, sr_period_slots, 1, 640, "10",
          "Slots between two scheduling-request occasions of a phone. Testbed: 10."),
    F_INT(scenario_radio, sr_offset_slots, 0, 639, "7",
          "Slot of the scheduling request in its period. Testbed: 7."),
    F_NUM(scenario_radio, idle_grant_ms, 0, 10000, "5",
          "A phone that was not scheduled for so many ms gets the smallest uplink grant, 0: off. "
          "Testbed: 5 (ulsch_max_frame_inactivity 0)."),
    F_BOOL(
        scenario_radio, idle_grant_by_frame, "true",
        "idle_grant_ms counts from the first full uplink slot of the frame of 10 ms in which the "
        "phone was last scheduled; false: from the slot itself. FDD: always the slot. Testbed: "
        "true (OpenAirInterface's nr_UE_is_to_be_scheduled keeps the frame, not the slot), which "
        "makes three idle grants a frame, one of them in a special slot, instead of two."),
    F_INT(scenario_radio, min_grant_prb, 1, 275, "10",
          "Fewest PRB of an uplink grant. Testbed: 10."),
    F_INT(scenario_radio, min_grant_mcs, 0, 28, "9", "Highest MCS of an idle grant. Testbed: 9."),
    F_INT(scenario_radio, max_ues_per_slot, 0, 64, "0",
          "Most phones that one slot serves, per direction; 0: one per 24 PRB, one at least. "
          "Testbed: that, 4."),
    F_INT(scenario_radio, pdcch_dcis, 0, 64, "0",
          "Most DCIs that the PDCCH of one slot holds, both directions together; 0: no limit but "
          "max_ues_per_slot. Assumed: control capacity is not what limits the testbed."),
    F_INT(scenario_radio, srs_period_slots, 0, 2560, "0",
          "A sounding reference signal takes one PUSCH symbol of every such slot, 0: off. The "
          "testbed has do_SRS 1; its period is not recorded."),
    F_INT(scenario_radio, srs_offset_slots, 0, 2559, "8",
          "Slot of the sounding reference signal in its period. Assumed: the first uplink slot."),
    F_INT(
        scenario_radio, pucch_prb, 0, 64, "0",
        "PRB of the uplink that PUCCH takes in every slot, half of them at each band edge (38.213 "
        "clause 9.2.1). Testbed: 0, its PUCCH stands in the last symbol, which ul_symbols leaves "
        "to it."),
    F_INT(scenario_radio, prach_period_frames, 0, 16, "0",
          "Every so many frames have a random access occasion (x of 38.211 table 6.3.3.2-3), 0: "
          "off. Testbed: 2 (prach_ConfigurationIndex 98: format A2, x = 2, y = 1, subframe 9, all "
          "but the last two symbols); off because every earlier result was made without."),
    F_INT(scenario_radio, prach_frame, 0, 15, "1",
          "Which of them: frame number modulo prach_period_frames (y). Testbed: 1."),
    F_INT(scenario_radio, prach_subframe, 0, 9, "9",
          "Subframe of the occasion; its last slot from 30 kHz on. Testbed: 9, slot 19."),
    F_INT(
        scenario_radio, prach_prb, 1, 96, "12",
        "PRB that an occasion takes of the uplink, from the lowest on that PUCCH leaves. Testbed: "
        "12 (38.211 table 6.3.3.2-1: length 139, 30 kHz beside 30 kHz), msg1-FrequencyStart 0."),
    F_POS(scenario_radio, bsr_periodic_ms, 0, 2560, "10",
          "periodicBSR-Timer in ms (38.321 clause 5.4.5). Testbed: 10."),
    F_POS(scenario_radio, bsr_retx_ms, 0, 10240, "80",
          "retxBSR-Timer in ms (38.321 clause 5.4.5). Testbed: 80."),
    F_POS(scenario_radio, cqi_period_ms, 0, 640, "80",
          "Period of the phone's CQI reports in ms (38.214 clause 5.2.1.4). Assumed: 160 slots of "
          "30 kHz, a period that the standard allows; the testbed's is not recorded."),
    F_NUM(scenario_radio, cqi_delay_ms, 0, 640, "0",
          "From the measurement of a CQI report to the first block that it counts for, in ms. "
          "Assumed: 0, no age but that of the period; 38.214 clause 5.2.2.5 has 4 or 5 ms before a "
          "periodic report."),
    F_INT(scenario_radio, min_grant_prb_dl, 1, 275, "5",
          "Fewest PRB of a downlink grant. Testbed: 5."),
    F_INT(scenario_radio, harq_processes, 1, 16, "16",
          "HARQ processes per phone and direction (38.214 clauses 5.1 and 6.1). Testbed: 16."),
    F_INT(scenario_radio, harq_rounds, 1, 8, "4",
          "Transmissions of a block before MAC gives up and RLC AM repeats it. Testbed: 4."),
    F_NUM(scenario_radio, rlc_status_ms, 0, 4000, "15",
          "From the loss of a block after its last round to the moment when the sender knows, in "
          "ms. Testbed: 15 (t-Reassembly and t-StatusProhibit of OpenAirInterface's data bearers, "
          "38.322 clause 5.3.4)."),
    F_WORD(scenario_radio, link_adaptation, la_words, "\"bler-window\"",
           "What chooses the MCS: bler-window (the filtered BLER of la_update_frames moves it by "
           "one, the last CQI caps the downlink's), cqi (that of the last CQI, in the uplink of "
           "the last block's SNR) or outer-loop (the highest that needs no more than that SNR and "
           "an offset, which each first round moves towards la_target_bler). The other la_ keys "
           "belong to bler-window. Testbed: bler-window."),
    F_INT(scenario_radio, start_mcs, 0, 28, "9", "MCS of a new link. Testbed: 9."),
    F_INT(scenario_radio, la_update_frames, 1, 10000, "10",
          "Frames of 10 ms between two steps of link adaptation. Testbed: 10."),
    F_INT(scenario_radio, la_min_blocks, 0, 100000, "9",
          "MCS rises only after more first transmissions than this. Testbed: 9 "
          "(OpenAirInterface: 3)."),
    F_INT(scenario_radio, la_min_mcs, 0, 28, "6",
          "Errors push the MCS down to this and no further. Testbed: 6 (get_mcs_from_bler)."),
    F_NUM(scenario_radio, start_bler, 0, 1, "0.1", "Filtered BLER of a new link. Testbed: 0.1."),
    F_NUM(scenario_radio, la_lower, 0, 1, "0.05",
          "MCS rises by one while the filtered BLER is below. Testbed: 0.05."),
    F_NUM(scenario_radio, la_upper, 0, 1, "0.15",
          "MCS falls by one while the filtered BLER is above. Testbed: 0.15."),
    F_NUM(scenario_radio, la_filter, 0, 1, "0.9",
          "Weight of the old value in the filtered BLER. Testbed: 0.9."),
    FIELD(scenario_radio, la_target_bler, JSON_NUM, .min = 0.001, .max = 0.9, .def = "0.1",
          .doc =
              "outer-loop: part of the first rounds that is to fail. 38.214 clause 5.2.2.1: 0.1."),
    F_POS(scenario_radio, la_step_db, 0, 10, "0.5",
          "outer-loop: dB that a failed first round takes from the offset; one that does not fail "
          "gives target/(1 - target) of it back. Assumed: 0.5, half of the usual distance of two "
          "MCS."),
    F_POS(scenario_radio, pf_ewma, 0, 1, "0.0005",
          "Weight of the last slot's bytes in the throughput average (UL_THR, DL_THR). Testbed: "
          "0.0005."),
    F_NUM(scenario_radio, ul_power_headroom_db, -50, 100, "59.3",
          "Power headroom of a phone in dB, normalised to one PRB: a grant of n PRB uses 10 "
          "log10(n) of it. Testbed: 59.2 to 59.4 (WiLLM figure 18)."),
    F_WORD(
        scenario_radio, ul_power_control, power_control_words, "\"open-loop\"",
        "open-loop: the channel gives the SNR of a block, power control included. closed-loop: "
        "every uplink grant also carries a command (-1, 0, +1, +3 dB, accumulated; 38.213 table "
        "7.1.1-1) that holds the SNR within 3 dB of ul_tpc_target_db, as OpenAirInterface's "
        "nr_get_tpc does; the channel is then the path alone. Not with `channel`, whose power "
        "control compensates the path. Testbed: closed-loop; open-loop because what is published "
        "is the SNR that it left."),
    F_NUM(scenario_radio, ul_tpc_target_db, -20, 60, "15",
          "SNR that the closed loop aims at. Testbed: 15 (pusch_TargetSNRx10)."),
    F_NUM(scenario_radio, ul_frequency_error_hz, 0, 2000, "0",
          "Carrier frequency error of a phone at the gNB in Hz. The gNB equalises each symbol with "
          "the DMRS before it, as OpenAirInterface does, so that what the constellation turns "
          "meanwhile is noise, which the reported SNR does not show. 0: none, or a gNB that "
          "estimates it. Standard: at most 0.1 ppm (38.101-1 clause 6.4.1), 362 Hz at the "
          "testbed's 3.62 GHz; what the testbed's phone had is not recorded."),
    F_WORD(
        scenario_radio, ul_evm, evm_words, "\"none\"",
        "Modulation error of the phones' transmitters: none, or limit, what the standard allows "
        "at most (38.101-1 table 6.4.2.1-1: 17.5 % with QPSK, 12.5 with 16QAM, 8 with 64QAM, 3.5 "
        "with 256QAM). Noise that the reported SNR does not show."),
    F_WORD(
        scenario_radio, ul_power_step, power_step_words, "\"exact\"",
        "How a phone's power follows the width of its grants: exact (every PRB gets the same, as "
        "far as the amplifier reaches) or limit: of the step up from a grant of min_grant_prb it "
        "misses what the standard allows at most (relative power tolerance, 38.101-1 table "
        "6.3.4.3-1: 2.0 to 5.0 dB, 3.5 dB for a step of 4 to 10 dB, never more than the step), "
        "so that wide blocks have less SNR than the small ones link adaptation learns from. What "
        "the testbed's phone did is not recorded."),
    F_NUM(scenario_radio, ul_disturbed_share, 0, 1, "0",
          "Share of the disturbed uplink slots in which the gNB receives nothing of any block: an "
          "impulse, a neighbour's burst, a receiver that comes late. The reported SNR does not "
          "show it. 0: none. The recording of WiLLM figure 19: 0.30 (docs/validation.md)."),
    F_INT(scenario_radio, ul_disturbed_period_slots, 1, 10240, "40",
          "One slot of so many can be disturbed. The recording: 40, 20 ms."),
    F_INT(scenario_radio, ul_disturbed_offset_slots, 0, 10239, "39",
          "Which one, less than ul_disturbed_period_slots. The recording: 39, the last full "
          "uplink slot of one of two frames; which of two neighbours it does not tell."),
    F_WORD(scenario_radio, ul_receiver, receiver_words, "\"ideal\"",
           "What the gNB has before its decoder: ideal (it knows the channel) or oai (what "
           "OpenAirInterface's link simulation needs more than the decoder: 0.9 dB with QPSK, 1.5 "
           "with 16QAM, 1.2 with 64QAM; docs/models/radio-phy.md)."),
    F_WORD(scenario_radio, decoder, decoder_words, "\"it5\"",
           "LDPC iterations of the receiver. Testbed: 5."),
    F_WORD(scenario_radio, combining, combining_words, "\"ir\"",
           "HARQ combining: incremental redundancy (RV 0, 2, 3, 1) or chase. Testbed: ir."),
    F_CHOICE(scenario_radio, channel, scenario_geometry_variants, "kind", "null",
             "Channel of both directions, from where cells and phones are. Left out: channel_ul "
             "and channel_dl, which otherwise mean nothing."),
    F_CHOICE(scenario_radio, channel_ul, scenario_channel_variants, "kind",
             "{\"kind\": \"testbed\"}", "Channel of the uplink."),
    F_CHOICE(scenario_radio, channel_dl, scenario_channel_variants, "kind",
             "{\"kind\": \"testbed\"}",
             "Channel of the downlink. Assumed: like the uplink's; at 15 dB 106 PRB carry about "
             "the 80 Mbit/s that OpenAirInterface publishes for this radio."),
    FIELD(scenario_radio, handover, JSON_OBJECT, .spec = &scenario_handover_spec, .def = "{}",
          .doc = "When phones change cells; means something with `channel` and two cells or more."),
    F_CHOICE(scenario_radio, policy, radio_policy_variants, "kind",
             "{\"kind\": \"proportional-fair\"}",
             "Who gets which PRB. Testbed without slices: proportional-fair; with slices: "
             "oai-willm."),
    F_BOOL(
        scenario_radio, retx_in_slices, "false",
        "Retransmissions count as use of their slice, and shares are of the whole carrier; false: "
        "they come before the slices, whose shares are of what is left. oai-willm: always false. "
        "Testbed: false."),
    F_WORD(scenario_radio, mode, mode_words, "\"embedded\"",
           "embedded: the policy decides in every slot, under the slice tree. separated: every "
           "separated_period_ms an engine outside solves a proportional-fair programme over the "
           "slices, and the policy keeps to its shares. Testbed: embedded."),
    F_NUM(scenario_radio, separated_period_ms, 1, 1000000, "100",
          "Time between two decisions in ms. Assumed: 100, within the 10 ms to 1 s of O-RAN's "
          "near-real-time loop (O-RAN.WG1 architecture description)."),
    F_NUM(scenario_radio, separated_delay_ms, 0, 1000000, "10",
          "From the state that a decision was made of to its coming into force, in ms, at most "
          "separated_period_ms. Assumed: 10, the shortest of that loop."),
    F_END};

static int check_pattern(const struct scenario_radio *r, const char *file, const char *place,
                         struct err *e)
{
    if (strcmp(r->tdd, "fdd") == 0) {
        return 0;
    }
    size_t length = strlen(r->tdd);
    size_t known = strspn(r->tdd, "DSU");
    if (known < length) {
        return FAIL_KEY("tdd",
                        "slot %zu of \"%.64s\" is none of D, S, U; write a pattern such as "
                        "\"DDDSU\", or \"fdd\"",
                        known + 1, r->tdd);
    }
    if (length > NR_PATTERN_MAX) {
        return FAIL_KEY("tdd", "has %zu slots; write at most %d", length, NR_PATTERN_MAX);
    }
    if (strchr(r->tdd, 'D') == NULL || strchr(r->tdd, 'U') == NULL) {
        return FAIL_KEY("tdd", "\"%s\" needs at least one D and one U", r->tdd);
    }
    return 0;
}

static int check_symbols(const struct scenario_radio *r, const char *file, const char *place,
                         struct err *e)
{
    if (r->special_dl_symbols + r->special_ul_symbols > 14) {
        return FAIL_KEY(
            "special_ul_symbols",
            "special_dl_symbols %lld + special_ul_symbols %lld exceed the 14 symbols of "
            "a slot; write at most %lld",
            (long long)r->special_dl_symbols, (long long)r->special_ul_symbols,
            (long long)(14 - r->special_dl_symbols));
    }
    if (r->ul_special_symbols > r->special_ul_symbols) {
        return FAIL_KEY("ul_special_symbols",
                        "%lld PUSCH symbols do not fit the %lld of special_ul_symbols",
                        (long long)r->ul_special_symbols, (long long)r->special_ul_symbols);
    }
    if (r->ul_power_control == 1 && r->channel.word != NULL) {
        return FAIL_KEY("ul_power_control",
                        "closed-loop needs channel_ul; write open-loop with channel");
    }
    if (r->ul_disturbed_offset_slots >= r->ul_disturbed_period_slots) {
        return FAIL_KEY("ul_disturbed_offset_slots",
                        "%lld is not a slot of ul_disturbed_period_slots, %lld; write at most %lld",
                        (long long)r->ul_disturbed_offset_slots,
                        (long long)r->ul_disturbed_period_slots,
                        (long long)(r->ul_disturbed_period_slots - 1));
    }
    int64_t control = r->pucch_prb + (r->prach_period_frames > 0 ? r->prach_prb : 0);
    if (control > 0 && control + r->min_grant_prb > r->n_prb) {
        return FAIL_KEY(
            r->prach_period_frames > 0 ? "prach_prb" : "pucch_prb",
            "control takes %lld of %lld PRB and leaves no grant of min_grant_prb, %lld; "
            "write less",
            (long long)control, (long long)r->n_prb, (long long)r->min_grant_prb);
    }
    if (12 * r->dl_symbols <= r->dl_dmrs_re) {
        return FAIL_KEY("dl_dmrs_re", "leaves nothing of %lld symbols; write less than %lld",
                        (long long)r->dl_symbols, (long long)(12 * r->dl_symbols));
    }
    if (12 * r->ul_symbols <= r->ul_dmrs_re) {
        return FAIL_KEY("ul_dmrs_re", "leaves nothing of %lld symbols; write less than %lld",
                        (long long)r->ul_symbols, (long long)(12 * r->ul_symbols));
    }
    if (r->ul_special_symbols > 0 && 12 * r->ul_special_symbols <= r->ul_special_dmrs_re) {
        return FAIL_KEY("ul_special_dmrs_re",
                        "leaves nothing of %lld symbols; write less than %lld",
                        (long long)r->ul_special_symbols, (long long)(12 * r->ul_special_symbols));
    }
    return 0;
}

static int radio_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_radio *r = object;
    int64_t most = nr_prb_max((int)r->scs_khz);
    if (most == 0) {
        return FAIL_KEY("scs_khz", "%lld is no subcarrier spacing; write 15, 30, 60 or 120",
                        (long long)r->scs_khz);
    }
    if (r->n_prb > most) {
        return FAIL_KEY("n_prb",
                        "a carrier of %lld kHz has at most %lld PRB (38.101 table 5.3.2-1), not "
                        "%lld",
                        (long long)r->scs_khz, (long long)most, (long long)r->n_prb);
    }
    int rc = check_pattern(r, file, place, e);
    if (rc == 0) {
        rc = check_symbols(r, file, place, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (r->min_grant_prb > r->n_prb) {
        return FAIL_KEY("min_grant_prb",
                        "%lld is more than the carrier's %lld PRB; write at most "
                        "%lld",
                        (long long)r->min_grant_prb, (long long)r->n_prb, (long long)r->n_prb);
    }
    if (r->min_grant_prb_dl > r->n_prb) {
        return FAIL_KEY("min_grant_prb_dl",
                        "%lld is more than the carrier's %lld PRB; write at most "
                        "%lld",
                        (long long)r->min_grant_prb_dl, (long long)r->n_prb, (long long)r->n_prb);
    }
    if (r->sr_offset_slots >= r->sr_period_slots) {
        return FAIL_KEY("sr_offset_slots",
                        "%lld is not in the period of %lld slots; write at most "
                        "%lld",
                        (long long)r->sr_offset_slots, (long long)r->sr_period_slots,
                        (long long)(r->sr_period_slots - 1));
    }
    if (r->srs_period_slots > 0 && r->srs_offset_slots >= r->srs_period_slots) {
        return FAIL_KEY("srs_offset_slots",
                        "%lld is not in the period of %lld slots, so that there would be no "
                        "sounding; write at most %lld",
                        (long long)r->srs_offset_slots, (long long)r->srs_period_slots,
                        (long long)(r->srs_period_slots - 1));
    }
    if (r->prach_period_frames > 0 && r->prach_frame >= r->prach_period_frames) {
        return FAIL_KEY("prach_frame",
                        "%lld is not in the period of %lld frames, so that there would be no "
                        "occasion; write at most %lld",
                        (long long)r->prach_frame, (long long)r->prach_period_frames,
                        (long long)(r->prach_period_frames - 1));
    }
    if (r->la_lower >= r->la_upper) {
        return FAIL_KEY("la_lower", "%g must be below la_upper %g", r->la_lower, r->la_upper);
    }
    if (r->separated_delay_ms > r->separated_period_ms) {
        return FAIL_KEY("separated_delay_ms", "%g is longer than separated_period_ms %g; lower it",
                        r->separated_delay_ms, r->separated_period_ms);
    }
    return 0;
}

const struct json_spec scenario_radio_spec =
    SPEC("radio", scenario_radio, radio_fields, radio_check,
         "One NR carrier, the same in every cell. Left out: the chain has no radio.");
