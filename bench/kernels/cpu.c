/* cpu.c - the kernels on a CPU: OpenMP threads, OpenBLAS inside each of them for what is large.
 *
 * Weights and KV are bf16, activations f32. This file has memory, clock and what a module exports;
 * cpu_linear.c and cpu_layer.c have the kernels. OpenBLAS runs one thread per call: two thread
 * pools on the same cores only wait for each other. It is looked up by name, since GSL brings a
 * slow library with the same functions.
 */
#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/kernels/cpu.h"

enum { ALIGNMENT = 64 };

cpu_sgemm_function *cpu_sgemm;

static bool blas_find(struct kernel_backend *b)
{
    void *blas = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *sgemm = blas == NULL ? NULL : dlsym(blas, "cblas_sgemm");
    void *threads = blas == NULL ? NULL : dlsym(blas, "openblas_set_num_threads");
    if (sgemm == NULL || threads == NULL) {
        snprintf(b->error, sizeof b->error, "cannot load OpenBLAS: %s", dlerror());
        return false;
    }
    void (*set_threads)(int n);
    memcpy(&cpu_sgemm, &sgemm, sizeof cpu_sgemm); /* POSIX's way from object to function */
    memcpy(&set_threads, &threads, sizeof set_threads);
    set_threads(1);
    return true;
}

bool cpu_scratch_reserve(struct kernel_backend *b, size_t floats)
{
    struct cpu *c = cpu_of(b);
    if (floats <= c->scratch_floats) {
        return true;
    }
    floats = (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    free(c->scratch);
    c->scratch = aligned_alloc(ALIGNMENT, floats * (size_t)c->threads * sizeof(float));
    c->scratch_floats = c->scratch == NULL ? 0 : floats;
    if (c->scratch == NULL) {
        snprintf(b->error, sizeof b->error, "out of memory for %zu numbers a thread", floats);
    }
    return c->scratch != NULL;
}

float *cpu_scratch(const struct cpu *c)
{
    return c->scratch + (size_t)omp_get_thread_num() * c->scratch_floats;
}

static void *cpu_alloc(struct kernel_backend *b, size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded > 0 ? rounded : ALIGNMENT);
    if (memory == NULL) {
        snprintf(b->error, sizeof b->error, "out of memory for %zu bytes", bytes);
        return NULL;
    }
    memset(memory, 0, rounded);
    return memory;
}

static void cpu_release(struct kernel_backend *b, void *memory)
{
    (void)b;
    free(memory);
}

static void cpu_write(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    memcpy(to, from, bytes);
}

static void cpu_copy(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    size_t part = bytes / (size_t)cpu_of(b)->threads + 1;
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < bytes; at += part) {
        memcpy((char *)to + at, (const char *)from + at, bytes - at < part ? bytes - at : part);
    }
}

static void cpu_act_write(struct kernel_backend *b, void *to, const float *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(float));
}

static void cpu_act_read(struct kernel_backend *b, float *to, const void *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(float));
}

static void cpu_ids_read(struct kernel_backend *b, int32_t *to, const int32_t *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(int32_t));
}

/* One thread is timed by the processor's time, which leaves out what other programs take of it;
 * of several threads only the wall clock tells how they wait for each other. */
static clockid_t cpu_clock(const struct cpu *c)
{
    return c->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
}

static void cpu_start(struct kernel_backend *b)
{
    struct cpu *c = cpu_of(b);
    clock_gettime(cpu_clock(c), &c->start);
}

static double cpu_stop(struct kernel_backend *b)
{
    struct timespec end;
    clock_gettime(cpu_clock(cpu_of(b)), &end);
    const struct timespec *start = &cpu_of(b)->start;
    return (double)(end.tv_sec - start->tv_sec) + (double)(end.tv_nsec - start->tv_nsec) / 1e9;
}

static void cpu_read_through(struct kernel_backend *b, const void *from, size_t bytes)
{
    const float *x = from;
    size_t n = bytes / sizeof(float);
    float sum = 0.0F;
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    cpu_of(b)->sink = sum;
}

/* What stands for a launch here: waking the threads for a loop of nothing and waiting for them. */
static double cpu_launch_s(struct kernel_backend *b, bool graph)
{
    enum { LOOPS = 1000 };
    if (graph) {
        return -1.0;
    }
    struct cpu *c = cpu_of(b);
    cpu_start(b);
    for (int i = 0; i < LOOPS; i++) {
#pragma omp parallel
        if (omp_get_thread_num() == 0) {
            c->sink = (float)i;
        }
    }
    return cpu_stop(b) / LOOPS;
}

static double cache_bytes(void)
{
    /* The kernel's own figure: libc's adds up what other cores of the package have. */
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    long kib = 0;
    if (f != NULL) {
        if (fscanf(f, "%ldK", &kib) != 1) {
            kib = 0;
        }
        fclose(f);
    }
    return kib > 0 ? (double)kib * 1024.0 : 32e6;
}

static void device_name(char *name, size_t bytes)
{
    snprintf(name, bytes, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

static void cpu_close(struct kernel_backend *b)
{
    free(cpu_of(b)->scratch);
    cpu_of(b)->scratch = NULL;
    cpu_of(b)->scratch_floats = 0;
}

kernel_open_function kernel_module_open;

bool kernel_module_open(struct kernel_backend *b, int index)
{
    static struct cpu cpu; /* one processor */
    if (index != 0) {
        snprintf(b->error, sizeof b->error, "there is one processor, number 0");
        return false;
    }
    cpu.threads = omp_get_max_threads();
    if (!blas_find(b)) {
        return false;
    }
    char name[80];
    device_name(name, sizeof name);
    snprintf(b->device, sizeof b->device, "%s, %d thread%s", name, cpu.threads,
             cpu.threads == 1 ? " (processor time)" : "s (wall time)");
    b->word = "cpu";
    b->memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    b->cache_bytes = cache_bytes();
    b->half_is_bf16 = true;
    b->has[KERNEL_HALF] = b->has[KERNEL_W8A16] = b->has[KERNEL_W4A16] = true;
    b->act_bytes = sizeof(float);
    b->multiprocessors = cpu.threads;
    b->close = cpu_close;
    b->state = &cpu;
    b->alloc = cpu_alloc;
    b->release = cpu_release;
    b->write = cpu_write;
    b->copy = cpu_copy;
    b->act_write = cpu_act_write;
    b->act_read = cpu_act_read;
    b->ids_read = cpu_ids_read;
    b->start = cpu_start;
    b->stop = cpu_stop;
    b->read_through = cpu_read_through;
    b->linear = cpu_linear;
    b->embed = cpu_embed;
    b->norm = cpu_norm;
    b->rotate_store = cpu_rotate_store;
    b->attend_prompt = cpu_attend_prompt;
    b->attend_decode = cpu_attend_decode;
    b->gate = cpu_gate;
    b->add = cpu_add;
    b->sample = cpu_sample;
    b->launch_s = cpu_launch_s;
    return true;
}
