/* Stands between a program and its host: moves the wall clock, and lets the disk fail.
 * What it does stands in a shared file of three numbers that a test writes while the program runs:
 * the seconds to add to the wall clock, the error of writes and that of syncs (0 for none), both
 * for files below the folder SHIM_FOLDER only. Built by tests/src/shim.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct orders { int64_t seconds, write_error, sync_error; };

static volatile struct orders *orders;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_ORDERS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof *orders, PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) orders = at;
    close(fd);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && orders) now->tv_sec += orders->seconds;
    return result;
}

/* Tells whether a file is one of those that may fail. */
static int is_ours(int fd) {
    const char *folder = getenv("SHIM_FOLDER");
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0 || !folder) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(int64_t error, int fd) {
    if (!error || !is_ours(fd)) return 0;
    errno = (int)error;
    return 1;
}

ssize_t write(int fd, const void *from, size_t count) {
    REAL(write);
    return orders && fails(orders->write_error, fd) ? -1 : real(fd, from, count);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    REAL(pwrite64);
    if (orders && orders->write_error && is_ours(fd)) {
        /* A disk fills up in the middle of a write: half of it arrives. */
        if (orders->write_error == ENOSPC && count > 1) real(fd, from, count / 2, at);
        errno = (int)orders->write_error;
        return -1;
    }
    return real(fd, from, count, at);
}

int fsync(int fd) {
    REAL(fsync);
    return orders && fails(orders->sync_error, fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return orders && fails(orders->sync_error, fd) ? -1 : real(fd);
}
