/* backend_load.c - opens a backend's module. */
#include "bench/kernels/backend_load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/data_dir.h"

int backend_load(const char *word, int index, struct kernel_backend *b, struct err *e)
{
    *b = (struct kernel_backend){0};
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "kernels_%s.so", word);
    bool found = data_dir_module(name, path, sizeof path) == 0;
    if (!found) {
        bool cpu = strcmp(word, "cpu") == 0;
        return err_work(e, NULL, NULL, "this build has no kernels for %s; %s",
                        cpu ? "the CPU" : "CUDA",
                        cpu ? "install libopenblas-dev and run make again"
                            : "install NVIDIA's CUDA toolkit (nvcc) and run make again, or use "
                              "--cpu");
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
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
