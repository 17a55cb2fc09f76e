// The operating system, as the Swift modules see it: files, clock, environment, standard streams.
//
// Everything a device-side module needs from libc goes through here, because Embedded Swift has no libc module for
// bare triples. Functions that can fail return 0 on success and an `errno` value otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A read-only view of a whole file.
typedef struct {
  const uint8_t *_Nullable base;  // null when the file is empty
  size_t count;                   // bytes
} platform_mapping;

// Maps the regular file at `path`. A directory gives EISDIR, anything else that is no regular file EINVAL.
int platform_map_file(const char *_Nonnull path, platform_mapping *_Nonnull result);
void platform_unmap(platform_mapping mapping);
// Gives back the memory of the whole pages in a part of a mapping; they are read from the file again when touched.
void platform_release(const void *_Nonnull start, size_t count);

// Writes `count` bytes so that `path` holds either its old contents or all of the new ones, whatever happens in
// between: temporary file in the same folder, fsync, rename, fsync of the folder.
int platform_write_file_atomically(const char *_Nonnull path, const void *_Nullable bytes, size_t count);

// The system's text for an `errno` value, never null.
const char *_Nonnull platform_error_text(int error);

// `count` bytes on a 64-byte boundary, not initialized; at least 1 byte. Null when there is no memory.
void *_Nullable platform_allocate(size_t count);
// Gives back the whole pages in a part of it that nobody will use.
void platform_give_back(void *_Nonnull start, size_t count);
void platform_free(void *_Nullable memory);

// Nanoseconds of a clock that never goes backwards.
uint64_t platform_monotonic_nanoseconds(void);

// Peak resident set size of this process in bytes, 0 where the system does not tell.
size_t platform_peak_memory_bytes(void);

// The value of an environment variable, or null.
const char *_Nullable platform_environment(const char *_Nonnull name);

// Command-line arguments of this process, `platform_argument(0)` being the program's name. Null past the end.
int platform_argument_count(void);
const char *_Nullable platform_argument(int index);

// Writes all of `bytes` to file descriptor `descriptor` (1 standard output, 2 standard error).
int platform_write(int descriptor, const void *_Nullable bytes, size_t count);
// Reads what file descriptor `descriptor` (0 standard input) has ready, at most `count` bytes: their number, 0 at the end,
// or the negative error number.
ptrdiff_t platform_read(int descriptor, void *_Nonnull bytes, size_t count);
bool platform_is_terminal(int descriptor);

void platform_exit(int status) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
