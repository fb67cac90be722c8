/* The smallest NVML that the real bindings accept: FAKE_NVML_DEVICES devices, no C library needed. */
typedef struct { unsigned int gpu, memory; } utilization;

#ifndef FAKE_NVML_DEVICES
#define FAKE_NVML_DEVICES 2
#endif
#define SUCCESS 0
#define INVALID_ARGUMENT 2

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = FAKE_NVML_DEVICES;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index >= FAKE_NVML_DEVICES) return INVALID_ARGUMENT;
    *device = (void *)(unsigned long)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
    rates->gpu = 40 + (unsigned int)(unsigned long)device;
    rates->memory = 10;
    return SUCCESS;
}
