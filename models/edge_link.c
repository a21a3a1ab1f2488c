/* edge_link.c - see edge_link.h. The paper's numbers are the defaults of each kind. */
#include "models/edge_link.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stddef.h>

#include "base/units.h"

#define NUMBER(object, member, lo, hi, standard, text)                                             \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct object, member), .min = (lo),  \
        .max = (hi), .above_min = true, .def = (standard), .doc = (text)                           \
    }
#define POWER(member, lo, hi, standard, text)                                                      \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct edge_link_power, member),      \
        .min = (lo), .max = (hi), .above_min = true, .def = (standard), .doc = (text)              \
    }
#define POWERS(mhz, up_dbm, down_dbm)                                                              \
    POWER(ul_mhz, 0, 1e5, mhz, "Bandwidth from the users to the node, MHz. Printed."),             \
        POWER(dl_mhz, 0, 1e5, mhz, "Bandwidth back, MHz. Printed."),                               \
        POWER(ul_dbm, -100, 100, up_dbm, "Power on the way to the node, dBm. Printed."),           \
        POWER(dl_dbm, -100, 100, down_dbm, "Power on the way back, dBm. Printed.")

static const struct json_field rayleigh_fields[] = {
    POWERS("20", "20", "43"),
    NUMBER(edge_link_rayleigh, mean_gain, 0, 1, "0.001",
           "Mean power gain; |h|^2 is exponential. Printed as \"average path loss\", 10^-3."),
    {.key = NULL}};
static const struct json_field free_space_fields[] = {
    POWERS("1", "10", "10"),
    NUMBER(edge_link_free_space, height_m, 0, 1e6, "100",
           "Height of the UAV above its users, m. Printed; assumed straight above: a user's "
           "distance is not."),
    NUMBER(edge_link_free_space, carrier_ghz, 0, 300, "2",
           "Carrier, GHz. Assumed: not printed; 78.5 dB at 100 m."),
    {.key = NULL}};
static const struct json_field manhattan_fields[] = {
    POWERS("2", "30", "23"),
    NUMBER(edge_link_manhattan, min_m, 0, 1e5, "50",
           "Least distance to the road-side base station, m. Assumed; uniform up to max_m."),
    NUMBER(edge_link_manhattan, max_m, 0, 1e5, "250", "Greatest distance, m. Assumed: a block."),
    NUMBER(edge_link_manhattan, carrier_ghz, 0, 300, "2", "Carrier, GHz. Assumed: not printed."),
    {.key = "shadowing_db",
     .type = JSON_NUM,
     .offset = offsetof(struct edge_link_manhattan, shadowing_db),
     .max = 50,
     .def = "4",
     .doc = "Standard deviation of the slow fading, dB. Assumed: not printed; WINNER II D1.1.2 "
            "has 3 to 4 for B1."},
    {.key = NULL}};

static int manhattan_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct edge_link_manhattan *m = object;
    return m->min_m <= m->max_m ? 0
                                : err_input(e, file, place, "min_m %g is above max_m %g; swap them",
                                            m->min_m, m->max_m);
}

static const struct json_spec rayleigh_spec = {.name = "link_rayleigh",
                                               .doc = "Rayleigh fading about a mean gain.",
                                               .size = sizeof(struct edge_link_rayleigh),
                                               .fields = rayleigh_fields};
static const struct json_spec free_space_spec = {.name = "link_free_space",
                                                 .doc = "Free space, straight down.",
                                                 .size = sizeof(struct edge_link_free_space),
                                                 .fields = free_space_fields};
static const struct json_spec manhattan_spec = {.name = "link_manhattan",
                                                .doc = "Along a street of a Manhattan grid.",
                                                .size = sizeof(struct edge_link_manhattan),
                                                .fields = manhattan_fields,
                                                .check = manhattan_check};

const struct json_variant edge_link_variants[] = {
    {"rayleigh", &rayleigh_spec, "Rayleigh fading about a mean gain (the paper's edge server)"},
    {"free-space", &free_space_spec, "free space, straight down (its UAV)"},
    {"manhattan", &manhattan_spec, "along a street of a Manhattan grid (its vehicle)"},
    {NULL, NULL, NULL},
};

/* Free-space path loss, (4 pi d f / c)^2. */
static double free_space_gain(double metres, double ghz)
{
    double wavelength_m = 299792458.0 / (ghz * 1e9);
    double ratio = wavelength_m / (4.0 * M_PI * metres);
    return ratio * ratio;
}

/* The line of sight of WINNER II's B1 (D1.1.2, table 4-4): 22.7 log10 d + 41 + 20 log10(f / 5 GHz).
 * Assumed for the paper's "Manhattan grid layout", whose constants it does not print. */
static double manhattan_gain(const struct edge_link_manhattan *m, struct draw *d)
{
    double metres = m->min_m + (m->max_m - m->min_m) * gsl_rng_uniform(&d->rng);
    double loss_db = 22.7 * log10(metres) + 41.0 + 20.0 * log10(m->carrier_ghz / 5.0);
    /* The other root of Box and Muller's pair is not wanted: two uniforms, whatever they are. */
    double u = gsl_rng_uniform_pos(&d->rng);
    double v = gsl_rng_uniform(&d->rng);
    double normal = sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * v);
    return ratio_of_db(-(loss_db + m->shadowing_db * normal));
}

double edge_link_gain(const struct json_choice *link, struct draw *d)
{
    const struct edge_link_rayleigh *rayleigh = link->options;
    const struct edge_link_free_space *space = link->options;
    switch ((enum edge_link_kind)link->index) {
    case EDGE_RAYLEIGH:
        return gsl_ran_exponential(&d->rng, rayleigh->mean_gain);
    case EDGE_FREE_SPACE:
        return free_space_gain(space->height_m, space->carrier_ghz);
    case EDGE_MANHATTAN:
        return manhattan_gain(link->options, d);
    }
    return 0.0;
}

static double shannon_bps(double mhz, double dbm, double gain, double noise_dbm_per_hz)
{
    double hz = mhz * 1e6;
    double snr = ratio_of_db(dbm - noise_dbm_per_hz) * gain / hz;
    return hz * log2(1.0 + snr);
}

double edge_link_ul_bps(const struct json_choice *link, double gain, double noise_dbm_per_hz)
{
    const struct edge_link_power *p = link->options;
    return shannon_bps(p->ul_mhz, p->ul_dbm, gain, noise_dbm_per_hz);
}

double edge_link_dl_bps(const struct json_choice *link, double gain, double noise_dbm_per_hz)
{
    const struct edge_link_power *p = link->options;
    return shannon_bps(p->dl_mhz, p->dl_dbm, gain, noise_dbm_per_hz);
}
