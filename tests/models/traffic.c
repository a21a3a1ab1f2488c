/* traffic.c - pins sizes of pictures against the encoded photographs, the recorded request and
 * figure 21 of the WiLLM paper; the distributions of lengths; and that a request is a function of
 * (seed, UE, number) alone. Does not pin when requests are sent (tests/sim). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "models/traffic.h"

static const double coefficients[] = {1.0, 0.9, 0.8, 0.7, 0.6, 0.5};
static const int64_t words[] = {50, 100, 150, 200};

static struct traffic_willm client(int mode)
{
    return (struct traffic_willm){
        .period_s = 5.0,
        .mode = mode,
        .base_width = 640,
        .base_height = 480,
        .display_width = 800,
        .display_height = 600,
        .jpeg_quality = 95,
        .image_scale_low = 1.057,
        .image_scale_high = 1.332,
        .coefficients = {(void *)(uintptr_t)coefficients, 6},
        .word_counts = {(void *)(uintptr_t)words, 4},
        .tokens_per_word = 1.33,
        .bytes_per_word = 6.0,
        .prompt_tokens = 40,
        .prompt_bytes = 18,
        .json_overhead_bytes = 140,
        .http_header_bytes = 250,
        .answer_fraction = 0.85,
        .answer_length_std = 0.2,
    };
}

static void near(double value, double expected, double part)
{
    if (!(fabs(value - expected) <= part * fabs(expected))) {
        fail_msg("%.9g is not within %g of %.9g", value, part, expected);
    }
}

/* A few of the published numbers, so that the table is pinned where the data are absent. */
static void test_jpeg_is_the_mean_of_two_photographs(void **state)
{
    (void)state;
    near(traffic_jpeg_bytes(640 * 480, 95), sqrt(80751.0 * 75816.0), 1e-12);
    near(traffic_jpeg_bytes(640 * 480, 90), sqrt(60750.0 * 52743.0), 1e-12);
    near(traffic_jpeg_bytes(320 * 240, 95), sqrt(24812.0 * 25548.0), 1e-12);
    near(traffic_jpeg_bytes(160 * 120, 90), sqrt(6524.0 * 6480.0), 1e-12);
}

/* Every row of the measured table lies about the mean as far as the two photographs differ: 3.3 %
 * at quality 95, 7.4 % at quality 90. */
static void test_jpeg_against_every_encoded_size(void **state)
{
    (void)state;
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/willm/resolution_bytes.csv",
             folder != NULL ? folder : "../shared/data");
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        skip();
    }
    char line[1024];
    int rows = 0;
    assert_non_null(fgets(line, sizeof line, in));
    while (fgets(line, sizeof line, in) != NULL) {
        long long width, height, pixels, quality, jpeg, base64, body;
        double coefficient;
        /* The first column is quoted and may hold commas: the second starts at the base size. */
        const char *p = strstr(line, ",640x480,");
        p = p != NULL ? p : strstr(line, ",320x240,");
        assert_non_null(p);
        assert_int_equal(sscanf(p + 9, "%lf,%lld,%lld,%lld,%lld,%lld,%lld,%lld", &coefficient,
                                &width, &height, &pixels, &quality, &jpeg, &base64, &body),
                         8);
        near(traffic_jpeg_bytes(pixels, quality), (double)jpeg, quality == 95 ? 0.034 : 0.075);
        assert_int_equal(traffic_base64_bytes(jpeg), base64);
        assert_int_equal(base64 + 140, body);
        rows++;
    }
    fclose(in);
    assert_int_equal(rows, 48);
}

/* The slopes beyond the table are the least-squares fit over it. */
static void test_slope_is_the_fit(void **state)
{
    (void)state;
    static const int64_t sizes[] = {19200,  27648,  37632,  49152,  62208, 76800,
                                    110592, 150528, 196608, 248832, 307200};
    for (int64_t quality = 90; quality <= 95; quality += 5) {
        double x = 0, y = 0, xx = 0, xy = 0;
        int n = sizeof sizes / sizeof sizes[0];
        for (int i = 0; i < n; i++) {
            double lx = log((double)sizes[i]), ly = log(traffic_jpeg_bytes(sizes[i], quality));
            x += lx, y += ly, xx += lx * lx, xy += lx * ly;
        }
        double slope = (n * xy - x * y) / (n * xx - x * x);
        double beyond =
            log(traffic_jpeg_bytes(4 * 307200, quality) / traffic_jpeg_bytes(307200, quality)) /
            log(4.0);
        double below =
            log(traffic_jpeg_bytes(19200, quality) / traffic_jpeg_bytes(4800, quality)) / log(4.0);
        near(beyond, slope, 1e-8);
        near(below, slope, 1e-8);
    }
}

static void test_jpeg_grows_with_pixels_and_quality(void **state)
{
    (void)state;
    for (int64_t pixels = 64; pixels < 3000000; pixels = pixels * 5 / 4) {
        assert_true(traffic_jpeg_bytes(pixels * 5 / 4, 95) > traffic_jpeg_bytes(pixels, 95));
        for (int64_t q = TRAFFIC_QUALITY_MIN; q < TRAFFIC_QUALITY_MAX; q++) {
            assert_true(traffic_jpeg_bytes(pixels, q + 1) > traffic_jpeg_bytes(pixels, q));
        }
    }
}

