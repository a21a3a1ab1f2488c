/* scenario_channel.c - the tables of what lies between gNB and phone: channels, link budget,
 * handover, mobility. Numbers of TR 38.901 are those of its clause 7; what nobody published is
 * marked Assumed. */
#include <stddef.h>
#include <string.h>

#include "models/channel_geometry.h"
#include "sim/scenario.h"
#include "sim/scenario_tables.h"

/* --- One direction ---------------------------------------------------------------------------- */

static const struct json_field testbed_fields[] = {
    F_NUM(channel_testbed, mean_snr_db, -30, 60, "15",
          "Mean SNR of a resource element in dB. Testbed: power control aims at 15 dB and the "
          "measured mean is 15.0 to 15.1 (WiLLM figure 17)."),
    F_NUM(channel_testbed, std_snr_db, 0, 20, "2.15",
          "Standard deviation in dB. Testbed: 2.13 to 2.2 (WiLLM figure 17)."),
    F_NUM(channel_testbed, step_db, 0, 10, "0.5",
          "Step of the SNR that is reported, 0: none. Testbed: every plotted value is a multiple "
          "of 0.5 dB."),
    F_POS(channel_testbed, correlation_ms, 0, 1000000, "35",
          "Distance in ms between independent values. Assumed: 0.423 / Doppler shift, the "
          "coherence time of a person who moves at 1 m/s at 3.6 GHz."),
    F_NUM(channel_testbed, headroom_std_db, 0, 20, "2.3",
          "Standard deviation in dB of the power headroom that a phone reports about "
          "ul_power_headroom_db (channel_ul only). Testbed: 2.3 (WiLLM figure 18)."),
    F_END};
static const struct json_spec testbed_spec =
    SPEC("channel_testbed", channel_testbed, testbed_fields, NULL,
         "Normally distributed SNR in dB, as the testbed's power control leaves it.");

static const struct json_field awgn_fields[] = {
    F_NUM(channel_awgn, snr_db, -30, 60, "30",
          "SNR of a resource element in dB. Assumed: 30, a clean channel, where every MCS of "
          "38.214 table 5.1.3.1-1 decodes."),
    F_END};
static const struct json_spec awgn_spec =
    SPEC("channel_awgn", channel_awgn, awgn_fields, NULL, "The same SNR always.");

static const char *const between_words[] = {"line", "hold", NULL};

static const struct json_field snr_trace_fields[] = {
    F_STR(channel_snr_trace, path, NULL,
          "CSV file with the columns t_s and snr_db, times ascending; the first is time 0."),
    F_WORD(channel_snr_trace, between, between_words, "\"line\"",
           "Between two rows: a straight line, or the earlier row's value."),
    F_BOOL(channel_snr_trace, repeat, "true",
           "After the last row begin again; otherwise its value stays."),
    F_NUM(channel_snr_trace, shift_s, 0, 1e6, "0",
          "Each phone is so many seconds further in the file than the one before it."),
    F_END};
static const struct json_spec snr_trace_spec =
    SPEC("channel_snr_trace", channel_snr_trace, snr_trace_fields, NULL, "A recorded SNR.");

/* In the order of enum channel_kind. */
const struct json_variant scenario_channel_variants[] = {
    {"testbed", &testbed_spec, "normally distributed about the power-control target"},
    {"awgn", &awgn_spec, "constant SNR"},
    {"snr-trace", &snr_trace_spec, "recorded SNR"},
    {NULL, NULL, NULL}};

/* --- Both directions, by geometry ------------------------------------------------------------- */

static const char *const office_words[] = {"mixed", "open", NULL};
static const char *const fading_words[] = {"tdl", "flat", "off", NULL};

