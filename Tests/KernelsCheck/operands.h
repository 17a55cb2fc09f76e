// Operands of chance in guarded memory, the same for each seed.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What is drawn from now on is a function of `seed` and of what has been drawn since.
void seed_operands(uint64_t seed);

uint32_t random_bits(void);

// 0 ... count − 1.
size_t random_below(size_t count);

// `size` bytes that end at an inaccessible page, aligned to `alignment`; never freed before `release_buffers`.
void *buffer(size_t size, size_t alignment);
void release_buffers(void);

// Elements of one byte, any; or of four, floats in [−1, 1).
void *filled(size_t elements, size_t size);

// Bytes from −127 to 127, as weights are.
int8_t *filled_weights(size_t count);

// Floats in [0, scale].
float *filled_multipliers(size_t count, float scale);
