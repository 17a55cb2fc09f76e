// s8 products by vpdpbusd on 256 bits; as simd/avx512vnni_dot.h.
#pragma once

#include "avx2.h"

enum { QS8_KR = 4, QS8_INPUT_BIAS = 128 };

typedef __m256i qs8_inputs;   // u8 [8 lanes][4]
typedef __m256i qs8_weights;  // s8 [8 lanes][4]

KERNEL_INLINE __m256i avxvnni_unsigned(__m256i x) { return _mm256_xor_si256(x, _mm256_set1_epi8(-128)); }

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  return avxvnni_unsigned(_mm256_set1_epi32(four));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  uint32_t some = (uint8_t)p[0];
  if (n > 1) some |= (uint32_t)(uint8_t)p[1] << 8;
  if (n > 2) some |= (uint32_t)(uint8_t)p[2] << 16;
  return avxvnni_unsigned(_mm256_set1_epi32((int32_t)some));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return _mm256_load_si256((const __m256i *)p); }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return _mm256_dpbusd_avx_epi32(sums, x, w); }

// Depthwise: unpacking four taps leaves channel 16·L + 4·v + i in half L of vector v.
enum { QS8_DW_VECTORS = 4 };

KERNEL_INLINE __m256i avxvnni_tap(const int8_t *p, size_t n) {
  return avxvnni_unsigned(n >= 32 ? _mm256_loadu_si256((const __m256i *)p) : avx2_load_bytes32(p, n));
}
KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i a = avxvnni_tap(taps[0] + offset, n);
  const __m256i b = count > 1 ? avxvnni_tap(taps[1] + offset, n) : zero;
  const __m256i c = count > 2 ? avxvnni_tap(taps[2] + offset, n) : zero;
  const __m256i d = count > 3 ? avxvnni_tap(taps[3] + offset, n) : zero;
  const __m256i ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
  const __m256i cd_low = _mm256_unpacklo_epi8(c, d), cd_high = _mm256_unpackhi_epi8(c, d);
  x[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
  x[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
  x[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
  x[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) {
    const __m128 low = _mm_loadu_ps(block + 4 * i);
    v[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(low), _mm_loadu_ps(block + 16 + 4 * i), 1);
  }
}
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) {
    _mm_storeu_ps(block + 4 * i, _mm256_castps256_ps128(v[i]));
    _mm_storeu_ps(block + 16 + 4 * i, _mm256_extractf128_ps(v[i], 1));
  }
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  const __m256i bytes = _mm256_packs_epi16(avx2_requantize(r, scales, sums), avx2_requantize(r, scales + 2, sums + 2));
  const __m256i q = _mm256_max_epi8(bytes, _mm256_set1_epi8(avx2_lowest(r)));
  if (n >= 32) {
    _mm256_storeu_si256((__m256i *)output, q);
  } else {
    avx2_store_bytes32(output, q, n);
  }
}
