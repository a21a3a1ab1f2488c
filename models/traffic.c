/* traffic.c - sizes of requests and answers. See traffic.h. */
#include "models/traffic.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/units.h"

/* --- Lengths ---------------------------------------------------------------------------------- */

/* More tokens than any model's context, small enough that sums never overflow. */
#define TOKENS_MAX 1e8

static const struct json_field constant_fields[] = {
    {.key = "value",
     .type = JSON_INT,
     .offset = offsetof(struct length_constant, value),
     .min = 1,
     .max = TOKENS_MAX,
     .doc = "Tokens, the same every time."},
    {.key = NULL}};
static const struct json_spec constant_spec = {.name = "length_constant",
                                               .doc = "Always the same number of tokens.",
                                               .size = sizeof(struct length_constant),
                                               .fields = constant_fields};

static const struct json_field uniform_fields[] = {{.key = "min",
                                                    .type = JSON_INT,
                                                    .offset = offsetof(struct length_uniform, min),
                                                    .min = 1,
                                                    .max = TOKENS_MAX,
                                                    .doc = "Fewest tokens."},
                                                   {.key = "max",
                                                    .type = JSON_INT,
                                                    .offset = offsetof(struct length_uniform, max),
                                                    .min = 1,
                                                    .max = TOKENS_MAX,
                                                    .doc = "Most tokens, not below `min`."},
                                                   {.key = NULL}};

static int uniform_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct length_uniform *u = object;
    if (u->min > u->max) {
        return err_input(e, file, place, "min %lld is above max %lld; swap them", (long long)u->min,
                         (long long)u->max);
    }
    return 0;
}

static const struct json_spec uniform_spec = {.name = "length_uniform",
                                              .doc = "Any number from min to max, equally likely.",
                                              .size = sizeof(struct length_uniform),
                                              .fields = uniform_fields,
                                              .check = uniform_check};

static const struct json_field lognormal_fields[] = {
    {.key = "median",
     .type = JSON_NUM,
     .offset = offsetof(struct length_lognormal, median),
     .min = 1,
     .max = TOKENS_MAX,
     .doc = "Tokens that half of the requests stay below."},
    {.key = "sigma",
     .type = JSON_NUM,
     .offset = offsetof(struct length_lognormal, sigma),
     .min = 0,
     .max = 10,
     .doc = "Standard deviation of the natural logarithm; the mean is median x exp(sigma^2/2)."},
    {.key = "max",
     .type = JSON_INT,
     .offset = offsetof(struct length_lognormal, max),
     .min = 1,
     .max = TOKENS_MAX,
     .def = "32768",
     .doc = "Longer draws are cut to this many tokens."},
    {.key = NULL}};
static const struct json_spec lognormal_spec = {.name = "length_lognormal",
                                                .doc = "Log-normal, rounded, at least 1.",
                                                .size = sizeof(struct length_lognormal),
                                                .fields = lognormal_fields};

static const struct json_field geometric_fields[] = {
    {.key = "mean",
     .type = JSON_NUM,
     .offset = offsetof(struct length_geometric, mean),
     .min = 1,
     .max = TOKENS_MAX,
     .doc = "Mean number of tokens before the cut at `max`."},
    {.key = "max",
     .type = JSON_INT,
     .offset = offsetof(struct length_geometric, max),
     .min = 1,
     .max = TOKENS_MAX,
     .def = "32768",
     .doc = "Longer draws are cut to this many tokens."},
    {.key = NULL}};
static const struct json_spec geometric_spec = {
    .name = "length_geometric",
    .doc = "Geometric on 1, 2, ...: every token is the last one with the same probability.",
    .size = sizeof(struct length_geometric),
    .fields = geometric_fields};

const struct json_variant length_variants[] = {
    {"constant", &constant_spec, "the same every time"},
    {"uniform", &uniform_spec, "equally likely from min to max"},
    {"lognormal", &lognormal_spec, "log-normal"},
    {"geometric", &geometric_spec, "geometric"},
    {NULL, NULL, NULL}};

/* Rounds into [1, max]; also for what is beyond the range of int64_t. */
static int64_t tokens_of(double value, int64_t max)
{
    if (!(value > 1.0)) {
        return 1;
    }
    return value >= (double)max ? max : (int64_t)llround(value);
}

