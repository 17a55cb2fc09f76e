// Vectors of 32 words, and vpmaddwd, or vpdpwssd where the target has it; simd/portable_words.h says what the names mean.
#pragma once

#include "avx512.h"

enum { WORD_LANES = 32 };

typedef __m512i vs16;

// The first n words, 1 ≤ n ≤ 32.
KERNEL_INLINE __mmask32 avx512_first_words(size_t n) { return (__mmask32)((UINT64_C(1) << n) - 1); }

KERNEL_INLINE vs16 vs16_set(int16_t a) { return _mm512_set1_epi16(a); }
KERNEL_INLINE vs16 vs16_load_s8(const int8_t *p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
KERNEL_INLINE vs16 vs16_load_s8_n(const int8_t *p, size_t n) {
  return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(avx512_first_words(n), p));
}
KERNEL_INLINE void vs16_store(int16_t *p, vs16 a) { _mm512_storeu_si512(p, a); }
KERNEL_INLINE void vs16_store_n(int16_t *p, vs16 a, size_t n) {
  _mm512_mask_storeu_epi16(p, avx512_first_words(n), a);
}
KERNEL_INLINE vs16 vs16_add(vs16 a, vs16 b) { return _mm512_add_epi16(a, b); }
KERNEL_INLINE vs16 vs16_sub(vs16 a, vs16 b) { return _mm512_sub_epi16(a, b); }

KERNEL_INLINE void vs32_store(int32_t *p, vs32 a) { _mm512_storeu_si512(p, a); }

enum { S16_KR = 2 };

typedef __m512i s16_inputs;
typedef __m512i s16_weights;

KERNEL_INLINE s16_inputs s16_broadcast(const int16_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}
KERNEL_INLINE s16_weights s16_load_weights(const int16_t *p) { return _mm512_loadu_si512(p); }
KERNEL_INLINE vs32 s16_dot(vs32 sums, s16_inputs x, s16_weights w) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
}
