#include "operands.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t random_state;

void seed_operands(uint64_t seed) { random_state = seed; }

// The upper half of a SplitMix64 (Steele et al. 2014).
uint32_t random_bits(void) {
  uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)(z >> 32);
}

size_t random_below(size_t count) { return random_bits() % count; }

enum { MOST_BUFFERS = 16, BUFFER_SIZE = 4 << 20 };
static char *slots[MOST_BUFFERS];
static size_t used_slots;

void *buffer(size_t size, size_t alignment) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (used_slots == MOST_BUFFERS || size > BUFFER_SIZE) abort();
  char **slot = &slots[used_slots++];
  if (!*slot) {
    *slot = mmap(NULL, BUFFER_SIZE + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*slot == MAP_FAILED || mprotect(*slot + BUFFER_SIZE, page, PROT_NONE) != 0) abort();
  }
  return *slot + (BUFFER_SIZE - size) / alignment * alignment;
}

void release_buffers(void) { used_slots = 0; }

void *filled(size_t elements, size_t size) {
  char *p = buffer(elements * size, size);
  for (size_t i = 0; i < elements; i++) {
    if (size == 1) {
      ((int8_t *)p)[i] = (int8_t)random_bits();
    } else {
      ((float *)p)[i] = (float)(int32_t)random_bits() * 0x1p-31f;
    }
  }
  return p;
}

int8_t *filled_weights(size_t count) {
  int8_t *p = filled(count, 1);
  for (size_t i = 0; i < count; i++) p[i] = p[i] == -128 ? 127 : p[i];
  return p;
}

float *filled_multipliers(size_t count, float scale) {
  float *p = filled(count, 4);
  for (size_t i = 0; i < count; i++) p[i] = fabsf(p[i]) * scale;
  return p;
}
