// A pool of threads that share a loop's iterations.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct thread_pool thread_pool;

// One iteration. `thread` in 0 ..< thread_pool_size() says which of the pool's threads runs it, for workspaces.
typedef void (*thread_pool_task)(void *_Nullable context, size_t index, size_t thread);

// CPUs that this process may use: its affinity, cut to its cgroup's quota (rounded up). At least 1.
size_t thread_pool_available_processors(void);

// A pool of `size` threads, at least 1, of which the caller of `thread_pool_run` is one. Null when memory or threads
// run out.
thread_pool *_Nullable thread_pool_create(size_t size);
// Ends the threads. No run may be in progress.
void thread_pool_destroy(thread_pool *_Nullable pool);
size_t thread_pool_size(const thread_pool *_Nonnull pool);

// Calls `task` for every index in 0 ..< count, each once, and returns when all are done. Which thread runs which index
// is not determined. Allocates nothing. A pool runs one loop at a time: two threads of the program that compute at the
// same time need a pool each, and a task must not run its own pool. Each thread begins with the same part of 0 ..< count in
// every loop, thread 0 with the first, for the sake of caches.
void thread_pool_run(thread_pool *_Nonnull pool, size_t count, thread_pool_task _Nonnull task, void *_Nullable context);

#ifdef __cplusplus
}
#endif
