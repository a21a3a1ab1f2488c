/* scenario_traffic.c - the tables of a UE group's "traffic" object. */
#include <stddef.h>

#include "models/traffic.h"
#include "sim/scenario.h"
#include "sim/scenario_tables.h"

/* --- The WiLLM client ------------------------------------------------------------------------- */

static const char *const mode_words[] = {"image_request", "text_request", NULL};
static const char *const display_words[] = {"jpeg", "raw", NULL};

static const struct json_field willm_fields[] = {
    F_POS(traffic_willm, period_s, 0, 100000, "5",
          "Seconds between two requests of a phone; the next one also waits for the answer to the "
          "one before (WiLLM table 3 and its client)."),
    F_WORD(traffic_willm, mode, mode_words, "\"image_request\"",
           "image_request: picture up, text down. text_request: text up, text and picture down "
           "(WiLLM table 3)."),
    F_INT(traffic_willm, base_width, 16, 16384, "640",
          "Width in pixels of the captured picture at coefficient 1. WiLLM table 3: 320 to 640."),
    F_INT(traffic_willm, base_height, 16, 16384, "480",
          "Height in pixels of the captured picture at coefficient 1. WiLLM table 3: 240 to 480."),
    F_INT(traffic_willm, display_width, 16, 16384, "800",
          "Width in pixels of the picture that a text request brings down, at coefficient 1. WiLLM "
          "table 3: 800 to 1280."),
    F_INT(traffic_willm, display_height, 16, 16384, "600",
          "Height in pixels of that picture. WiLLM table 3: 600 to 720."),
    F_INT(traffic_willm, jpeg_quality, TRAFFIC_QUALITY_MIN, TRAFFIC_QUALITY_MAX, "95",
          "JPEG quality of the pictures. The testbed's clients: 95 (OpenCV's default) and 90."),
    F_POS(
        traffic_willm, image_scale_low, 0, 10, "1.057",
        "Smallest size of a picture, as a multiple of the mean of the two photographs that were "
        "encoded (models/traffic.c). Testbed: 1.057, from the least request_bytes of WiLLM figure "
        "21; the two photographs alone give 0.969."),
    F_POS(traffic_willm, image_scale_high, 0, 10, "1.332",
          "Largest size of a picture, the same way. Testbed: 1.332, from the most request_bytes of "
          "WiLLM figure 21; the two photographs alone give 1.032. Assumed: equally likely in "
          "between."),
    F_WORD(traffic_willm, display_encoding, display_words, "\"jpeg\"",
           "How the picture of a text request comes down: jpeg, or raw 24-bit pixels. Assumed: "
           "jpeg, as the capture; the paper only says that compression differs."),
    FIELD(traffic_willm, coefficients, JSON_NUMS, .min = 0, .max = 16, .above_min = true,
          .def = "[1.0, 0.9, 0.8, 0.7, 0.6, 0.5]",
          .doc = "Factors on width and height; one is drawn per request. The smallest is "
                 "resolution group R1 (WiLLM appendix F.3.1)."),
    FIELD(traffic_willm, word_counts, JSON_INTS, .min = 1, .max = 100000,
          .def = "[50, 100, 150, 200]",
          .doc = "Words asked for; one is drawn per request (WiLLM table 3)."),
    F_POS(traffic_willm, tokens_per_word, 0, 100, "1.33",
          "Tokens per word of the answer. Assumed: English; Chinese has 1 to 2 per character."),
    F_POS(traffic_willm, bytes_per_word, 0, 100, "6",
          "UTF-8 bytes per word of the answer. Assumed: English, five letters and a blank."),
    F_INT(traffic_willm, prompt_tokens, 1, 1000000, "40",
          "Tokens of the prompt's text with the chat template. Assumed: one sentence of about 20 "
          "tokens and a template of as many."),
    F_INT(traffic_willm, prompt_bytes, 0, 1000000, "18",
          "UTF-8 bytes of a text request's question. Testbed: 18 (six Chinese characters)."),
    F_INT(traffic_willm, json_overhead_bytes, 0, 1000000, "140",
          "Bytes of JSON around the payload, an image request's question included. Testbed: 140."),
    F_INT(traffic_willm, http_header_bytes, 0, 1000000, "250",
          "Bytes of HTTP header, each way. Assumed: the usual headers of the client's HTTP "
          "library."),
    F_POS(traffic_willm, answer_fraction, 0, 10, "0.85",
          "Mean length of an answer as a part of the words asked for. Assumed: the limit is "
          "obeyed with some margin; answer lengths are not published."),
    F_NUM(traffic_willm, answer_length_std, 0, 1, "0.2",
          "Standard deviation of an answer's length as a part of its mean, normal. Assumed."),
    F_NUM(traffic_willm, start_spread_s, 0, 100000, "5",
          "The phones' first requests are spread over so many seconds. Assumed: one period."),
    F_END};