int64_t length_draw(const struct json_choice *length, struct draw *d)
{
    double u = gsl_rng_uniform_pos(&d->rng);
    switch ((enum length_kind)length->index) {
    case LENGTH_CONSTANT: {
        const struct length_constant *o = length->options;
        return o->value;
    }
    case LENGTH_UNIFORM: {
        const struct length_uniform *o = length->options;
        int64_t n = o->min + (int64_t)floor(u * (double)(o->max - o->min + 1));
        return n < o->max ? n : o->max;
    }
    case LENGTH_LOGNORMAL: {
        const struct length_lognormal *o = length->options;
        return tokens_of(o->median * exp(o->sigma * gsl_cdf_ugaussian_Pinv(u)), o->max);
    }
    case LENGTH_GEOMETRIC: {
        const struct length_geometric *o = length->options;
        if (o->mean <= 1.0) {
            return 1;
        }
        return tokens_of(1.0 + floor(log(u) / log1p(-1.0 / o->mean)), o->max);
    }
    }
    return 1;
}

/* --- Sizes ------------------------------------------------------------------------------------ */

/* JPEG bytes of two photographs, encoded by OpenCV (libjpeg-turbo) with 4:2:0 chroma. Source: the
 * picture of the recorded sample and scripts/UE/Picture.png of the WiLLM repository, at the
 * paper's capture sizes 640x480 and 320x240 times its coefficients (appendix F.3.1). */
static const struct picture {
    double pixels, q95[2], q90[2];
} pictures[] = {
    {19200, {9002, 8823}, {6524, 6480}},      {27648, {11772, 11640}, {8406, 8354}},
    {37632, {15008, 14833}, {10593, 10520}},  {49152, {18124, 18110}, {12629, 12700}},
    {62208, {21799, 21723}, {15089, 15126}},  {76800, {24812, 25548}, {17238, 17737}},
    {110592, {34119, 34220}, {23379, 23551}}, {150528, {42866, 43302}, {29183, 29818}},
    {196608, {52627, 53612}, {35694, 37059}}, {248832, {63412, 64114}, {42689, 44466}},
    {307200, {80751, 75816}, {60750, 52743}},
};
enum { PICTURES = sizeof pictures / sizeof pictures[0] };

/* d ln(bytes) / d ln(pixels), fitted by least squares over the table (largest residual 3.4 % at
 * quality 95, 8.4 % at 90); used outside the table only. Assumed: it holds up to the display's
 * 1280x720, three times the largest picture measured. */
#define SLOPE_Q95 0.7765657680
#define SLOPE_Q90 0.7634034282

static double mean_bytes(const struct picture *p, int64_t quality)
{
    const double *b = quality == 95 ? p->q95 : p->q90;
    return sqrt(b[0] * b[1]);
}

static double measured_bytes(double pixels, int64_t quality)
{
    const struct picture *first = &pictures[0];
    const struct picture *last = &pictures[PICTURES - 1];
    double slope = quality == 95 ? SLOPE_Q95 : SLOPE_Q90;
    if (pixels <= first->pixels) {
        return mean_bytes(first, quality) * pow(pixels / first->pixels, slope);
    }
    if (pixels >= last->pixels) {
        return mean_bytes(last, quality) * pow(pixels / last->pixels, slope);
    }
    const struct picture *p = first;
    while (p[1].pixels < pixels) {
        p++;
    }
    double at = log(pixels / p[0].pixels) / log(p[1].pixels / p[0].pixels);
    return mean_bytes(&p[0], quality) *
           pow(mean_bytes(&p[1], quality) / mean_bytes(&p[0], quality), at);
}

double traffic_jpeg_bytes(int64_t pixels, int64_t quality)
{
    double q95 = measured_bytes((double)pixels, 95);
    if (quality == 95) {
        return q95;
    }
    double q90 = measured_bytes((double)pixels, 90);
    /* libjpeg scales its quantizer tables by 200 - 2q percent for q >= 50: 10 % at quality 95,
     * 20 % at 90. Assumed: bytes follow a power of that scale through the two measured points. */
    double scale = (double)(200 - 2 * quality);
    return q95 * pow(scale / 10.0, log2(q90 / q95));
}

