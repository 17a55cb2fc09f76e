// s8 products by widening to s16 and vpmaddwd on 512 bits; as simd/avx2_dot.h.
#pragma once

#include "avx512.h"

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0, QS8_RUN = 16 };
#define QS8_WIDENS

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
KERNEL_INLINE void qs8_widen(const int8_t *p, int16_t *words) {
  _mm256_store_si256((__m256i *)words, _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_words(const int16_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  return _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)p));
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
}

// Depthwise: unpacking pairs of taps leaves the channels as in a pair of simd/avx512.h.
enum { QS8_DW_VECTORS = 2 };

KERNEL_INLINE __m512i avx512_tap(const int8_t *p, size_t n) {
  return _mm512_cvtepi8_epi16(n >= 32 ? _mm256_loadu_si256((const __m256i *)p)
                                      : _mm256_maskz_loadu_epi8((__mmask32)((1u << n) - 1), p));
}
KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const __m512i a = avx512_tap(taps[0] + offset, n);
  const __m512i b = count > 1 ? avx512_tap(taps[1] + offset, n) : _mm512_setzero_si512();
  x[0] = _mm512_unpacklo_epi16(a, b);
  x[1] = _mm512_unpackhi_epi16(a, b);
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) { pair_load(block, v); }
KERNEL_INLINE void qs8_dw_store(float *block, vf32 *v) {
  pair_in_order(v);
  _mm512_storeu_ps(block, v[0]);
  _mm512_storeu_ps(block + 16, v[1]);
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  pair_store_s8(output, r, scales, sums, n);
}
