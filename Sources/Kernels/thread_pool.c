// A loop is open from the moment the caller publishes it until the caller has found no iteration left. Workers that come
// in between join and take iterations one by one from a shared counter, so that a slow thread takes fewer; the caller
// waits for those that joined, and only for them: a worker that the system has not woken yet delays nobody. Between
// loops workers spin a while, because the next layer usually comes within microseconds, then sleep.
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

// `state` of a pool: the loop's number (modulo 2^16), whether it is open, and how many workers have joined.
enum { JOINED = 0x7FFF, OPEN = 0x8000, NUMBER_SHIFT = 16 };

struct thread_pool {
  // What the current loop is; written by the caller before it opens it.
  thread_pool_task task;
  void *context;
  size_t count;

  _Alignas(64) atomic_size_t next;  // the first iteration nobody has taken
  _Alignas(64) atomic_uint_least32_t state;
  atomic_bool stopping;

  pthread_mutex_t mutex;  // guards the two below, for their conditions
  unsigned sleeping_workers;
  bool caller_sleeps;
  pthread_cond_t loop_opened;
  pthread_cond_t all_left;

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

// Whether there is a loop to join, or an end to notice, for a worker whose last loop was number `last`.
static bool has_news(thread_pool *pool, uint32_t last) {
  if (atomic_load_explicit(&pool->stopping, memory_order_relaxed)) return true;
  const uint32_t state = atomic_load_explicit(&pool->state, memory_order_relaxed);
  return (state & OPEN) && state >> NUMBER_SHIFT != last;
}

static void await_news(thread_pool *pool, uint32_t last) {
  for (int i = 0; i < SPINS; i++) {
    if (has_news(pool, last)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  pool->sleeping_workers++;
  while (!has_news(pool, last)) pthread_cond_wait(&pool->loop_opened, &pool->mutex);
  pool->sleeping_workers--;
  pthread_mutex_unlock(&pool->mutex);
}

// The number of the open loop that this worker now belongs to; `last` when it has been closed meanwhile.
static uint32_t join_loop(thread_pool *pool, uint32_t last) {
  uint32_t state = atomic_load_explicit(&pool->state, memory_order_relaxed);
  while ((state & OPEN) && state >> NUMBER_SHIFT != last) {
    if (atomic_compare_exchange_weak_explicit(&pool->state, &state, state + 1, memory_order_acquire,
                                              memory_order_relaxed)) {
      return state >> NUMBER_SHIFT;
    }
  }
  return last;
}

static void leave_loop(thread_pool *pool) {
  const uint32_t state = atomic_fetch_sub_explicit(&pool->state, 1, memory_order_release);
  if ((state & OPEN) || (state & JOINED) != 1) return;
  pthread_mutex_lock(&pool->mutex);
  if (pool->caller_sleeps) pthread_cond_signal(&pool->all_left);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  const worker *self = argument;
  thread_pool *pool = self->pool;
  uint32_t last = 0;
  for (;;) {
    await_news(pool, last);
    if (atomic_load_explicit(&pool->stopping, memory_order_relaxed)) return NULL;
    const uint32_t number = join_loop(pool, last);
    if (number == last) continue;
    last = number;
    run_iterations(pool, self->index);
    leave_loop(pool);
  }
}

// The change of state happens under the mutex, so that a worker which has just found no news is
// either still spinning or already waiting for the signal.
static void open_loop(thread_pool *pool) {
  const uint32_t number = (atomic_load_explicit(&pool->state, memory_order_relaxed) >> NUMBER_SHIFT) + 1;
  pthread_mutex_lock(&pool->mutex);
  atomic_store_explicit(&pool->state, number << NUMBER_SHIFT | OPEN, memory_order_release);
  const bool wake = pool->sleeping_workers > 0;
  pthread_mutex_unlock(&pool->mutex);
  if (wake) pthread_cond_broadcast(&pool->loop_opened);
}

static bool all_have_left(thread_pool *pool) {
  return (atomic_load_explicit(&pool->state, memory_order_acquire) & JOINED) == 0;
}

static void close_loop(thread_pool *pool) {
  atomic_fetch_and_explicit(&pool->state, ~(uint32_t)OPEN, memory_order_acquire);
  for (int i = 0; i < SPINS; i++) {
    if (all_have_left(pool)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  pool->caller_sleeps = true;
  while (!all_have_left(pool)) pthread_cond_wait(&pool->all_left, &pool->mutex);
  pool->caller_sleeps = false;
  pthread_mutex_unlock(&pool->mutex);
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
  open_loop(pool);
  run_iterations(pool, 0);
  close_loop(pool);
}

static void stop_workers(thread_pool *pool, size_t started) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store_explicit(&pool->stopping, true, memory_order_relaxed);
  pthread_cond_broadcast(&pool->loop_opened);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t i = 0; i < started; i++) pthread_join(pool->threads[i], NULL);
}

thread_pool *thread_pool_create(size_t size) {
  if (size == 0) size = 1;
  if (size > JOINED) return NULL;
  thread_pool *pool = NULL;
  if (posix_memalign((void **)&pool, 64, sizeof *pool) != 0) return NULL;
  *pool = (thread_pool){.size = size};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->loop_opened, NULL);
  pthread_cond_init(&pool->all_left, NULL);
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
  pthread_cond_destroy(&pool->all_left);
  pthread_cond_destroy(&pool->loop_opened);
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
