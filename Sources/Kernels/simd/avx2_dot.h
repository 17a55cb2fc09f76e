// s8 products by widening to s16 and vpmaddwd, two at a time, which cannot overflow (vpmaddubsw would saturate). See
// igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "avx2.h"

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0, QS8_RUN = 16 };
#define QS8_WIDENS

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
KERNEL_INLINE void qs8_widen(const int8_t *p, int16_t *words) {
  _mm256_store_si256((__m256i *)words, _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_words(const int16_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)p));
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
}

// Depthwise: unpacking pairs of taps leaves the channels as in a pair of simd/avx2.h.
enum { QS8_DW_VECTORS = 2 };

KERNEL_INLINE __m256i avx2_tap(const int8_t *p, size_t n) {
  return _mm256_cvtepi8_epi16(n >= 16 ? _mm_loadu_si128((const __m128i *)p) : avx2_load_bytes16(p, n));
}
KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const __m256i a = avx2_tap(taps[0] + offset, n);
  const __m256i b = count > 1 ? avx2_tap(taps[1] + offset, n) : _mm256_setzero_si256();
  x[0] = _mm256_unpacklo_epi16(a, b);
  x[1] = _mm256_unpackhi_epi16(a, b);
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) { pair_load(block, v); }
KERNEL_INLINE void qs8_dw_store(float *block, vf32 *v) {
  pair_in_order(v);
  _mm256_storeu_ps(block, v[0]);
  _mm256_storeu_ps(block + 8, v[1]);
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  pair_store_s8(output, r, scales, sums, n);
}
