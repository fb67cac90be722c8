/* NVML for GPUs that do not exist: the part that paddlemodel-server calls, for the real nvidia-ml-py to load.
 *
 * Two variables say what there is, and both are read again at every call, so anything can change under a running
 * program:
 *
 * SIMULATED_NVML   a text file, to be replaced by rename: it is read at any time. Without it the devices are those of
 *   NVIDIA_VISIBLE_DEVICES, with util=load.
 *   driver KEY=VALUE…   error=CODE: what every call answers; hang=1: no call returns while this stands
 *   uuid=… KEY=VALUE…   one line per device, in the order of their indexes:
 *     util=N|load|none  percent; `load`: the share of time that processes spent in runs (below); none: not supported
 *     used=, total=     bytes of memory; defaults 1 GiB of 80 GiB
 *     mig=0|1|none      MIG mode; its instances are lines with parent=INDEX
 *     error=CODE        what every call on this device answers, 15 for a lost GPU
 *     hang=1            no call on this device returns while this stands
 *     temperature=, power=, ecc=   degrees, milliwatts, errors; or none
 *     processes=N|none  compute processes; default: those of SIMULATED_GPU_DIR that use the device
 *
 * SIMULATED_GPU_DIR   (/tmp/simulated-gpu) has a file for each process on a GPU, named by its number, of two
 *   little-endian uint64: nanoseconds spent in ended runs, and when the current run began on CLOCK_MONOTONIC, or 0.
 *   Whose device that is: the first entry of CUDA_VISIBLE_DEVICES with which the process was started, else index 0.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, BAD_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, DEVICES = 64, LINE = 512 };

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int gpu, memory; } Utilization;

static char lines[DEVICES][LINE];
static char driver[LINE];
static int count;

/* --- what there is ------------------------------------------------------------------------------------------ */

static void keep(const char *line, size_t length) {
    if (length >= LINE) length = LINE - 1;
    if (length >= 6 && !strncmp(line, "driver", 6)) {
        memcpy(driver, line, length);
        driver[length] = 0;
    } else if (length >= 5 && !strncmp(line, "uuid=", 5) && count < DEVICES) {
        memcpy(lines[count], line, length);
        lines[count++][length] = 0;
    }
}

static ssize_t contents(const char *path, char *into, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t length = 0;
    ssize_t got;
    while (length < size && (got = read(file, into + length, size - length)) > 0) length += got;
    close(file);
    return length;
}

