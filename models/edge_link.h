/* edge_link.h - the radio of the edge-inference paper: one Shannon link per request and node, which
 * holds for an epoch.
 *
 * rate = B log2(1 + p |h|^2 / (N0 B)), its equations (1) and (3) with the noise of the whole band
 * (docs/models/edge.md: the print divides by "noise power"). */
#ifndef MODELS_EDGE_LINK_H
#define MODELS_EDGE_LINK_H

#include <stdint.h>

#include "base/draw.h"
#include "base/json.h"

enum edge_link_kind { EDGE_RAYLEIGH, EDGE_FREE_SPACE, EDGE_MANHATTAN };

/* Every kind of link begins with it. */
struct edge_link_power {
    double ul_mhz, dl_mhz, ul_dbm, dl_dbm; /* ul: from the user to the node */
};
struct edge_link_rayleigh {
    struct edge_link_power power;
    double mean_gain;
};
struct edge_link_free_space {
    struct edge_link_power power;
    double height_m, carrier_ghz;
};
struct edge_link_manhattan {
    struct edge_link_power power;
    double min_m, max_m, carrier_ghz, shadowing_db;
};

/* For the scenario loader, in the order of enum edge_link_kind. */
extern const struct json_variant edge_link_variants[];

/* Power gain |h|^2 of one request to one node; takes up to four uniforms from `d`. */
double edge_link_gain(const struct json_choice *link, struct draw *d);

/* Bits per second over the whole band at that gain. */
double edge_link_ul_bps(const struct json_choice *link, double gain, double noise_dbm_per_hz);
double edge_link_dl_bps(const struct json_choice *link, double gain, double noise_dbm_per_hz);

#endif
