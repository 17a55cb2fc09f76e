#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int platform_map_file(const char *path, platform_mapping *result) {
  // O_NONBLOCK: opening a FIFO nobody writes to must give an error, not hang.
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return errno;
  struct stat status;
  int error = 0;
  if (fstat(file, &status) != 0) {
    error = errno;
  } else if (S_ISDIR(status.st_mode)) {
    error = EISDIR;
  } else if (!S_ISREG(status.st_mode)) {
    error = EINVAL;
  } else if ((uint64_t)status.st_size > (uint64_t)PTRDIFF_MAX) {
    error = EFBIG;
  } else if (status.st_size == 0) {
    *result = (platform_mapping){NULL, 0};
  } else {
    void *base = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (base == MAP_FAILED) {
      error = errno;
    } else {
      *result = (platform_mapping){base, (size_t)status.st_size};
    }
  }
  close(file);
  return error;
}

void platform_unmap(platform_mapping mapping) {
  if (mapping.base != NULL) munmap((void *)mapping.base, mapping.count);
}

// Advises the system of the whole pages in a part of memory.
static void advise(const void *start, size_t count, int advice) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t first = ((uintptr_t)start + page - 1) / page * page, end = ((uintptr_t)start + count) / page * page;
  if (first < end) madvise((void *)first, end - first, advice);
}

void platform_release(const void *start, size_t count) { advise(start, count, MADV_DONTNEED); }

int platform_write(int descriptor, const void *bytes, size_t count) {
  const uint8_t *next = bytes;
  while (count > 0) {
    ssize_t written = write(descriptor, next, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    next += written;
    count -= (size_t)written;
  }
  return 0;
}

ptrdiff_t platform_read(int descriptor, void *bytes, size_t count) {
  for (;;) {
    const ssize_t got = read(descriptor, bytes, count);
    if (got >= 0 || errno != EINTR) return got >= 0 ? got : -(ptrdiff_t)errno;
  }
}

// Makes the rename itself durable. Some file systems refuse fsync on a folder; the data is safe all the same.
static void sync_folder_of(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (length >= sizeof folder) return;
  memcpy(folder, path, length);
  folder[length] = '\0';
  int descriptor = open(slash == NULL ? "." : (length == 0 ? "/" : folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

int platform_write_file_atomically(const char *path, const void *bytes, size_t count) {
  struct stat status;
  bool exists = stat(path, &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return EISDIR;

  // A device or a pipe (/dev/stdout, /dev/full) cannot be replaced by a rename: write to it directly.
  if (exists && !S_ISREG(status.st_mode)) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    int error = platform_write(file, bytes, count);
    if (close(file) != 0 && error == 0) error = errno;
    return error;
  }

  char temporary[PATH_MAX];
  int length = snprintf(temporary, sizeof temporary, "%s.tmp-XXXXXX", path);
  if (length < 0 || (size_t)length >= sizeof temporary) return ENAMETOOLONG;
  int file = mkostemp(temporary, O_CLOEXEC);
  if (file < 0) return errno;

  // mkstemp's 0600 is too private for a model file: keep the old file's mode, or what the umask gives a new one.
  mode_t mask = umask(0);
  umask(mask);
  int error = fchmod(file, exists ? (status.st_mode & 07777) : (0666 & ~mask)) == 0 ? 0 : errno;
  if (error == 0) error = platform_write(file, bytes, count);
  if (error == 0 && fsync(file) != 0) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary, path) != 0) error = errno;
  if (error != 0) {
    unlink(temporary);
    return error;
  }
  sync_folder_of(path);
  return 0;
}

const char *platform_error_text(int error) {
  const char *text = strerror(error);
  return text == NULL ? "unknown error" : text;
}

void *platform_allocate(size_t count) {
  // Memory of whole huge pages comes in one fault instead of 512: a quarter of the time. A last one that is filled to three quarters
  // is taken too, and what is too much of it given back; less comes in small pages.
  const size_t huge = (size_t)2 << 20, rest = count % huge;
  const size_t large = count - rest + (rest >= huge / 4 * 3 && count <= SIZE_MAX - huge ? huge : 0);
  void *memory = NULL;
  if (posix_memalign(&memory, large > 0 ? huge : 64, large > count ? large : count > 0 ? count : 1) != 0) return NULL;
  if (large > 0) madvise(memory, large, MADV_HUGEPAGE);
  if (large > count) {
    char *const last = (char *)memory + large - huge;
    *(volatile char *)last = 0;
    platform_give_back((char *)memory + count, large - count);
  }
  return memory;
}

void platform_give_back(void *start, size_t count) {
  // In this order; or else the system soon joins what is left to a huge page again.
  advise(start, count, MADV_NOHUGEPAGE);
  advise(start, count, MADV_DONTNEED);
}

void platform_free(void *memory) { free(memory); }

uint64_t platform_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t platform_peak_memory_bytes(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

const char *platform_environment(const char *name) { return getenv(name); }

static int argument_count;
static char **arguments;

// glibc hands main's arguments to constructors; Embedded Swift has no CommandLine.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

int platform_argument_count(void) { return argument_count; }

const char *platform_argument(int index) {
  return index >= 0 && index < argument_count ? arguments[index] : NULL;
}

bool platform_is_terminal(int descriptor) { return isatty(descriptor) == 1; }

void platform_exit(int status) { _exit(status); }
