/* llm_card.c - model cards: the shape of a model, and what follows from it alone. */
#include <cjson/cJSON.h>
#include <stddef.h>
#include <string.h>

#include "models/llm.h"
#include "models/llm_internal.h"

const char *const llm_quant_words[] = {"f16", "bf16", "fp8",  "w8a8",   "w8a16", "w4a16",
                                       "awq", "q8_0", "q4_0", "q4_k_m", NULL};
const char *const llm_kv_words[] = {"16", "8", NULL};
const char *const llm_engine_words[] = {"vllm", "llama.cpp", "tinychat", "ollama", NULL};

static const char *const vision_words[] = {"none", "llava15", "llava16", NULL};

#define WHOLE(member, text)                                                                        \
    {                                                                                              \
        .key = #member, .type = JSON_INT, .offset = offsetof(struct llm_card, member), .min = 1,   \
        .max = 1e9, .doc = (text)                                                                  \
    }
#define AMOUNT(member, text)                                                                       \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct llm_card, member), .def = "0", \
        .doc = (text)                                                                              \
    }
#define WORD(member, list, value, text)                                                            \
    {                                                                                              \
        .key = #member, .type = JSON_WORD, .offset = offsetof(struct llm_card, member),            \
        .words = (list), .def = (value), .doc = (text)                                             \
    }
#define YES_NO(member, text)                                                                       \
    {                                                                                              \
        .key = #member, .type = JSON_BOOL, .offset = offsetof(struct llm_card, member),            \
        .doc = (text)                                                                              \
    }
#define STRING(member, text)                                                                       \
    {                                                                                              \
        .key = #member, .type = JSON_STR, .offset = offsetof(struct llm_card, member),             \
        .doc = (text)                                                                              \
    }

static const struct json_field accuracy_fields[] = {
    {.key = "quant",
     .type = JSON_WORD,
     .offset = offsetof(struct llm_accuracy, quant),
     .words = llm_quant_words,
     .doc = "precision"},
    {.key = "perplexity_delta",
     .type = JSON_NUM,
     .offset = offsetof(struct llm_accuracy, perplexity_delta),
     .min = -100,
     .max = 1e6,
     .doc = "perplexity less that of 16 bits"},
    {.key = "alpha",
     .type = JSON_NUM,
     .offset = offsetof(struct llm_accuracy, alpha),
     .max = 100,
     .def = "0",
     .doc = "memory against 16 bits; 0: bits of a weight / 16"},
    {.key = "beta",
     .type = JSON_NUM,
     .offset = offsetof(struct llm_accuracy, beta),
     .max = 100,
     .def = "0",
     .doc = "compute time against 16 bits; 0: bits of a weight / 16 x bits of an activation / 16"},
    {.key = "source",
     .type = JSON_STR,
     .offset = offsetof(struct llm_accuracy, source),
     .doc = "the measurement, or \"Assumed: why\""},
    {.key = NULL},
};

static const struct json_spec accuracy_spec = {
    .name = "model_accuracy",
    .doc = "What a precision does to a model.",
    .size = sizeof(struct llm_accuracy),
    .fields = accuracy_fields,
};

static int check_card(const void *object, const char *file, const char *place, struct err *e)
{
    const struct llm_card *c = object;
    if (c->kv_heads > c->heads || c->heads % c->kv_heads != 0) {
        return err_input(e, file, place,
                         "kv_heads %lld must divide heads %lld (grouped-query attention)",
                         (long long)c->kv_heads, (long long)c->heads);
    }
    if ((c->vision == LLM_VISION_NONE) != (c->vision_flops_per_image == 0.0)) {
        return err_input(e, file, place,
                         "vision and vision_flops_per_image must be given together");
    }
    return 0;
}

static const struct json_field card_fields[] = {
    STRING(name, "word of the model; the file's name"),
    WHOLE(layers, "transformer layers"),
    WHOLE(hidden, "width of the residual stream"),
    WHOLE(ffn, "width of the feed-forward layer"),
    WHOLE(heads, "query heads"),
    WHOLE(kv_heads, "key and value heads"),
    WHOLE(head_dim, "width of a head"),
    WHOLE(vocab, "rows of the embedding"),
    YES_NO(gated_mlp, "three matrices in the feed-forward layer (SwiGLU), else two"),
    YES_NO(tied_embeddings, "the LM head is the embedding table"),
    AMOUNT(other_parameters, "norms, biases and positions: counted, but not as matrix products"),
    AMOUNT(vision_parameters, "parameters of the image encoder and its projector"),
    AMOUNT(vision_flops_per_image, "floating-point operations of one encoder pass"),
    WORD(vision, vision_words, "\"none\"", "how an image becomes tokens"),
    WORD(default_quant, llm_quant_words, "\"f16\"", "precision when none is asked for"),
    {.key = "accuracy",
     .type = JSON_LIST,
     .offset = offsetof(struct llm_card, accuracy),
     .spec = &accuracy_spec,
     .max = 100,
     .def = "[]",
     .doc = "perplexity differentials by precision"},
    STRING(source, "where these numbers come from"),
    {.key = NULL},
};

