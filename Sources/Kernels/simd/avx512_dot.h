// s8 products by widening to s16 and vpmaddwd on 512 bits; as simd/avx2_dot.h.
#pragma once

#include "avx512.h"

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0 };

typedef __m512i qs8_inputs;   // s16 [16 lanes][2]
typedef __m512i qs8_weights;  // s16 [16 lanes][2]

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  int16_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm512_cvtepi8_epi16(_mm256_set1_epi16(pair));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  (void)n;
  return _mm512_cvtepi8_epi16(_mm256_set1_epi16((uint8_t)*p));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  return _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)p));
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
}

// Bytes of two taps, side by side per channel.
KERNEL_INLINE __m512i avx512_pair(__m128i a, __m128i b) {
  const __m256i pairs = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi8(a, b)), _mm_unpackhi_epi8(a, b), 1);
  return _mm512_cvtepi8_epi16(pairs);
}
KERNEL_INLINE qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset) {
  return avx512_pair(_mm_loadu_si128((const __m128i *)(taps[0] + offset)),
                     _mm_loadu_si128((const __m128i *)(taps[1] + offset)));
}
KERNEL_INLINE qs8_inputs qs8_interleave_n(const int8_t *const *taps, size_t offset, size_t n) {
  return avx512_pair(_mm_maskz_loadu_epi8(avx512_first(n), taps[0] + offset),
                     _mm_maskz_loadu_epi8(avx512_first(n), taps[1] + offset));
}