int64_t traffic_base64_bytes(int64_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

int64_t traffic_text_bytes(int64_t n, double bytes_each)
{
    int64_t bytes = (int64_t)llround((double)n * bytes_each);
    return bytes > 1 ? bytes : 1;
}

/* --- The WiLLM client ------------------------------------------------------------------------- */

static size_t pick(double u, size_t n)
{
    size_t i = (size_t)(u * (double)n);
    return i < n ? i : n - 1;
}

int traffic_resolution_rank(const struct traffic_willm *w, size_t which)
{
    const double *c = w->coefficients.items;
    int rank = 1;
    for (size_t i = 0; i < w->coefficients.n; i++) {
        bool counted = c[i] >= c[which];
        for (size_t j = 0; j < i && !counted; j++) {
            counted = c[j] == c[i];
        }
        rank += counted ? 0 : 1;
    }
    return rank;
}

static int64_t scaled(int64_t length, double coefficient)
{
    int64_t pixels = (int64_t)llround((double)length * coefficient);
    return pixels > 1 ? pixels : 1;
}

/* Bytes of the picture that comes back. Raw is 24 bits per pixel, as OpenCV holds it. */
static int64_t display_bytes(const struct traffic_willm *w, int64_t pixels, double scale)
{
    if (w->display_encoding == DISPLAY_RAW) {
        return 3 * pixels;
    }
    return (int64_t)llround(scale * traffic_jpeg_bytes(pixels, w->jpeg_quality));
}

void traffic_willm_request(const struct traffic_willm *w, uint64_t seed, uint32_t entity,
                           uint64_t index, struct traffic_willm_request *out)
{
    struct draw d;
    draw_at(&d, seed, DRAW_REQUEST, entity, index);
    size_t which = pick(gsl_rng_uniform(&d.rng), w->coefficients.n);
    size_t word = pick(gsl_rng_uniform(&d.rng), w->word_counts.n);
    double scale =
        w->image_scale_low + (w->image_scale_high - w->image_scale_low) * gsl_rng_uniform(&d.rng);
    double z = gsl_cdf_ugaussian_Pinv(gsl_rng_uniform_pos(&d.rng));

    double coefficient = ((const double *)w->coefficients.items)[which];
    int64_t words = ((const int64_t *)w->word_counts.items)[word];
    *out = (struct traffic_willm_request){.resolution = traffic_resolution_rank(w, which),
                                          .expected_words = words,
                                          .prompt_tokens = w->prompt_tokens};

    /* Assumed: normal about a part of the words asked for; nobody published answer lengths. */
    double answer = (double)words * w->answer_fraction * (1.0 + w->answer_length_std * z);
    out->answer_words = tokens_of(answer, (int64_t)TOKENS_MAX);
    out->answer_tokens =
        tokens_of((double)out->answer_words * w->tokens_per_word, (int64_t)TOKENS_MAX);
    out->answer_text_bytes = traffic_text_bytes(out->answer_words, w->bytes_per_word);
    out->down_bytes = w->http_header_bytes + w->json_overhead_bytes + out->answer_text_bytes;

    if (w->mode == MODE_IMAGE) {
        out->tx_width = scaled(w->base_width, coefficient);
        out->tx_height = scaled(w->base_height, coefficient);
        double jpeg = scale * traffic_jpeg_bytes(out->tx_width * out->tx_height, w->jpeg_quality);
        out->up_body_bytes = traffic_base64_bytes((int64_t)llround(jpeg)) + w->json_overhead_bytes;
    } else {
        out->rx_width = scaled(w->display_width, coefficient);
        out->rx_height = scaled(w->display_height, coefficient);
        out->up_body_bytes = w->prompt_bytes + w->json_overhead_bytes;
        out->down_bytes +=
            traffic_base64_bytes(display_bytes(w, out->rx_width * out->rx_height, scale));
    }
    out->up_bytes = out->up_body_bytes + w->http_header_bytes;
}

/* --- Poisson ---------------------------------------------------------------------------------- */

int64_t traffic_poisson_gap_ns(double rate_hz, uint64_t seed, uint32_t entity, uint64_t index)
{
    double gap_s = -log(draw_uniform(seed, DRAW_ARRIVAL, entity, index)) / rate_hz;
    return gap_s > 1e9 ? ns_of_s(1e9) : ns_of_s(gap_s);
}
