/* As much of NVML as the tests ask for: FAKE_NVML_DEVICES devices. It needs no C library. */
#ifndef FAKE_NVML_DEVICES
#define FAKE_NVML_DEVICES 2
#endif
#define SUCCESS 0

int nvmlInit_v2(void) { return SUCCESS; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = FAKE_NVML_DEVICES;
    return SUCCESS;
}
