/* runtime.c - CUDA's runtime without a GPU: memory is the host's, work is done when it is queued,
 * events read the clock. A captured stream's work is done at once and its graph does nothing. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/kernels/emulate/cuda_runtime_api.h"

struct emulate_event {
    struct timespec at;
};

struct emulate_machine emulate_machine = {1, 9, 0, cudaSuccess, (size_t)1 << 32};

static char token[1]; /* what handles point to */

const char *cudaGetErrorString(cudaError_t rc)
{
    return rc == cudaErrorMemoryAllocation     ? "out of memory"
           : rc == cudaErrorInsufficientDriver ? "CUDA driver version is insufficient"
                                               : "invalid device ordinal";
}

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = emulate_machine.devices;
    return emulate_machine.count_error;
}

cudaError_t cudaSetDevice(int index)
{
    return index < emulate_machine.devices ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int index)
{
    *value = attribute == cudaDevAttrMultiProcessorCount      ? 2
             : attribute == cudaDevAttrL2CacheSize            ? 1 << 20
             : attribute == cudaDevAttrComputeCapabilityMajor ? emulate_machine.major
                                                              : emulate_machine.minor;
    return cudaSetDevice(index);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int index)
{
    strcpy(properties->name, "emulated GPU");
    return cudaSetDevice(index);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *bytes)
{
    *free_bytes = *bytes = emulate_machine.memory_most;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    *memory = bytes > emulate_machine.memory_most ? NULL : malloc(bytes);
    if (*memory != NULL) { /* a GPU's memory holds what was there before */
        memset(*memory, 0xff, bytes);
    }
    return *memory != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void *memory)
{
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    (void)stream;
    memset(to, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    (void)stream;
    (void)kind;
    memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    (void)flags;
    *stream = (cudaStream_t)(void *)token;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    *event = calloc(1, sizeof **event);
    return *event != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    free(event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    (void)stream;
    clock_gettime(CLOCK_MONOTONIC, &event->at);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    (void)event;
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    *ms = (float)((double)(to->at.tv_sec - from->at.tv_sec) * 1e3 +
                  (double)(to->at.tv_nsec - from->at.tv_nsec) / 1e6);
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    (void)stream;
    (void)mode;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    (void)stream;
    *graph = (cudaGraph_t)(void *)token;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *run, cudaGraph_t graph,
                                          unsigned long long flags)
{
    (void)flags;
    *run = graph;
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t run, cudaStream_t stream)
{
    return cudaGraphLaunch(run, stream);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t run, cudaStream_t stream)
{
    (void)run;
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t run)
{
    (void)run;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    (void)graph;
    return cudaSuccess;
}