static int willm_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct traffic_willm *w = object;
    if (w->coefficients.n == 0) {
        return FAIL_KEY("coefficients", "is empty; write at least one factor");
    }
    if (w->word_counts.n == 0) {
        return FAIL_KEY("word_counts", "is empty; write at least one number");
    }
    if (w->image_scale_low > w->image_scale_high) {
        return FAIL_KEY("image_scale_low", "%g is above image_scale_high %g; swap them",
                        w->image_scale_low, w->image_scale_high);
    }
    return 0;
}

static const struct json_spec willm_spec =
    SPEC("willm_client", traffic_willm, willm_fields, willm_check,
         "The client of the WiLLM testbed: a request every period, blocking, not streamed.");

/* --- Poisson ---------------------------------------------------------------------------------- */

#define BYTES_PER_TOKEN "UTF-8 bytes per token, up and down. Assumed: English, about 4."
#define OVERHEAD_BYTES                                                                             \
    "Bytes of HTTP header and JSON around the text, each way. Assumed: 390, as the WiLLM "         \
    "client's "                                                                                    \
    "250 + 140."

static const struct json_field poisson_fields[] = {
    F_POS(traffic_poisson, rate_hz, 0, 1000000, NULL,
          "Requests per second of each phone, whether or not earlier ones have been answered."),
    F_CHOICE(traffic_poisson, input_tokens, length_variants, "dist", NULL, "Tokens of the prompt."),
    F_CHOICE(traffic_poisson, output_tokens, length_variants, "dist", NULL,
             "Tokens of the answer."),
    F_POS(traffic_poisson, bytes_per_token, 0, 1000, "4", BYTES_PER_TOKEN),
    F_INT(traffic_poisson, overhead_bytes, 0, 1000000, "390", OVERHEAD_BYTES),
    F_END};
static const struct json_spec poisson_spec = SPEC("poisson", traffic_poisson, poisson_fields, NULL,
                                                  "Requests at random, independent of each other.");

/* --- Traces ----------------------------------------------------------------------------------- */

static const struct json_field trace_fields[] = {
    F_STR(traffic_trace, path, NULL,
          "File of the trace; may begin with $WILLMSIM_DATA/. The group's phones take its requests "
          "in turn."),
    F_POS(traffic_trace, rate_scale, 0, 1000, "1",
          "Arrival times are divided by this: 2 is twice the load."),
    F_NUM(traffic_trace, start_s, 0, 1e9, "0",
          "Seconds of the trace (its own time) that are left out at its beginning."),
    F_NUM(traffic_trace, window_s, 0, 1e9, "0",
          "Seconds of the trace (its own time) that are replayed; 0: to its end."),
    F_POS(traffic_trace, bytes_per_token, 0, 1000, "4", BYTES_PER_TOKEN),
    F_INT(traffic_trace, overhead_bytes, 0, 1000000, "390", OVERHEAD_BYTES),
    F_END};
static const struct json_spec trace_spec =
    SPEC("trace", traffic_trace, trace_fields, NULL, "Requests of a recorded trace, open loop.");

/* In the order of enum traffic_kind. */
const struct json_variant scenario_traffic_variants[] = {
    {"willm-client", &willm_spec, "the WiLLM testbed's client"},
    {"poisson", &poisson_spec, "requests at random"},
    {"edge-poisson", &scenario_traffic_edge_spec,
     "requests at random, with deadlines and accuracies (`edge`)"},
    {"trace-azure", &trace_spec, "CSV of TIMESTAMP, ContextTokens, GeneratedTokens"},
    {"trace-mooncake", &trace_spec,
     "lines of JSON with timestamp in ms, input_length, output_length, hash_ids"},
    {"trace-csv", &trace_spec, "CSV of arrival_s, input_tokens, output_tokens"},
    {NULL, NULL, NULL}};
