/* backend_load.c - finds and opens a backend's module: beside the program, in the folder above it
 * (bench programs), or where it was installed. */
#include "bench/kernels/backend_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool module_open(const char *dir, const char *between, const char *word, void **module)
{
    char path[1200];
    snprintf(path, sizeof path, "%s%s/kernels_%s.so", dir, between, word);
    if (access(path, R_OK) != 0) {
        return false;
    }
    *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return true;
}

static bool program_dir(char *dir, size_t bytes)
{
    ssize_t n = readlink("/proc/self/exe", dir, bytes - 1);
    if (n <= 0) {
        return false;
    }
    dir[n] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

int backend_load(const char *word, int index, struct kernel_backend *b, struct err *e)
{
    *b = (struct kernel_backend){0};
    void *module = NULL;
    char dir[1024];
    bool found = program_dir(dir, sizeof dir) &&
                 (module_open(dir, "", word, &module) || module_open(dir, "/..", word, &module));
    found = found || module_open(WILLMSIM_PREFIX, "/lib/willmsim", word, &module);
    if (!found) {
        bool cpu = strcmp(word, "cpu") == 0;
        return err_work(e, NULL, NULL, "this build has no kernels for %s; %s",
                        cpu ? "the CPU" : "CUDA",
                        cpu ? "install libopenblas-dev and run make again"
                            : "install NVIDIA's CUDA toolkit (nvcc) and run make again, or use "
                              "--cpu");
    }
    if (module == NULL) {
        return err_work(e, NULL, NULL, "cannot load the kernels for %s: %s", word, dlerror());
    }
    kernel_open_function *open_backend = NULL;
    void *symbol = dlsym(module, KERNEL_OPEN_NAME);
    memcpy(&open_backend, &symbol, sizeof open_backend); /* POSIX's way from object to function */
    if (open_backend == NULL || !open_backend(b, index)) {
        return err_work(e, NULL, NULL, "no %s device %d: %s",
                        strcmp(word, "cpu") == 0 ? "CPU" : "CUDA", index,
                        b->error[0] != '\0' ? b->error : "the module is of another version");
    }
    return 0;
}
