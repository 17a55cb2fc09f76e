// Workers wait on a generation counter: spinning a while, because the next layer's loop usually comes within
// microseconds, then asleep. Iterations are handed out one by one from a shared counter, so that a thread that is slow, or
// was preempted, takes fewer.
#include "include/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 4000 };  // some 20 to 100 µs, by the CPU's pause instruction

typedef struct {
  thread_pool *pool;
  size_t index;
} worker;

struct thread_pool {
  // What the current loop is; written by the caller before it publishes a generation.
  thread_pool_task task;
  void *context;
  size_t count;

  _Alignas(64) atomic_size_t next;        // the first iteration nobody has taken
  _Alignas(64) atomic_size_t running;     // workers that have not finished the current loop
  _Alignas(64) atomic_uint generation;    // grows by one per loop
  atomic_bool stopping;
  bool caller_asleep;                     // guarded by `mutex`, as the two conditions
  unsigned sleepers;

  pthread_mutex_t mutex;
  pthread_cond_t work_arrived;
  pthread_cond_t work_done;
  size_t size;
  pthread_t *threads;
  worker *workers;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#else
  atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void run_iterations(thread_pool *pool, size_t thread) {
  const size_t count = pool->count;
  for (;;) {
    const size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (index >= count) return;
    pool->task(pool->context, index, thread);
  }
}

// Returns when the generation is no longer `seen`.
static unsigned await_generation(thread_pool *pool, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    const unsigned generation = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (generation != seen) return generation;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  pool->sleepers++;
  unsigned generation;
  while ((generation = atomic_load_explicit(&pool->generation, memory_order_acquire)) == seen) {
    pthread_cond_wait(&pool->work_arrived, &pool->mutex);
  }
  pool->sleepers--;
  pthread_mutex_unlock(&pool->mutex);
  return generation;
}

static void *worker_main(void *argument) {
  const worker *self = argument;
  thread_pool *pool = self->pool;
  unsigned seen = 0;
  for (;;) {
    seen = await_generation(pool, seen);
    if (atomic_load_explicit(&pool->stopping, memory_order_relaxed)) return NULL;
    run_iterations(pool, self->index);
    if (atomic_fetch_sub_explicit(&pool->running, 1, memory_order_acq_rel) == 1) {
      pthread_mutex_lock(&pool->mutex);
      if (pool->caller_asleep) pthread_cond_signal(&pool->work_done);
      pthread_mutex_unlock(&pool->mutex);
    }
  }
}

// Publishes what the caller has written and wakes who sleeps. The counter grows under the mutex, so that a worker which
// has just found it unchanged is either still spinning or already waiting for the signal.
static void start_generation(thread_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  const bool wake = pool->sleepers > 0;
  pthread_mutex_unlock(&pool->mutex);
  if (wake) pthread_cond_broadcast(&pool->work_arrived);
}

void thread_pool_run(thread_pool *pool, size_t count, thread_pool_task task, void *context) {
  if (pool->size == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->count = count;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->running, pool->size - 1, memory_order_relaxed);
  start_generation(pool);
  run_iterations(pool, 0);
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&pool->running, memory_order_acquire) == 0) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  pool->caller_asleep = true;
  while (atomic_load_explicit(&pool->running, memory_order_acquire) != 0) {
    pthread_cond_wait(&pool->work_done, &pool->mutex);
  }
  pool->caller_asleep = false;
  pthread_mutex_unlock(&pool->mutex);
}

static void stop_workers(thread_pool *pool, size_t started) {
  atomic_store_explicit(&pool->stopping, true, memory_order_relaxed);
  start_generation(pool);
  for (size_t i = 0; i < started; i++) pthread_join(pool->threads[i], NULL);
}

thread_pool *thread_pool_create(size_t size) {
  if (size == 0) size = 1;
  thread_pool *pool = NULL;
  if (size > SIZE_MAX / sizeof(worker) || posix_memalign((void **)&pool, 64, sizeof *pool) != 0) return NULL;
  *pool = (thread_pool){.size = size};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work_arrived, NULL);
  pthread_cond_init(&pool->work_done, NULL);
  pool->threads = calloc(size, sizeof *pool->threads);
  pool->workers = calloc(size, sizeof *pool->workers);
  size_t started = 0;
  while (pool->threads && pool->workers && started + 1 < size) {
    pool->workers[started] = (worker){pool, started + 1};
    if (pthread_create(&pool->threads[started], NULL, worker_main, &pool->workers[started]) != 0) break;
    started++;
  }
  if (started + 1 == size && pool->threads && pool->workers) return pool;
  pool->size = started + 1;
  thread_pool_destroy(pool);
  return NULL;
}

void thread_pool_destroy(thread_pool *pool) {
  if (!pool) return;
  stop_workers(pool, pool->size - 1);
  pthread_cond_destroy(&pool->work_done);
  pthread_cond_destroy(&pool->work_arrived);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->workers);
  free(pool->threads);
  free(pool);
}

size_t thread_pool_size(const thread_pool *pool) { return pool->size; }

// CPUs' worth of time that the cgroup file(s) grant, rounded up; `none` when they do not limit it.
static size_t quota_processors(size_t none) {
  long long quota = -1, period = 0;
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");  // version 2: "max 100000" or "150000 100000"
  if (file) {
    if (fscanf(file, "%lld %lld", &quota, &period) != 2) quota = -1;
    fclose(file);
  } else {
    file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
    if (file && fscanf(file, "%lld", &quota) != 1) quota = -1;
    if (file) fclose(file);
    file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
    if (file && fscanf(file, "%lld", &period) != 1) period = 0;
    if (file) fclose(file);
  }
  if (quota <= 0 || period <= 0) return none;
  return (size_t)((quota + period - 1) / period);
}

size_t thread_pool_available_processors(void) {
  cpu_set_t set;
  size_t count = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    count = (size_t)CPU_COUNT(&set);
  } else {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online > 0) count = (size_t)online;
  }
  const size_t quota = quota_processors(count);
  count = quota < count ? quota : count;
  return count ? count : 1;
}
