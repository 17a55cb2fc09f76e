#include "allocation_counter.h"

#include <errno.h>
#include <stdatomic.h>

// glibc's own functions, under the names that it exports for this purpose.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

// Initial-exec, because other models may allocate on a thread's first access.
static _Thread_local __attribute__((tls_model("initial-exec"))) bool is_watched;
static atomic_size_t count;

static void note(void) {
  if (is_watched) atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

void allocation_counter_watch(bool watched) { is_watched = watched; }

size_t allocation_counter_count(void) { return atomic_load(&count); }

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
  note();
  return __libc_calloc(items, size);
}

void *realloc(void *memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *result = memalign(alignment, size);
  if (result == NULL) return ENOMEM;
  *memory = result;
  return 0;
}
