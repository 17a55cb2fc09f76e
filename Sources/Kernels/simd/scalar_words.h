// Vectors of s16 and their products for the scalar tier: in the compiler's own vectors where its target has some, or else one
// word at a time, in the same layout. simd/portable_words.h says what the names mean.
#pragma once

#include "../target.h"

#if KERNELS_X86 || defined(__ARM_NEON)
#include "portable_words.h"
#else
#include "scalar.h"

enum { WORD_LANES = 1 };

typedef int16_t vs16;

KERNEL_INLINE vs16 vs16_set(int16_t a) { return a; }
KERNEL_INLINE vs16 vs16_load_s8(const int8_t *p) { return *p; }
KERNEL_INLINE vs16 vs16_load_s8_n(const int8_t *p, size_t n) { return (void)n, *p; }
KERNEL_INLINE void vs16_store(int16_t *p, vs16 a) { *p = a; }
KERNEL_INLINE void vs16_store_n(int16_t *p, vs16 a, size_t n) { (void)n, *p = a; }
KERNEL_INLINE vs16 vs16_add(vs16 a, vs16 b) { return (int16_t)(a + b); }
KERNEL_INLINE vs16 vs16_sub(vs16 a, vs16 b) { return (int16_t)(a - b); }

KERNEL_INLINE void vs32_store(int32_t *p, vs32 a) { *p = a; }

enum { S16_KR = 2 };

typedef struct {
  int32_t a, b;
} s16_inputs;
typedef s16_inputs s16_weights;

KERNEL_INLINE s16_inputs s16_broadcast(const int16_t *p) { return (s16_inputs){p[0], p[1]}; }
KERNEL_INLINE s16_weights s16_load_weights(const int16_t *p) { return (s16_weights){p[0], p[1]}; }
KERNEL_INLINE vs32 s16_dot(vs32 sums, s16_inputs x, s16_weights w) {
  return vs32_add(vs32_add(sums, x.a * w.a), x.b * w.b);
}
#endif
