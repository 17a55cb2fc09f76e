// How long a loop of short tiles takes (tools/bench-thread-pool): what opening, sharing and closing it costs beside the tiles
// themselves. For each length of a tile the least of some rounds, on one thread and on all.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "thread_pool.h"

enum { TILES = 8, LOOPS = 20000, ROUNDS = 20, LINE = 64, MOST_THREADS = 256 };

// A line for each thread, so that tiles disturb nobody.
static struct {
  _Alignas(LINE) volatile uint32_t steps;
} work[MOST_THREADS];

static void tile(void *context, size_t index, size_t thread) {
  (void)index;
  for (size_t i = *(const size_t *)context; i > 0; i--) work[thread].steps++;
}

// Nanoseconds of a loop, the least of all rounds' means.
static double measure(thread_pool *pool, size_t steps) {
  double least = 1e18;
  for (int round = 0; round < ROUNDS; round++) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < LOOPS; i++) thread_pool_run(pool, TILES, tile, &steps);
    clock_gettime(CLOCK_MONOTONIC, &b);
    const double mean = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / LOOPS;
    if (mean < least) least = mean;
  }
  return least;
}

int main(int count, char **arguments) {
  const long threads = count > 1 ? strtol(arguments[1], NULL, 10) : (long)thread_pool_available_processors();
  if (threads < 1 || threads > MOST_THREADS) {
    fprintf(stderr, "usage: bench [THREADS], 1 to %d\n", MOST_THREADS);
    return 64;
  }
  thread_pool *alone = thread_pool_create(1), *pool = thread_pool_create((size_t)threads);
  if (!alone || !pool) return 1;
  const double steps_per_nanosecond = TILES * 1000 / measure(alone, 1000);
  printf("%d tiles, ns a tile   ns a loop: 1 thread   %ld threads\n", TILES, threads);
  for (int nanoseconds = 0; nanoseconds <= 400; nanoseconds = nanoseconds == 0 ? 100 : 2 * nanoseconds) {
    const size_t steps = (size_t)(steps_per_nanosecond * nanoseconds);
    printf("%19d %21.0f %11.0f\n", nanoseconds, measure(alone, steps), measure(pool, steps));
  }
  thread_pool_destroy(pool);
  thread_pool_destroy(alone);
  return 0;
}
