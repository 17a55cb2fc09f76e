// s8 products by widening to s16 and vpmaddwd, two at a time, which cannot overflow (vpmaddubsw would saturate). See
// igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "avx2.h"

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0 };

typedef __m256i qs8_inputs;   // s16 [8 lanes][2]
typedef __m256i qs8_weights;  // s16 [8 lanes][2]

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  int16_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_cvtepi8_epi16(_mm_set1_epi16(pair));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  (void)n;
  return _mm256_cvtepi8_epi16(_mm_set1_epi16((uint8_t)*p));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)p));
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
}

KERNEL_INLINE qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset) {
  const __m128i a = _mm_loadl_epi64((const __m128i *)(taps[0] + offset));
  const __m128i b = _mm_loadl_epi64((const __m128i *)(taps[1] + offset));
  return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
}
KERNEL_INLINE qs8_inputs qs8_interleave_n(const int8_t *const *taps, size_t offset, size_t n) {
  const __m128i a = avx2_load_bytes(taps[0] + offset, n);
  const __m128i b = avx2_load_bytes(taps[1] + offset, n);
  return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
}