static void refresh(void) {
    static char text[DEVICES * LINE];
    char line[LINE];
    const char *path = getenv("SIMULATED_NVML"), *visible = getenv("NVIDIA_VISIBLE_DEVICES");
    count = 0;
    driver[0] = 0;
    if (path) {
        ssize_t length = contents(path, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        for (char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') keep(at, strcspn(at, "\n"));
        return;
    }
    for (const char *at = visible ? visible : ""; *at; at += strcspn(at, ","), at += *at == ',') {
        int length = strcspn(at, ",:"); /* a shared device's replica is named GPU-…::2 */
        snprintf(line, sizeof line, "uuid=%.*s util=load", length, at);
        int known = 0;
        for (int i = 0; i < count; i++) known |= !strcmp(lines[i], line);
        if (length && !known) keep(line, strlen(line));
    }
}

/* The value of a key in a line, in a buffer; the default where the line has none. */
static const char *value(const char *line, const char *key, const char *otherwise, char *into) {
    size_t length = strlen(key);
    for (const char *at = line; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        if (!strncmp(at, key, length) && at[length] == '=') {
            snprintf(into, LINE, "%.*s", (int)strcspn(at + length + 1, " \r"), at + length + 1);
            return into;
        }
    }
    return otherwise;
}

static unsigned long long number(const char *text) {
    unsigned long long found = 0; /* not strtoull: new headers bind it to a new C library, containers may have an old one */
    for (; *text >= '0' && *text <= '9'; text++) found = found * 10 + (*text - '0');
    return found;
}

static unsigned long long number_of(const char *line, const char *key, const char *otherwise) {
    char text[LINE];
    return number(value(line, key, otherwise, text));
}

static int is_none(const char *line, const char *key) {
    char text[LINE];
    return !strcmp(value(line, key, "", text), "none");
}

static void nap(void) {
    struct timespec moment = {0, 10000000};
    nanosleep(&moment, NULL);
}

/* What a call answers before it looks at anything else; it hangs here. */
static int driver_answer(void) {
    for (refresh(); number_of(driver, "hang", "0"); refresh()) nap();
    return number_of(driver, "error", "0");
}

static int is_instance(int device) {
    char text[LINE];
    return *value(lines[device], "parent", "", text) != 0;
}

/* The same for a call on a device; a handle is the number of the device's line plus one. */
static int answer(const void *handle, int *device) {
    int said = driver_answer();
    *device = (int)(intptr_t)handle - 1;
    if (said) return said;
    if (*device < 0 || *device >= count) return BAD_ARGUMENT;
    while (number_of(lines[*device], "hang", "0")) {
        nap();
        refresh();
        if (*device >= count) return BAD_ARGUMENT;
    }
    return number_of(lines[*device], "error", "0");
}

static int nth(int wanted, int instances_of) {
    char text[LINE];
    for (int i = 0; i < count; i++) {
        const char *parent = value(lines[i], "parent", "", text);
        int fits = instances_of < 0 ? !*parent : *parent && (int)number(parent) == instances_of;
        if (fits && !wanted--) return i;
    }
    return -1;
}

static int index_of(int device) {
    int index = 0;
    for (int i = 0; i < device; i++) index += !is_instance(i);
    return index;
}

/* --- processes ---------------------------------------------------------------------------------------------- */

/* Whether a process was started for this device. */
static int uses(const char *pid, int device) {
    static char environment[1 << 17];
    char path[300], uuid[LINE];
    const char *spec = "0", *key = "CUDA_VISIBLE_DEVICES=";
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    ssize_t length = contents(path, environment, sizeof environment - 1);
    if (length < 0) return -1; /* it has ended */
    environment[length] = 0;
    for (char *at = environment; at < environment + length; at += strlen(at) + 1)
        if (!strncmp(at, key, strlen(key)) && at[strlen(key)]) spec = at + strlen(key);
    if (*spec >= '0' && *spec <= '9') return (int)number(spec) == index_of(device);
    size_t name = strcspn(spec, ",:");
    value(lines[device], "uuid", "", uuid);
    return strlen(uuid) == name && !strncmp(spec, uuid, name);
}

/* The nanoseconds that a device's processes have spent in runs, and how many processes there are. */
static uint64_t busy(int device, unsigned int *processes) {
    const char *folder = getenv("SIMULATED_GPU_DIR");
    char path[LINE];
    struct timespec clock;
    uint64_t cells[2], sum = 0, now;
    struct dirent *entry;
    if (!folder) folder = "/tmp/simulated-gpu";
    DIR *directory = opendir(folder);
    *processes = 0;
    if (!directory) return 0;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    now = clock.tv_sec * UINT64_C(1000000000) + clock.tv_nsec;
    while ((entry = readdir(directory))) {
        if (*entry->d_name < '1' || *entry->d_name > '9' || uses(entry->d_name, device) != 1) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (contents(path, (char *)cells, sizeof cells) != sizeof cells) continue;
        *processes += 1;
        sum += cells[0] + (cells[1] && cells[1] < now ? now - cells[1] : 0);
    }
    closedir(directory);
    return sum;
}

/* Percent of the time since the last call, which NVML measures over up to a second. */
static unsigned int load(int device) {
    static struct { uint64_t at, busy; unsigned int percent; } last[DEVICES];
    struct timespec clock;
    unsigned int processes;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    uint64_t now = clock.tv_sec * UINT64_C(1000000000) + clock.tv_nsec, sum = busy(device, &processes);
    if (last[device].at && now - last[device].at < 100000000) return last[device].percent;
    uint64_t done = sum > last[device].busy ? sum - last[device].busy : 0; /* less: a process has ended */
    if (last[device].at) last[device].percent = done * 100 / (now - last[device].at);
    if (last[device].percent > 100) last[device].percent = 100;
    last[device].at = now;
    last[device].busy = sum;
    return last[device].percent;
}

/* --- NVML --------------------------------------------------------------------------------------------------- */

int nvmlInitWithFlags(unsigned int flags) { (void)flags; return driver_answer(); }
int nvmlInit_v2(void) { return driver_answer(); }
int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int code) { return code == OK ? "Success" : "an error of the simulated NVML"; }

int nvmlDeviceGetCount_v2(unsigned int *devices) {
    int said = driver_answer();
    *devices = 0;
    for (int i = 0; i < count; i++) *devices += !is_instance(i);
    return said;
}

static int handle_of(int device, void **handle) {
    if (device < 0) return NOT_FOUND;
    *handle = (void *)(intptr_t)(device + 1);
    return answer(*handle, &device);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    int said = driver_answer(), device = nth(index, -1);
    return said ? said : device < 0 ? BAD_ARGUMENT : handle_of(device, handle);
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned int *instances) {
    int device, said = answer(handle, &device);
    for (*instances = 0; !said && nth(*instances, index_of(device)) >= 0;) *instances += 1;
    return said;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned int index, void **instance) {
    int device, said = answer(handle, &device);
    return said ? said : handle_of(nth(index, index_of(device)), instance);
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned int size) {
    int device, said = answer(handle, &device);
    char text[LINE];
    if (!said) snprintf(uuid, size, "%s", value(lines[device], "uuid", "", text));
    return said;
}

int nvmlDeviceGetMigMode(void *handle, unsigned int *current, unsigned int *pending) {
    int device, said = answer(handle, &device);
    if (said) return said;
    *current = *pending = number_of(lines[device], "mig", "0");
    return is_none(lines[device], "mig") ? NOT_SUPPORTED : OK;
}

int nvmlDeviceGetUtilizationRates(void *handle, Utilization *rates) {
    int device, said = answer(handle, &device);
    char text[LINE];
    if (said) return said;
    if (is_none(lines[device], "util") || is_instance(device) || number_of(lines[device], "mig", "0"))
        return NOT_SUPPORTED; /* as on a real GPU in MIG mode */
    const char *util = value(lines[device], "util", "load", text);
    rates->gpu = strcmp(util, "load") ? number(util) : load(device);
    rates->memory = 0;
    return OK;
}

int nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    int device, said = answer(handle, &device);
    if (said) return said;
    if (is_none(lines[device], "total")) return NOT_SUPPORTED;
    memory->total = number_of(lines[device], "total", "85899345920");
    memory->used = number_of(lines[device], "used", "1073741824");
    memory->free = memory->total - memory->used;
    return OK;
}