static const struct json_spec card_spec = {
    .name = "model_card",
    .doc = "Shape of a model.",
    .size = sizeof(struct llm_card),
    .fields = card_fields,
    .check = check_card,
};

/* A tag names another card and what it changes in it. */
static const struct json_field tag_fields[] = {
    STRING(name, "word of the tag; the file's name"),
    STRING(tag_of, "the model card it stands for"),
    WORD(default_quant, llm_quant_words, NULL, "precision of the tag's weights"),
    WORD(vision, vision_words, "\"none\"",
         "how the engine turns an image into tokens with this tag's projector"),
    STRING(source, "where this comes from"),
    {.key = NULL},
};

static const struct json_spec tag_spec = {
    .name = "model_tag",
    .doc = "A tag of Ollama's library.",
    .size = sizeof(struct llm_card),
    .fields = tag_fields,
};

static void card_derive(struct llm_card *c)
{
    double hidden = (double)c->hidden;
    double query = (double)(c->heads * c->head_dim);
    double kv = (double)(c->kv_heads * c->head_dim);
    double mlp = (c->gated_mlp ? 3.0 : 2.0) * (double)c->ffn;
    c->layer_parameters = (double)c->layers * hidden * (2.0 * query + 2.0 * kv + mlp);
    c->head_parameters = hidden * (double)c->vocab;
    c->parameters = c->layer_parameters + c->other_parameters +
                    (c->tied_embeddings ? 1.0 : 2.0) * c->head_parameters;
}

/* Reads one file: a card, or a tag (then tag->tag_of is set and the rest of *card is untouched). */
static int card_read(const char *dir, const char *name, struct arena *a, struct llm_card *card,
                     struct llm_card *tag, struct err *e)
{
    char path[1280];
    int rc = llm_file_find(dir, "models/cards", "model", name, path, sizeof path, e);
    if (rc != 0) {
        return rc;
    }
    cJSON *root = NULL;
    rc = json_read_file(path, &root, e);
    if (rc == 0) {
        bool is_tag = tag != NULL && cJSON_GetObjectItemCaseSensitive(root, "tag_of") != NULL;
        struct llm_card *out = is_tag ? tag : card;
        rc = json_bind(root, is_tag ? &tag_spec : &card_spec, out, path, "", a, e);
        if (rc == 0 && strcmp(out->name, name) != 0) {
            rc = err_input(e, path, "name", "is \"%s\"; must be the file's name \"%s\"", out->name,
                           name);
        }
    }
    json_delete(root);
    return rc;
}

int llm_card_load(const char *dir, const char *name, struct arena *a, struct llm_card *card,
                  struct err *e)
{
    struct llm_card tag = {0};
    int rc = card_read(dir, name, a, card, &tag, e);
    if (rc == 0 && tag.tag_of != NULL) {
        rc = card_read(dir, tag.tag_of, a, card, NULL, e);
        card->name = tag.name;
        card->tag_of = tag.tag_of;
        card->default_quant = tag.default_quant;
        card->source = tag.source;
        if (rc == 0 && (tag.vision == LLM_VISION_NONE) != (card->vision == LLM_VISION_NONE)) {
            rc = err_input(e, name, "vision", "the tag and the card \"%s\" must both see or not",
                           tag.tag_of);
        }
        card->vision = tag.vision;
    }
    if (rc == 0) {
        card_derive(card);
    }
    return rc;
}

double llm_bytes_per_weight(enum llm_quant quant)
{
    switch (quant) {
    case LLM_F16:
    case LLM_BF16:
        return 2.0;
    case LLM_FP8:
    case LLM_W8A8:
    case LLM_W8A16:
        return 1.0;
    case LLM_W4A16:
    case LLM_AWQ:
        return 0.53; /* groups of 128 with an f16 scale and a 4-bit zero */
    case LLM_Q8_0:
        return 34.0 / 32.0; /* block of 32 with an f16 scale: ggml TypeSize()/BlockSize() */
    case LLM_Q4_0:
        return 18.0 / 32.0;
    case LLM_Q4_K_M:
        return 0.606; /* mix of Q4_K and Q6_K; whole model, llama.cpp PR 3776: 4.85 bits */
    case LLM_QUANT_COUNT:
        break;
    }
    return 2.0;
}

/* Bits of the activations that meet the weights in a product. */
static double activation_bits(enum llm_quant quant)
{
    return quant == LLM_W8A8 || quant == LLM_FP8 ? 8.0 : 16.0;
}

