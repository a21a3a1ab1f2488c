/* row_log.c - see row_log.h. */
#include "sim/row_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum row_kind { ROW_REQUEST, ROW_UE, ROW_RAN, ROW_SERVER };

/* Texts that are made when the row is: sizes in pixels, a resolution's number. */
enum { TEXT_BYTES = 32, TEXTS = 3 };

struct entry {
    enum row_kind kind;
    char texts[TEXTS][TEXT_BYTES];
    union {
        struct request_record request;
        struct ue_record ue;
        struct ran_record ran;
        struct server_record server;
    } row;
};

static struct entry *add(struct row_log *log, enum row_kind kind)
{
    if (log->used + sizeof(struct entry) > log->room) {
        size_t room = log->room > 0 ? 2 * log->room : 64 * sizeof(struct entry);
        unsigned char *bytes = realloc(log->bytes, room);
        if (bytes == NULL)
            return NULL;
        log->bytes = bytes;
        log->room = room;
    }
    struct entry *e = (struct entry *)(void *)(log->bytes + log->used);
    log->used += sizeof *e;
    e->kind = kind;
    return e;
}

/* The place of the copy is kept as an offset, since the log may move: the member only says that
 * there is one. */
static void keep_text(struct entry *e, int which, const char *text)
{
    if (text != NULL)
        strncpy(e->texts[which], text, TEXT_BYTES - 1);
    e->texts[which][TEXT_BYTES - 1] = '\0';
}

static const char *kept(const struct entry *e, int which, const char *was)
{
    return was != NULL ? e->texts[which] : NULL;
}

static int log_request(void *self, const struct request_record *row)
{
    struct entry *e = add(self, ROW_REQUEST);
    if (e == NULL)
        return ERR_MEMORY;
    e->row.request = *row;
    keep_text(e, 0, row->tx_image);
    keep_text(e, 1, row->rx_image);
    keep_text(e, 2, row->resolution);
    return 0;
}

static int log_ue(void *self, const struct ue_record *row)
{
    struct entry *e = add(self, ROW_UE);
    if (e == NULL)
        return ERR_MEMORY;
    e->row.ue = *row;
    keep_text(e, 0, row->tx_image_resolution);
    keep_text(e, 1, row->rx_image_resolution);
    return 0;
}

static int log_ran(void *self, const struct ran_record *row)
{
    struct entry *e = add(self, ROW_RAN);
    if (e == NULL)
        return ERR_MEMORY;
    e->row.ran = *row;
    return 0;
}

static int log_server(void *self, const struct server_record *row)
{
    struct entry *e = add(self, ROW_SERVER);
    if (e == NULL)
        return ERR_MEMORY;
    e->row.server = *row;
    return 0;
}

struct record_sink row_log_sink(struct row_log *log, const struct record_sink *wants)
{
    return (struct record_sink){.self = log,
                                .request = wants->request != NULL ? log_request : NULL,
                                .ue = wants->ue != NULL ? log_ue : NULL,
                                .ran = wants->ran != NULL ? log_ran : NULL,
                                .server = wants->server != NULL ? log_server : NULL};
}

static int give(const struct entry *e, const struct record_sink *sink)
{
    switch (e->kind) {
    case ROW_REQUEST: {
        struct request_record row = e->row.request;
        row.tx_image = kept(e, 0, row.tx_image);
        row.rx_image = kept(e, 1, row.rx_image);
        row.resolution = kept(e, 2, row.resolution);
        return sink->request(sink->self, &row);
    }
    case ROW_UE: {
        struct ue_record row = e->row.ue;
        row.tx_image_resolution = kept(e, 0, row.tx_image_resolution);
        row.rx_image_resolution = kept(e, 1, row.rx_image_resolution);
        return sink->ue(sink->self, &row);
    }
    case ROW_RAN:
        return sink->ran(sink->self, &e->row.ran);
    case ROW_SERVER:
        return sink->server(sink->self, &e->row.server);
    }
    return 0;
}

int row_log_empty(struct row_log *log, const struct record_sink *sink)
{
    int rc = 0;
    for (size_t at = 0; at < log->used && rc == 0; at += sizeof(struct entry))
        rc = give((const struct entry *)(const void *)(log->bytes + at), sink);
    log->used = 0;
    return rc;
}

void row_log_free(struct row_log *log)
{
    free(log->bytes);
    *log = (struct row_log){0};
}