static int reading(void *handle, const char *key, const char *otherwise, unsigned long long *into) {
    int device, said = answer(handle, &device);
    if (said) return said;
    *into = number_of(lines[device], key, otherwise);
    return is_none(lines[device], key) ? NOT_SUPPORTED : OK;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned int *degrees) {
    unsigned long long found = 0;
    int said = sensor ? BAD_ARGUMENT : reading(handle, "temperature", "40", &found);
    *degrees = found;
    return said;
}

/* The form of newer drivers: version, sensor, degrees. */
int nvmlDeviceGetTemperatureV(void *handle, unsigned int *temperature) {
    return nvmlDeviceGetTemperature(handle, temperature[1], &temperature[2]);
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts) {
    unsigned long long found = 0;
    int said = reading(handle, "power", "60000", &found);
    *milliwatts = found;
    return said;
}

int nvmlDeviceGetTotalEccErrors(void *handle, int kind, int counter, unsigned long long *errors) {
    (void)kind, (void)counter;
    return reading(handle, "ecc", "0", errors);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *size, void *into) {
    int device, said = answer(handle, &device);
    char text[LINE];
    unsigned int found;
    if (said) return said;
    const char *spec = value(lines[device], "processes", "", text);
    if (!strcmp(spec, "none")) return NOT_SUPPORTED;
    busy(device, &found);
    if (*spec) found = number(spec);
    unsigned int room = *size;
    *size = found;
    if (room < found) return TOO_SMALL;
    if (into) memset(into, 0, found * 24); /* pid, memory and instances: those of the host, which tell nothing here */
    return OK;
}