/* Bits of a weight without the scales of its group, as the paper's names (W8A16) count them. */
static double weight_bits(enum llm_quant quant)
{
    return llm_bytes_per_weight(quant) >= 2.0   ? 16.0
           : llm_bytes_per_weight(quant) >= 1.0 ? 8.0
                                                : 4.0;
}

const struct llm_accuracy *llm_accuracy_of(const struct llm_card *card, enum llm_quant quant)
{
    const struct llm_accuracy *list = card->accuracy.items;
    for (size_t i = 0; i < card->accuracy.n; i++) {
        if ((enum llm_quant)list[i].quant == quant) {
            return &list[i];
        }
    }
    return NULL;
}

double llm_alpha(const struct llm_card *card, enum llm_quant quant)
{
    const struct llm_accuracy *own = llm_accuracy_of(card, quant);
    return own != NULL && own->alpha > 0.0 ? own->alpha : weight_bits(quant) / 16.0;
}

double llm_beta(const struct llm_card *card, enum llm_quant quant)
{
    const struct llm_accuracy *own = llm_accuracy_of(card, quant);
    return own != NULL && own->beta > 0.0
               ? own->beta
               : weight_bits(quant) / 16.0 * activation_bits(quant) / 16.0;
}

/* GGUF files quantize the whole model; the others leave embeddings, norms and LM head in f16. */
static bool quant_is_whole(enum llm_quant quant)
{
    return quant == LLM_Q8_0 || quant == LLM_Q4_0 || quant == LLM_Q4_K_M;
}

double llm_weights_bytes(const struct llm_card *card, enum llm_quant quant)
{
    double per_weight = llm_bytes_per_weight(quant);
    double rest = card->parameters - card->layer_parameters;
    return card->layer_parameters * per_weight + rest * (quant_is_whole(quant) ? per_weight : 2.0) +
           card->vision_parameters * 2.0;
}

double llm_kv_bytes_per_token(const struct llm_card *card)
{
    return (double)(card->layers * 2 * card->kv_heads * card->head_dim) * 2.0;
}

/* LLaVA-1.6 "anyres" (haotian-liu/LLaVA, llava/mm_utils.py and llava_arch.py): the grid of 336 x
 * 336 tiles that keeps most of the image's pixels, then the padding rows or columns of 14 x 14
 * patches are cut off and a newline token ends each row. A whole view of 576 tokens comes first. */
enum { TILE_PIXELS = 336, TILE_PATCHES = 24, BASE_TOKENS = 576 };

struct grid {
    int64_t w, h; /* tiles */
};

static struct grid grid_choose(int64_t w, int64_t h)
{
    static const struct grid grids[] = {{1, 2}, {2, 1}, {2, 2}, {3, 1}, {1, 3}};
    struct grid best = grids[0];
    int64_t best_kept = -1;
    int64_t best_wasted = 0;
    for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++) {
        int64_t grid_w = grids[i].w * TILE_PIXELS;
        int64_t grid_h = grids[i].h * TILE_PIXELS;
        /* The smaller of the two scales decides: grid_w/w <= grid_h/h. */
        bool by_width = grid_w * h <= grid_h * w;
        int64_t scaled_w = by_width ? grid_w : w * grid_h / h;
        int64_t scaled_h = by_width ? h * grid_w / w : grid_h;
        int64_t kept = scaled_w * scaled_h < w * h ? scaled_w * scaled_h : w * h;
        int64_t wasted = grid_w * grid_h - kept;
        if (kept > best_kept || (kept == best_kept && wasted < best_wasted)) {
            best = grids[i];
            best_kept = kept;
            best_wasted = wasted;
        }
    }
    return best;
}

void llm_image_tokens(const struct llm_card *card, int64_t w, int64_t h, int64_t *tokens,
                      int64_t *passes)
{
    *tokens = 0;
    *passes = 0;
    if (card->vision == LLM_VISION_NONE || w <= 0 || h <= 0) {
        return;
    }
    *tokens = BASE_TOKENS;
    *passes = 1;
    if (card->vision == LLM_VISION_LLAVA15) {
        return;
    }
    struct grid grid = grid_choose(w, h);
    int64_t columns = grid.w * TILE_PATCHES;
    int64_t rows = grid.h * TILE_PATCHES;
    if (w * rows > columns * h) { /* wider than the grid: rows of padding above and below */
        int64_t padding = (rows - h * columns / w) / 2;
        rows -= 2 * padding;
    } else {
        int64_t padding = (columns - w * rows / h) / 2;
        columns -= 2 * padding;
    }
    *tokens += rows * columns + rows;
    *passes += grid.w * grid.h;
}
