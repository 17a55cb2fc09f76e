// Vectors of 16 words, and vpmaddwd; simd/portable_words.h says what the names mean.
#pragma once

#include "avx2.h"

enum { WORD_LANES = 16 };

typedef __m256i vs16;

KERNEL_INLINE vs16 vs16_set(int16_t a) { return _mm256_set1_epi16(a); }
KERNEL_INLINE vs16 vs16_load_s8(const int8_t *p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}
KERNEL_INLINE vs16 vs16_load_s8_n(const int8_t *p, size_t n) { return _mm256_cvtepi8_epi16(avx2_load_bytes16(p, n)); }
KERNEL_INLINE void vs16_store(int16_t *p, vs16 a) { _mm256_storeu_si256((__m256i *)p, a); }
KERNEL_INLINE void vs16_store_n(int16_t *p, vs16 a, size_t n) { avx2_store_bytes32((int8_t *)p, a, n * sizeof *p); }
KERNEL_INLINE vs16 vs16_add(vs16 a, vs16 b) { return _mm256_add_epi16(a, b); }
KERNEL_INLINE vs16 vs16_sub(vs16 a, vs16 b) { return _mm256_sub_epi16(a, b); }

KERNEL_INLINE void vs32_store(int32_t *p, vs32 a) { _mm256_storeu_si256((__m256i *)p, a); }

enum { S16_KR = 2 };

typedef __m256i s16_inputs;
typedef __m256i s16_weights;

KERNEL_INLINE s16_inputs s16_broadcast(const int16_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}
KERNEL_INLINE s16_weights s16_load_weights(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
KERNEL_INLINE vs32 s16_dot(vs32 sums, s16_inputs x, s16_weights w) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
}
