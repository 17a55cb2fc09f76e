// Vectors of s16 and their products in the compiler's own vectors (portable_dot.h). What the names mean on every tier; `_n`
// variants touch only the first n words' memory, 1 ≤ n ≤ WORD_LANES. Sums wrap, as in every vector instruction.
#pragma once

#include "portable_dot.h"

enum { WORD_LANES = 8 };

typedef uint16_t vu16 __attribute__((vector_size(16)));

KERNEL_INLINE vs16 vs16_set(int16_t a) { return (vs16){a, a, a, a, a, a, a, a}; }
// Bytes, widened.
KERNEL_INLINE vs16 vs16_load_s8(const int8_t *p) { return portable_widen(p, WORD_LANES); }
KERNEL_INLINE vs16 vs16_load_s8_n(const int8_t *p, size_t n) { return portable_widen(p, n); }
KERNEL_INLINE void vs16_store(int16_t *p, vs16 a) { memcpy(p, &a, sizeof a); }
KERNEL_INLINE void vs16_store_n(int16_t *p, vs16 a, size_t n) { memcpy(p, &a, n * sizeof *p); }
KERNEL_INLINE vs16 vs16_add(vs16 a, vs16 b) { return (vs16)((vu16)a + (vu16)b); }
KERNEL_INLINE vs16 vs16_sub(vs16 a, vs16 b) { return (vs16)((vu16)a - (vu16)b); }

KERNEL_INLINE void vs32_store(int32_t *p, vs32 a) { memcpy(p, &a, sizeof a); }

// S16_KR inputs of one row for all lanes, S16_KR weights for each of LANES columns, and the sums of their products added.
enum { S16_KR = 2 };

typedef vs16 s16_inputs;
typedef vs16 s16_weights;

KERNEL_INLINE s16_inputs s16_broadcast(const int16_t *p) { return qs8_broadcast_words(p); }
KERNEL_INLINE s16_weights s16_load_weights(const int16_t *p) {
  vs16 w;
  memcpy(&w, p, sizeof w);
  return w;
}
KERNEL_INLINE vs32 s16_dot(vs32 sums, s16_inputs x, s16_weights w) { return qs8_dot(sums, x, w); }