/* What UMa, UMi and indoor office differ in: power, height and gain of the gNB. */
#define GEOMETRY_FIELDS(power, power_doc, height, height_doc, gain, gain_doc)                      \
    F_NUM(channel_3gpp, carrier_ghz, 0.5, 100, "3.5",                                              \
          "Carrier frequency in GHz. Testbed: band n78 (3.3 to 3.8)."),                            \
        F_NUM(channel_3gpp, gnb_power_dbm, -30, 80, power, power_doc),                             \
        F_NUM(channel_3gpp, gnb_height_m, 1.5, 150, height, height_doc),                           \
        F_NUM(channel_3gpp, gnb_gain_dbi, -20, 50, gain, gain_doc),                                \
        F_NUM(channel_3gpp, gnb_noise_figure_db, 0, 30, "5",                                       \
              "Noise figure of the gNB in dB. TR 38.802 table A.2.1-1: 5."),                       \
        F_NUM(channel_3gpp, ue_power_dbm, -40, 40, "23",                                           \
              "Largest power of a phone (Pcmax) in dBm: power class 3, 38.101-1 table 6.2.1-1. "   \
              "Testbed: 20."),                                                                     \
        F_NUM(channel_3gpp, ue_height_m, 1, 13, "1.5",                                             \
              "Height of the phones in m. Table 7.2-1: 1.5 outdoors (above 13 m a UMa's "          \
              "environment is random, which is not modelled)."),                                   \
        F_NUM(channel_3gpp, ue_gain_dbi, -20, 30, "0",                                             \
              "Antenna gain of a phone in dBi. Table 7.8-1: isotropic."),                          \
        F_NUM(channel_3gpp, ue_noise_figure_db, 0, 30, "9",                                        \
              "Noise figure of a phone in dB. Table 7.8-1: 9."),                                   \
        F_NUM(channel_3gpp, ul_target_snr_db, -20, 60, "15",                                       \
              "SNR that open-loop uplink power control aims at (38.213 clause 7.1.1 with full "    \
              "compensation), as far as the phone's power reaches. Testbed: 15."),                 \
        F_WORD(channel_3gpp, office, office_words, "\"mixed\"",                                    \
               "inh: an office with walls, or one large room (table 7.4.2-1)."),                   \
        F_WORD(channel_3gpp, fading, fading_words, "\"tdl\"",                                      \
               "Small-scale fading: tdl (subbands differ, clause 7.7.2), flat (one for the "       \
               "carrier), off."),                                                                  \
        F_NUM(channel_3gpp, around_mps, 0, 100, "0.83",                                            \
              "Speed in m/s of what surrounds a phone, which also fades one that stands still. "   \
              "Table 7.8-1: 3 km/h."),                                                             \
        F_POS(channel_3gpp, update_ms, 0, 10000, "100",                                            \
              "Milliseconds between two looks at path loss, line of sight and shadowing. "         \
              "Assumed: 3 m at 30 m/s, below every decorrelation distance of table 7.5-6."),       \
        F_NUM(channel_3gpp, interference_window_ms, 0, 10000, "10",                                \
              "A cell's interference to others follows from the PRB that it used in the last "     \
              "window of so many ms that is over, 0: no interference. Assumed: one frame."),       \
        F_END

static const struct json_field uma_fields[] = {GEOMETRY_FIELDS(
    "49", "Power of the gNB in dBm, over the whole carrier. Table 7.8-1: 49.", "25",
    "Height of the gNB in m. Table 7.2-1: 25.", "8",
    "Antenna gain of the gNB in dBi. Table 7.3-1: 8, here in every direction (no sectors).")};
static const struct json_spec uma_spec =
    SPEC("channel_uma", channel_3gpp, uma_fields, NULL, "TR 38.901 urban macro.");

static const struct json_field umi_fields[] = {GEOMETRY_FIELDS(
    "44", "Power of the gNB in dBm, over the whole carrier. Table 7.8-1: 44.", "10",
    "Height of the gNB in m. Table 7.2-1: 10.", "8",
    "Antenna gain of the gNB in dBi. Table 7.3-1: 8, here in every direction (no sectors).")};
static const struct json_spec umi_spec =
    SPEC("channel_umi", channel_3gpp, umi_fields, NULL, "TR 38.901 urban micro, street canyon.");

static const struct json_field inh_fields[] = {
    GEOMETRY_FIELDS("24", "Power of the gNB in dBm, over the whole carrier. Table 7.8-1: 24.", "3",
                    "Height of the gNB in m. Table 7.2-2: 3.", "5",
                    "Antenna gain of the gNB in dBi. TR 38.802 table A.2.1-1: 5.")};
static const struct json_spec inh_spec =
    SPEC("channel_inh", channel_3gpp, inh_fields, NULL, "TR 38.901 indoor office.");

/* In the order of enum geometry_kind. */
const struct json_variant scenario_geometry_variants[] = {
    {"uma", &uma_spec, "urban macro cells"},
    {"umi", &umi_spec, "urban micro cells, street canyon"},
    {"inh", &inh_spec, "indoor office"},
    {NULL, NULL, NULL}};

/* --- Handover --------------------------------------------------------------------------------- */

static const struct json_field handover_fields[] = {
    F_BOOL(scenario_handover, enabled, "true", "Phones change cells."),
    F_NUM(scenario_handover, offset_db, -15, 15, "3",
          "a3-Offset in dB: by how much a neighbour must be stronger (38.331 clause 5.5.4.4). "
          "Assumed: 3."),
    F_NUM(scenario_handover, hysteresis_db, 0, 15, "1",
          "Hysteresis of the same in dB. Assumed: 1."),
    F_NUM(scenario_handover, time_to_trigger_ms, 0, 5120, "160",
          "For so long in ms (timeToTrigger). Assumed: 160, a value of 38.331's list."),
    F_POS(scenario_handover, measurement_ms, 0, 10240, "40",
          "Milliseconds between two measurements. Assumed: two SSB periods of 20 ms."),
    F_INT(scenario_handover, filter_k, 0, 19, "4",
          "filterCoefficient k of the layer 3 filter: weight 2^(-k/4) of a new measurement (38.331 "
          "clause 5.5.3.2; default fc4)."),
    F_NUM(scenario_handover, interruption_ms, 0, 10000, "40",
          "From the last byte in the old cell to the first in the new one, in ms. Assumed: 20 of "
          "processing and 20 of synchronisation and random access (38.133 clause 6.1.1.2)."),
    F_END};
