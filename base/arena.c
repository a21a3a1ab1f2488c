/* arena.c - blocks of zeroed memory in a list, newest first.
 *
 * A block is never moved, so pointers into an arena stay good until arena_free().
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = _Alignof(max_align_t), FIRST_BLOCK_BYTES = 4096 };

/* Blocks double up to this size: few mallocs for a big scenario, little waste for a small one. */
#define LARGEST_BLOCK_BYTES ((size_t)1 << 20)

struct arena_block {
    struct arena_block *older;
    size_t bytes; /* room in `data` */
    _Alignas(max_align_t) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (a->head == NULL || bytes > a->head->bytes - a->used) {
        size_t room = FIRST_BLOCK_BYTES;
        if (a->head != NULL) {
            room = a->head->bytes < LARGEST_BLOCK_BYTES ? 2 * a->head->bytes : LARGEST_BLOCK_BYTES;
        }
        room = room < bytes ? bytes : room;
        struct arena_block *block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        block->older = a->head;
        block->bytes = room;
        a->head = block;
        a->used = 0;
    }
    void *memory = a->head->data + a->used;
    a->used += bytes;
    return memory;
}

void *arena_array(struct arena *a, size_t n, size_t bytes)
{
    if (bytes != 0 && n > SIZE_MAX / bytes) {
        return NULL;
    }
    return arena_alloc(a, n * bytes);
}

void *arena_lines(struct arena *a, size_t n, size_t bytes)
{
    if (bytes != 0 && n > (SIZE_MAX - CACHE_LINE) / bytes) {
        return NULL;
    }
    unsigned char *memory = arena_alloc(a, n * bytes + CACHE_LINE);
    if (memory == NULL) {
        return NULL;
    }
    return memory + (CACHE_LINE - (uintptr_t)memory % CACHE_LINE) % CACHE_LINE;
}

char *arena_strdup(struct arena *a, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = arena_alloc(a, bytes);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

void arena_free(struct arena *a)
{
    struct arena_block *block = a->head;
    while (block != NULL) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    a->head = NULL;
    a->used = 0;
}