static void test_base64(void **state)
{
    (void)state;
    assert_int_equal(traffic_base64_bytes(0), 0);
    assert_int_equal(traffic_base64_bytes(1), 4);
    assert_int_equal(traffic_base64_bytes(3), 4);
    assert_int_equal(traffic_base64_bytes(4), 8);
    assert_int_equal(traffic_base64_bytes(80530), 107376); /* the recorded request */
}

/* --- Lengths ---------------------------------------------------------------------------------- */

static struct json_choice length_of(int kind, void *options)
{
    return (struct json_choice){.index = kind, .options = options};
}

/* Mean of n draws; each must lie in [low, high] and take one uniform. */
static double mean_length(const struct json_choice *length, int n, int64_t low, int64_t high,
                          int64_t *median)
{
    double sum = 0.0;
    int below = 0;
    for (int i = 0; i < n; i++) {
        struct draw d, twin;
        draw_at(&d, 7, DRAW_REQUEST, 3, (uint64_t)i);
        draw_at(&twin, 7, DRAW_REQUEST, 3, (uint64_t)i);
        int64_t value = length_draw(length, &d);
        gsl_rng_uniform_pos(&twin.rng);
        assert_true(gsl_rng_uniform(&d.rng) == gsl_rng_uniform(&twin.rng));
        assert_in_range(value, low, high);
        sum += (double)value;
        below += median != NULL && value < *median ? 1 : 0;
    }
    if (median != NULL) {
        *median = below;
    }
    return sum / n;
}

static void test_lengths(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct length_constant constant = {.value = 128};
    struct json_choice c = length_of(LENGTH_CONSTANT, &constant);
    assert_true(mean_length(&c, 100, 128, 128, NULL) == 128.0);

    struct length_uniform uniform = {.min = 10, .max = 13};
    c = length_of(LENGTH_UNIFORM, &uniform);
    near(mean_length(&c, N, 10, 13, NULL), 11.5, 0.003);

    struct length_lognormal lognormal = {.median = 200.0, .sigma = 0.5, .max = 100000};
    c = length_of(LENGTH_LOGNORMAL, &lognormal);
    int64_t below = 200;
    near(mean_length(&c, N, 1, 100000, &below), 200.0 * exp(0.125), 0.02);
    near((double)below, 0.5 * N, 0.03);
    lognormal = (struct length_lognormal){.median = 200.0, .sigma = 3.0, .max = 250};
    assert_true(mean_length(&c, N, 1, 250, NULL) < 200.0);

    struct length_geometric geometric = {.mean = 50.0, .max = 100000};
    c = length_of(LENGTH_GEOMETRIC, &geometric);
    near(mean_length(&c, N, 1, 100000, NULL), 50.0, 0.03);
    geometric.mean = 1.0;
    assert_true(mean_length(&c, 100, 1, 1, NULL) == 1.0);
}

static void test_length_words_follow_the_enum(void **state)
{
    (void)state;
    assert_string_equal(length_variants[LENGTH_CONSTANT].word, "constant");
    assert_string_equal(length_variants[LENGTH_UNIFORM].word, "uniform");
    assert_string_equal(length_variants[LENGTH_LOGNORMAL].word, "lognormal");
    assert_string_equal(length_variants[LENGTH_GEOMETRIC].word, "geometric");
    assert_null(length_variants[LENGTH_GEOMETRIC + 1].word);
}

/* --- The client ------------------------------------------------------------------------------- */

static void test_ranks(void **state)
{
    (void)state;
    struct traffic_willm w = client(MODE_IMAGE);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(traffic_resolution_rank(&w, i), 6 - (int)i);
    }
    static const double twice[] = {0.5, 1.0, 0.5, 0.7, 1.0};
    w.coefficients = (struct json_list){(void *)(uintptr_t)twice, 5};
    static const int ranks[] = {1, 3, 1, 2, 3};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(traffic_resolution_rank(&w, i), ranks[i]);
    }
}

