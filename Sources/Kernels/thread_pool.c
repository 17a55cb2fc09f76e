// A loop is open from the moment the caller publishes it until the caller has found no iteration left. Each thread has a
// share of consecutive iterations, the same share of every loop, so that a layer finds in a core's cache what the layer
// before left there; who is done takes from the ends of the others' shares. Workers that come in while a loop is open join;
// the caller waits for those that joined, and only for them: a worker that the system has not woken yet delays nobody, its
// share is taken by others. Between loops workers spin a while, because the next layer usually comes within
// microseconds, then sleep.
//
// Small networks run a hundred loops of a few microseconds, in which a cache line that goes from core to core is what costs:
// the caller writes one line to open a loop, and a worker writes only its own.
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
enum { LINE = 64 };

// `state` of a pool: the loop's number and whether it is open.
enum { OPEN = 1, NUMBER_SHIFT = 1 };

// `taken` of a member: how many iterations of its share were taken from the front and from the back, and the lower bits of
// the loop's number that this was in; in any other loop it is none. Nobody has to reset it.
enum { TAKEN_BITS = 24, TAKEN_MASK = (1 << TAKEN_BITS) - 1, LOOP_BITS = 16, LOOP_MASK = (1 << LOOP_BITS) - 1 };
enum { MOST_ITERATIONS = TAKEN_MASK };

// One of the threads of a pool. 0 is the caller of thread_pool_run.
typedef struct {
  _Alignas(LINE) atomic_uint_least64_t taken;
  atomic_bool works;  // whether it has joined a loop
  thread_pool *pool;
  pthread_t thread;
} member;

struct thread_pool {
  // What the caller writes to open a loop, and workers watch.
  _Alignas(LINE) atomic_uint_least32_t state;
  atomic_bool stopping;
  thread_pool_task task;
  void *context;
  size_t first, count;

  _Alignas(LINE) atomic_uint sleeping_workers;
  atomic_bool caller_sleeps;
  pthread_mutex_t mutex;  // held by who begins to sleep until it does, and by who wakes it
  pthread_cond_t loop_opened;
  pthread_cond_t all_left;

