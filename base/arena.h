/* arena.h - memory that is freed together.
 *
 * A scenario, a model card or a policy's options are read once, live as long as their owner and
 * go in one piece. Returned memory is zeroed and aligned for any type.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* NULL: empty; zero-initialise to make an empty arena */
    size_t used;              /* bytes used in the head block */
};

/* Zeroed memory of `bytes` bytes (0 gives a valid pointer), or NULL when there is none left. */
void *arena_alloc(struct arena *a, size_t bytes);

/* Zeroed memory for n items of `bytes` bytes each; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t bytes);

/* Bytes of a cache line of x86-64 and most ARM processors. Where it is another, layouts that go by
 * it cost time and nothing else. */
#define CACHE_LINE 64

/* The same, beginning with a cache line: for items that are made of whole ones. */
void *arena_lines(struct arena *a, size_t n, size_t bytes);

/* A copy of `text`, or NULL. */
char *arena_strdup(struct arena *a, const char *text);

/* Frees everything; the arena may be used again. */
void arena_free(struct arena *a);

#endif
