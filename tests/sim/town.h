/* town.h - for the tests of this room: a small town of three cells in which phones move. */
#ifndef TESTS_SIM_TOWN_H
#define TESTS_SIM_TOWN_H

#include <math.h>

#include "base/units.h"
#include "sim/handover.h"
#include "sim/ue.h"
#include "sim/world.h"
#include "tests/sim/rows.h"

/* Three micro cells along a street, ten phones of four kinds, records four times a second. The cars
 * cross a cell's border every ten seconds or so. */
static const char town[] =
    "{\"name\": \"town\", \"duration_s\": 60, \"drain_s\": 30,"
    " \"output\": {\"ran_records_ms\": 250},"
    " \"radio\": {\"channel\": {\"kind\": \"umi\"}, \"policy\": {\"kind\": \"round-robin\"},"
    "             \"handover\": {\"time_to_trigger_ms\": 320}},"
    " \"cells\": [{\"id\": \"west\", \"x_m\": -200, \"y_m\": 15}, {\"id\": \"centre\", \"y_m\": "
    "-15},"
    "             {\"id\": \"east\", \"x_m\": 200, \"y_m\": 15}],"
    " \"transport\": {}, \"core\": {},"
    " \"servers\": [{\"id\": \"gpu\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.2-1b\","
    "               \"batching\": {\"kind\": \"parallel-slots\", \"num_parallel\": 8}}],"
    " \"ues\": ["
    "  {\"id\": \"cars\", \"count\": 4, \"cell\": \"*\", \"server\": \"gpu\", \"streaming\": true,"
    "   \"mobility\": {\"kind\": \"line\", \"spread_m\": 150, \"speed_mps\": 20, \"heading_deg\": "
    "1,"
    "    \"area\": {\"x_min_m\": -300, \"y_min_m\": -5, \"x_max_m\": 300, \"y_max_m\": 5}},"
    "   \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 2, \"bytes_per_token\": 1000,"
    "    \"input_tokens\": {\"dist\": \"constant\", \"value\": 60},"
    "    \"output_tokens\": {\"dist\": \"constant\", \"value\": 40}}},"
    "  {\"id\": \"walkers\", \"count\": 3, \"cell\": \"*\", \"server\": \"gpu\","
    "   \"mobility\": {\"kind\": \"waypoint\", \"speed_max_mps\": 2,"
    "    \"area\": {\"x_min_m\": -300, \"y_min_m\": -12, \"x_max_m\": 300, \"y_max_m\": 12}},"
    "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\", \"period_s\": 1}},"
    "  {\"id\": \"windows\", \"count\": 2, \"cell\": \"*\", \"server\": \"gpu\","
    "   \"mobility\": {\"kind\": \"static\", \"x_m\": 100, \"spread_m\": 60},"
    "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\", \"period_s\": 1}},"
    "  {\"id\": \"misplaced\", \"count\": 1, \"cell\": \"west\", \"server\": \"gpu\","
    "   \"mobility\": {\"kind\": \"static\", \"x_m\": 200, \"y_m\": 0},"
    "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\", \"period_s\": 1}}"
    " ]}";

#define NO_INTERFERENCE                                                                            \
    "radio.channel={\"kind\": \"umi\", \"interference_window_ms\": 0, \"fading\": \"flat\"}"
#define TCP     "transport.protocol=tcp"
#define LEAVES  "ues.0.detach_at_s=[7, 19.0003, 40]"
#define SHORTLY "ues.0.detach_gap_s=0.6"
#define AT_ONCE "radio.handover.interruption_ms=0"
/* Always on the way: half of the detachments find a phone between two cells. */
#define NERVOUS                                                                                    \
    "radio.handover={\"offset_db\": -2, \"hysteresis_db\": 0, \"time_to_trigger_ms\": 0, "         \
    "\"interruption_ms\": 300}"
#define ALL_SLOTS "engine.skip_idle_slots=false"
#define N_OF(a)   (int)(sizeof(a) / sizeof(a)[0])

static inline void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not within %.3g of %.12g", value, tolerance, expected);
}

static inline void town_make(struct world *w, const struct scenario *sc)
{
    struct err e = {0};
    struct run_options options = {.seed = (uint64_t)sc->seed};
    if (world_make(w, sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    for (int i = 0; i < w->n_cells; i++)
        cell_start(w->cells[i]);
    for (uint32_t i = 0; i < w->n_ues; i++)
        ue_start(&w->ues[i]);
    if (w->handover != NULL)
        handover_start(w->handover);
}

#endif