const struct json_spec scenario_handover_spec =
    SPEC("handover", scenario_handover, handover_fields, NULL,
         "When phones change cells: event A3 on filtered RSRP.");

/* --- Mobility --------------------------------------------------------------------------------- */

static const struct json_field area_fields[] = {
    F_NUM(mobility_area, x_min_m, -1e6, 1e6, NULL, "West side in m."),
    F_NUM(mobility_area, y_min_m, -1e6, 1e6, NULL, "South side in m."),
    F_NUM(mobility_area, x_max_m, -1e6, 1e6, NULL, "East side in m."),
    F_NUM(mobility_area, y_max_m, -1e6, 1e6, NULL, "North side in m."), F_END};

static int area_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct mobility_area *a = object;
    if (a->x_min_m >= a->x_max_m) {
        return FAIL_KEY("x_max_m", "%g is not east of x_min_m %g", a->x_max_m, a->x_min_m);
    }
    if (a->y_min_m >= a->y_max_m) {
        return FAIL_KEY("y_max_m", "%g is not north of y_min_m %g", a->y_max_m, a->y_min_m);
    }
    return 0;
}

static const struct json_spec area_spec =
    SPEC("area", mobility_area, area_fields, area_check, "A rectangle.");

static const struct json_field static_fields[] = {
    F_NUM(scenario_static, x_m, -1e6, 1e6, "0", "Where, in m to the east."),
    F_NUM(scenario_static, y_m, -1e6, 1e6, "0", "Where, in m to the north."),
    F_NUM(scenario_static, spread_m, 0, 1e6, "0",
          "Each phone is somewhere within so many m of that point."),
    F_END};
static const struct json_spec static_spec =
    SPEC("mobility_static", scenario_static, static_fields, NULL, "Phones that stay.");

static const struct json_field line_fields[] = {
    F_NUM(scenario_line, x_m, -1e6, 1e6, "0", "Where it starts, in m to the east."),
    F_NUM(scenario_line, y_m, -1e6, 1e6, "0", "Where it starts, in m to the north."),
    F_NUM(scenario_line, spread_m, 0, 1e6, "0",
          "Each phone starts somewhere within so many m of that point."),
    F_NUM(scenario_line, heading_deg, -1, 360, "-1",
          "Heading in degrees, east 0, north 90; -1: each phone its own."),
    F_POS(scenario_line, speed_mps, 0, 300, "0.83", "Speed in m/s. TR 38.901 table 7.8-1: 3 km/h."),
    FIELD(scenario_line, area, JSON_OPTIONAL, .spec = &area_spec,
          .doc = "Sides that reflect the way. Left out: none."),
    F_END};

static int line_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_line *l = object;
    const struct mobility_area *a = l->area;
    if (a != NULL && (l->x_m < a->x_min_m || l->x_m > a->x_max_m)) {
        return FAIL_KEY("x_m", "%g is not within the area's sides, %g to %g", l->x_m, a->x_min_m,
                        a->x_max_m);
    }
    if (a != NULL && (l->y_m < a->y_min_m || l->y_m > a->y_max_m)) {
        return FAIL_KEY("y_m", "%g is not within the area's sides, %g to %g", l->y_m, a->y_min_m,
                        a->y_max_m);
    }
    return 0;
}

static const struct json_spec line_spec =
    SPEC("mobility_line", scenario_line, line_fields, line_check, "Phones that go straight on.");

static const struct json_field waypoint_fields[] = {
    FIELD(scenario_waypoint, area, JSON_OBJECT, .spec = &area_spec, .def = NULL,
          .doc = "Where they go about."),
    F_POS(scenario_waypoint, speed_min_mps, 0, 300, "0.5",
          "Lowest speed of a leg in m/s. Assumed: a slow walk."),
    F_POS(scenario_waypoint, speed_max_mps, 0, 300, "1.5",
          "Highest speed of a leg in m/s. Assumed: a brisk walk."),
    F_NUM(scenario_waypoint, pause_s, 0, 1e6, "0", "Seconds of rest at each place."), F_END};

static int waypoint_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_waypoint *w = object;
    if (w->speed_min_mps > w->speed_max_mps) {
        return FAIL_KEY("speed_min_mps", "%g is above speed_max_mps %g; lower it", w->speed_min_mps,
                        w->speed_max_mps);
    }
    return 0;
}

static const struct json_spec waypoint_spec =
    SPEC("mobility_waypoint", scenario_waypoint, waypoint_fields, waypoint_check,
         "Random waypoint: straight to a random place, a rest, and on.");

/* In the order of enum mobility_kind. */
const struct json_variant scenario_mobility_variants[] = {
    {"static", &static_spec, "stay where they are"},
    {"line", &line_spec, "straight on"},
    {"waypoint", &waypoint_spec, "from place to place"},
    {NULL, NULL, NULL}};