static void test_image_request(void **state)
{
    (void)state;
    struct traffic_willm w = client(MODE_IMAGE);
    int seen[7] = {0};
    int asked[4] = {0};
    double fraction = 0.0;
    enum { N = 12000 };
    for (uint64_t i = 0; i < N; i++) {
        struct traffic_willm_request r;
        traffic_willm_request(&w, 1, 5, i, &r);
        assert_in_range(r.resolution, 1, 6);
        seen[r.resolution]++;
        for (int k = 0; k < 4; k++) {
            asked[k] += r.expected_words == words[k] ? 1 : 0;
        }
        assert_int_equal(r.tx_width, 320 + 64 * (r.resolution - 1));
        assert_int_equal(r.tx_height * 4, r.tx_width * 3);
        assert_int_equal(r.rx_width, 0);
        assert_int_equal(r.up_bytes, r.up_body_bytes + 250);
        assert_int_equal((r.up_body_bytes - 140) % 4, 0);
        double mean = traffic_jpeg_bytes(r.tx_width * r.tx_height, 95);
        double scale = (double)(r.up_body_bytes - 140) * 0.75 / mean;
        assert_true(scale > 1.056 && scale < 1.334);
        assert_int_equal(r.down_bytes, 250 + 140 + r.answer_text_bytes);
        assert_int_equal(r.answer_text_bytes, 6 * r.answer_words);
        assert_true(fabs((double)r.answer_tokens - 1.33 * (double)r.answer_words) <= 0.5);
        assert_int_equal(r.prompt_tokens, 40);
        fraction += (double)r.answer_words / (double)r.expected_words / N;
    }
    for (int k = 0; k < 6; k++) {
        near(seen[k + 1], N / 6.0, 0.08);
    }
    for (int k = 0; k < 4; k++) {
        near(asked[k], N / 4.0, 0.06);
    }
    near(fraction, 0.85, 0.01);
}

/* WiLLM figure 21: 110 292 to 138 984 bytes of base64 for 640x480 at quality 95. */
static void test_full_size_requests_span_figure_21(void **state)
{
    (void)state;
    static const double full[] = {1.0};
    struct traffic_willm w = client(MODE_IMAGE);
    w.coefficients = (struct json_list){(void *)(uintptr_t)full, 1};
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        struct traffic_willm_request r;
        traffic_willm_request(&w, 1, 5, i, &r);
        assert_int_equal(r.resolution, 1);
        least = r.up_body_bytes - 140 < least ? r.up_body_bytes - 140 : least;
        most = r.up_body_bytes - 140 > most ? r.up_body_bytes - 140 : most;
    }
    near((double)least, 110292.0, 0.001);
    near((double)most, 138984.0, 0.001);
}

static void test_text_request(void **state)
{
    (void)state;
    struct traffic_willm w = client(MODE_TEXT);
    struct traffic_willm_request r;
    w.image_scale_low = w.image_scale_high = 1.0;
    for (uint64_t i = 0; i < 200; i++) {
        traffic_willm_request(&w, 1, 5, i, &r);
        assert_int_equal(r.up_body_bytes, 158);
        assert_int_equal(r.tx_width, 0);
        assert_int_equal(r.rx_width, 400 + 80 * (r.resolution - 1));
        int64_t jpeg = llround(traffic_jpeg_bytes(r.rx_width * r.rx_height, 95));
        assert_int_equal(r.down_bytes, 390 + r.answer_text_bytes + traffic_base64_bytes(jpeg));
    }
    w.display_encoding = DISPLAY_RAW;
    traffic_willm_request(&w, 1, 5, 0, &r);
    assert_int_equal(r.down_bytes, 390 + r.answer_text_bytes + 4 * r.rx_width * r.rx_height);
}

/* What one phone asks does not hang on what others ask, nor on the mode. */
static void test_request_is_a_function_of_its_number(void **state)
{
    (void)state;
    struct traffic_willm w = client(MODE_IMAGE);
    struct traffic_willm_request a, b, c;
    traffic_willm_request(&w, 9, 2, 1000, &a);
    for (uint64_t i = 0; i < 10; i++) {
        traffic_willm_request(&w, 9, 3, i, &b);
    }
    traffic_willm_request(&w, 9, 2, 1000, &b);
    assert_memory_equal(&a, &b, sizeof a);
    w.mode = MODE_TEXT;
    traffic_willm_request(&w, 9, 2, 1000, &c);
    assert_int_equal(c.resolution, a.resolution);
    assert_int_equal(c.answer_tokens, a.answer_tokens);
    int different = 0;
    for (uint64_t i = 0; i < 50; i++) {
        traffic_willm_request(&w, 9, 2, i, &a);
        traffic_willm_request(&w, 10, 2, i, &b);
        different += a.down_bytes != b.down_bytes ? 1 : 0;
    }
    assert_true(different > 45);
}

static void test_poisson_gaps(void **state)
{
    (void)state;
    double sum = 0.0, square = 0.0;
    enum { N = 40000 };
    for (uint64_t i = 0; i < N; i++) {
        double gap = s_of_ns(traffic_poisson_gap_ns(4.0, 1, 2, i));
        assert_true(gap >= 0.0);
        sum += gap;
        square += gap * gap;
    }
    near(sum / N, 0.25, 0.02);
    near(square / N, 2 * 0.25 * 0.25, 0.04); /* exponential: E[x^2] = 2 E[x]^2 */
}

int test_traffic(void);
int test_traffic(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg_is_the_mean_of_two_photographs),
        cmocka_unit_test(test_jpeg_against_every_encoded_size),
        cmocka_unit_test(test_slope_is_the_fit),
        cmocka_unit_test(test_jpeg_grows_with_pixels_and_quality),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_length_words_follow_the_enum),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_image_request),
        cmocka_unit_test(test_full_size_requests_span_figure_21),
        cmocka_unit_test(test_text_request),
        cmocka_unit_test(test_request_is_a_function_of_its_number),
        cmocka_unit_test(test_poisson_gaps),
    };
    return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
