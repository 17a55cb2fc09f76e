// Runs the thread pool under ThreadSanitizer (tools/test): loops that read what the loop before wrote, on other threads; short
// ones, long ones, pauses in which workers fall asleep; two pools at once. Exit 1 if a result is wrong; the sanitizer has an
// exit status of its own for a race.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread_pool.h"

enum { CELLS = 64, LOOPS = 3000 };

typedef struct {
  size_t threads;
  uint32_t seed;
  long cells[2][CELLS];
  int from;
} loop;

// Cell i of a loop is made of cells i and i + 1 of the loop before, which other threads have written.
static void step(void *context, size_t index, size_t thread) {
  loop *l = context;
  (void)thread;
  const long *from = l->cells[l->from];
  l->cells[1 - l->from][index] = (from[index] + 3 * from[(index + 1) % CELLS]) % 1000003;
}

static void *run(void *argument) {
  loop *l = argument;
  thread_pool *pool = thread_pool_create(l->threads);
  if (!pool) return "no pool";
  long expected[CELLS];
  for (size_t i = 0; i < CELLS; i++) expected[i] = l->cells[0][i] = (long)(i * i);
  const char *failure = NULL;
  for (int n = 0; n < LOOPS && !failure; n++) {
    thread_pool_run(pool, CELLS, step, l);
    l->from = 1 - l->from;
    long next[CELLS];
    for (size_t i = 0; i < CELLS; i++) next[i] = (expected[i] + 3 * expected[(i + 1) % CELLS]) % 1000003;
    for (size_t i = 0; i < CELLS; i++) {
      expected[i] = next[i];
      if (l->cells[l->from][i] != next[i]) failure = "a wrong result";
    }
    l->seed = l->seed * 1664525u + 1013904223u;
    if (l->seed >> 24 == 0) usleep(2000);
  }
  thread_pool_destroy(pool);
  return (void *)failure;
}

int main(void) {
  static const size_t sizes[] = {1, 2, 3, 7};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    loop loops[2] = {{.threads = sizes[s], .seed = 1}, {.threads = 2, .seed = 2}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
      if (pthread_create(&threads[i], NULL, run, &loops[i]) != 0) return 1;
    }
    for (size_t i = 0; i < 2; i++) {
      void *failure;
      pthread_join(threads[i], &failure);
      if (failure) {
        fprintf(stderr, "pools of %zu and 2 threads, seeds 1 and 2: %s\n", sizes[s], (const char *)failure);
        return 1;
      }
    }
  }
  puts("the thread pool is free of races");
  return 0;
}
