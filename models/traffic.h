/* traffic.h - how big requests and answers are: the WiLLM client, its images, and lengths.
 *
 * Pure functions: what a request looks like is a function of (seed, UE, request number), never of
 * what was drawn before. When a request is sent is the traffic source's business (sim/ue.c).
 */
#ifndef MODELS_TRAFFIC_H
#define MODELS_TRAFFIC_H

#include <stdint.h>

#include "base/draw.h"
#include "base/json.h"

/* --- Lengths in tokens -------------------------------------------------------------------------
 * A length in a scenario is a struct json_choice: {"dist": "lognormal", "median": 100, ...}. */
enum length_kind { LENGTH_CONSTANT, LENGTH_UNIFORM, LENGTH_LOGNORMAL, LENGTH_GEOMETRIC };

struct length_constant {
    int64_t value;
};
struct length_uniform {
    int64_t min, max; /* both can come */
};
struct length_lognormal {
    double median, sigma; /* sigma: standard deviation of the natural logarithm */
    int64_t max;
};
struct length_geometric {
    double mean; /* of the geometric distribution on 1, 2, ... before it is cut at max */
    int64_t max;
};

/* For the scenario loader, in the order of enum length_kind. */
extern const struct json_variant length_variants[];

/* One length, at least 1. Takes exactly one uniform from `d`, whatever the distribution. */
int64_t length_draw(const struct json_choice *length, struct draw *d);

/* --- Sizes -------------------------------------------------------------------------------------*/

/* Qualities that traffic_jpeg_bytes() knows: two are measured (90, 95), the rest is the power law
 * between the two in the quantizer's scale. */
enum { TRAFFIC_QUALITY_MIN = 50, TRAFFIC_QUALITY_MAX = 98 };

/* Bytes of a JPEG of so many pixels (1..2^31): the geometric mean of two photographs that were
 * encoded at eleven sizes and two qualities (traffic.c has the table), on a straight line in
 * log-log between the sizes and along the fitted slope beyond them. */
double traffic_jpeg_bytes(int64_t pixels, int64_t quality);

/* base64 of n bytes, RFC 4648 section 4: 4 x ceil(n/3). */
int64_t traffic_base64_bytes(int64_t bytes);

/* UTF-8 bytes of `n` tokens or words of so many bytes each, at least 1. */
int64_t traffic_text_bytes(int64_t n, double bytes_each);

/* --- The WiLLM client ---------------------------------------------------------------------------
 * Testbed: an image request carries a picture up and brings text down; a text request carries text
 * up and brings text and a picture down. */
enum request_mode { MODE_IMAGE, MODE_TEXT };

enum display_encoding { DISPLAY_JPEG, DISPLAY_RAW };

struct traffic_willm {
    double period_s;
    int mode; /* enum request_mode */
    int64_t base_width, base_height, display_width, display_height;
    int64_t jpeg_quality;
    double image_scale_low,
        image_scale_high;          /* request-to-request variation of a picture's bytes */
    int display_encoding;          /* enum display_encoding */
    struct json_list coefficients; /* double */
    struct json_list word_counts;  /* int64_t */
    double tokens_per_word, bytes_per_word;
    int64_t prompt_tokens, prompt_bytes, json_overhead_bytes, http_header_bytes;
    double answer_fraction;   /* mean length of an answer as a part of the words asked for */
    double answer_length_std; /* its standard deviation as a part of that mean */
    double start_spread_s;
};

struct traffic_willm_request {
    int resolution;              /* R number: 1 is the smallest picture of the client */
    int64_t tx_width, tx_height; /* picture sent; 0 in text requests */
    int64_t rx_width, rx_height; /* picture received; 0 in image requests */
    int64_t expected_words;      /* words asked for */
    int64_t answer_words;
    int64_t prompt_tokens; /* text part of the prompt; the model card adds those of the picture */
    int64_t answer_tokens;
    int64_t up_body_bytes, up_bytes;       /* HTTP body, and with the HTTP header */
    int64_t answer_text_bytes, down_bytes; /* UTF-8 text, and all that comes back */
};

/* Request number `index` of UE `entity`: coefficient, words, picture and answer, drawn from
 * (seed, DRAW_REQUEST, entity, index). */
void traffic_willm_request(const struct traffic_willm *w, uint64_t seed, uint32_t entity,
                           uint64_t index, struct traffic_willm_request *out);

/* Rank of coefficient number `which` among the different values, 1 for the smallest. */
int traffic_resolution_rank(const struct traffic_willm *w, size_t which);

/* --- Poisson arrivals ------------------------------------------------------------------------- */

/* Time in ns between request index - 1 and request `index` of a Poisson process. */
int64_t traffic_poisson_gap_ns(double rate_hz, uint64_t seed, uint32_t entity, uint64_t index);

#endif