  size_t size;
  member *members;  // [size]
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

// Takes an iteration of a share of `length`: how many were taken from that end before; `length` if there is none left.
static size_t take(member *from, uint64_t loop, size_t length, bool from_back) {
  uint64_t taken = atomic_load_explicit(&from->taken, memory_order_relaxed);
  for (;;) {
    const uint64_t current = taken >> 2 * TAKEN_BITS == loop ? taken : loop << 2 * TAKEN_BITS;
    const size_t front = current & TAKEN_MASK, back = current >> TAKEN_BITS & TAKEN_MASK;
    const bool is_empty = front + back >= length;
    // Also an empty share gets the loop's number: an old one would come again some day.
    const uint64_t next = is_empty ? current : current + (from_back ? UINT64_C(1) << TAKEN_BITS : 1);
    if (next == taken || atomic_compare_exchange_weak_explicit(&from->taken, &taken, next, memory_order_relaxed,
                                                               memory_order_relaxed)) {
      return is_empty ? length : from_back ? back : front;
    }
  }
}

static void run_iterations(thread_pool *pool, size_t thread, uint32_t state) {
  const uint64_t loop = state >> NUMBER_SHIFT & LOOP_MASK;
  // The first `longer` shares have one more.
  const size_t shortest = pool->count / pool->size, longer = pool->count % pool->size;
  for (size_t i = 0; i < pool->size; i++) {
    const size_t owner = (thread + i) % pool->size;
    const size_t length = shortest + (owner < longer);
    const size_t first = pool->first + owner * shortest + (owner < longer ? owner : longer);
    for (;;) {
      const size_t place = take(&pool->members[owner], loop, length, owner != thread);
      if (place == length) break;
      pool->task(pool->context, owner == thread ? first + place : first + length - 1 - place, thread);
    }
  }
}

// Whether there is a loop to join, or an end to notice, for a worker whose last loop was at `last`.
static bool has_news(thread_pool *pool, uint32_t last) {
  if (atomic_load_explicit(&pool->stopping, memory_order_relaxed)) return true;
  const uint32_t state = atomic_load(&pool->state);
  return (state & OPEN) && state != last;
}

static void await_news(thread_pool *pool, uint32_t last) {
  for (int i = 0; i < SPINS; i++) {
    if (has_news(pool, last)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  // Either this is seen by who opens a loop, or the loop is seen here: both are sequentially consistent.
  atomic_fetch_add(&pool->sleeping_workers, 1);
  while (!has_news(pool, last)) pthread_cond_wait(&pool->loop_opened, &pool->mutex);
  atomic_fetch_sub(&pool->sleeping_workers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void leave_loop(member *self) {
  thread_pool *pool = self->pool;
  atomic_store(&self->works, false);
  if (!atomic_load(&pool->caller_sleeps)) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->all_left);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  member *self = argument;
  thread_pool *pool = self->pool;
  uint32_t last = 0;
  for (;;) {
    await_news(pool, last);
    if (atomic_load_explicit(&pool->stopping, memory_order_relaxed)) return NULL;
    const uint32_t state = atomic_load(&pool->state);
    if (!(state & OPEN)) continue;
    // Either the caller sees that this worker works, and waits, or the worker sees that the loop has been closed.
    atomic_store(&self->works, true);
    if (atomic_load(&pool->state) == state) {
      last = state;
      run_iterations(pool, (size_t)(self - pool->members), state);
    }
    leave_loop(self);
  }
}

static void open_loop(thread_pool *pool) {
  const uint32_t number = (atomic_load_explicit(&pool->state, memory_order_relaxed) >> NUMBER_SHIFT) + 1;
  atomic_store(&pool->state, number << NUMBER_SHIFT | OPEN);
  if (atomic_load(&pool->sleeping_workers) == 0) return;
  // Who has just found no news waits for the signal by now.
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->loop_opened);
  pthread_mutex_unlock(&pool->mutex);
}

static bool all_have_left(thread_pool *pool) {
  for (size_t i = 1; i < pool->size; i++) {
    if (atomic_load(&pool->members[i].works)) return false;
  }
  return true;
}

static void close_loop(thread_pool *pool) {
  atomic_fetch_and(&pool->state, ~(uint32_t)OPEN);
  for (int i = 0; i < SPINS; i++) {
    if (all_have_left(pool)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, true);
  while (!all_have_left(pool)) pthread_cond_wait(&pool->all_left, &pool->mutex);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

void thread_pool_run(thread_pool *pool, size_t count, thread_pool_task task, void *context) {
  if (pool->size == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  for (size_t first = 0; first < count; first += MOST_ITERATIONS) {
    pool->task = task;
    pool->context = context;
    pool->first = first;
    pool->count = count - first < MOST_ITERATIONS ? count - first : MOST_ITERATIONS;
    open_loop(pool);
    run_iterations(pool, 0, atomic_load_explicit(&pool->state, memory_order_relaxed));
    close_loop(pool);
  }
}

// Ends the workers 1 ..< `end`.
static void stop_workers(thread_pool *pool, size_t end) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store_explicit(&pool->stopping, true, memory_order_relaxed);
  pthread_cond_broadcast(&pool->loop_opened);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t i = 1; i < end; i++) pthread_join(pool->members[i].thread, NULL);
}

thread_pool *thread_pool_create(size_t size) {
  if (size == 0) size = 1;
  if (size > SIZE_MAX / sizeof(member)) return NULL;
  thread_pool *pool = NULL;
  void *members = NULL;
  if (posix_memalign((void **)&pool, LINE, sizeof *pool) != 0) return NULL;
  if (posix_memalign(&members, LINE, size * sizeof(member)) != 0) {
    free(pool);
    return NULL;
  }
  *pool = (thread_pool){.size = size, .members = members};
  for (size_t i = 0; i < size; i++) pool->members[i] = (member){.pool = pool};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->loop_opened, NULL);
  pthread_cond_init(&pool->all_left, NULL);
  for (size_t i = 1; i < size; i++) {
    if (pthread_create(&pool->members[i].thread, NULL, worker_main, &pool->members[i]) != 0) {
      pool->size = i;
      thread_pool_destroy(pool);
      return NULL;
    }
  }
  return pool;
}

void thread_pool_destroy(thread_pool *pool) {
  if (!pool) return;
  stop_workers(pool, pool->size);
  pthread_cond_destroy(&pool->all_left);
  pthread_cond_destroy(&pool->loop_opened);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->members);
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
