// s8 products by vpdpbusd on 512 bits: u8 × s8, four at a time, without saturation. Inputs become unsigned by adding 128,
// which is flipping the top bit; packing takes 128 × the sum of the weights off again. See igemm/qs8_igemm.h and
// dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "avx512.h"

enum { QS8_KR = 4, QS8_INPUT_BIAS = 128 };

typedef __m512i qs8_inputs;   // u8 [16 lanes][4]
typedef __m512i qs8_weights;  // s8 [16 lanes][4]

KERNEL_INLINE __m512i avx512_unsigned(__m512i x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  __m512i x = _mm512_set1_epi32(four);
  // Left alone, the compiler flips the bits first and then broadcasts by a shuffle, which a load does for nothing.
  __asm__("" : "+v"(x));
  return avx512_unsigned(x);
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  // A masked load does not touch what it leaves out.
  const __m128i some = _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p);
  return avx512_unsigned(_mm512_broadcastd_epi32(some));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return _mm512_load_si512(p); }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return _mm512_dpbusd_epi32(sums, x, w); }

// Depthwise: unpacking four taps leaves channel 16·L + 4·v + i in quarter L of vector v.
enum { QS8_DW_VECTORS = 4 };

KERNEL_INLINE __m512i avx512_tap(const int8_t *p, size_t n) {
  const __m512i x = n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8((UINT64_C(1) << n) - 1, p);
  return avx512_unsigned(x);
}
// Four taps interleaved; those from `count` on are not given.
KERNEL_INLINE void avx512_interleave(const __m512i *taps, size_t count, qs8_inputs *x) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i a = taps[0], b = count > 1 ? taps[1] : zero, c = count > 2 ? taps[2] : zero,
                d = count > 3 ? taps[3] : zero;
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  x[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
  x[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
  x[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
  x[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}
KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  __m512i rows[QS8_KR];
  UNROLL for (size_t i = 0; i < count; i++) rows[i] = avx512_tap(taps[i] + offset, n);
  avx512_interleave(rows, count, x);
}

// Half a block of two pixels each, in the two halves of the vectors.
#define QS8_DW_PAIRS
KERNEL_INLINE void qs8_group_pair(const int8_t *const *taps, size_t second, size_t count, size_t offset, size_t n,
                                  qs8_inputs *x) {
  const __mmask32 mask = n >= 32 ? ~UINT32_C(0) : (UINT32_C(1) << n) - 1;
  __m512i rows[QS8_KR];
  UNROLL for (size_t i = 0; i < count; i++) {
    const __m256i low = _mm256_maskz_loadu_epi8(mask, taps[i] + offset);
    const __m256i high = _mm256_maskz_loadu_epi8(mask, taps[second + i] + offset);
    rows[i] = avx512_unsigned(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
  }
  avx512_interleave(rows, count, x);
}
KERNEL_INLINE vf32 vf32_both(vf32 v) { return _mm512_shuffle_f32x4(v, v, 0x44); }
KERNEL_INLINE vs32 vs32_both(vs32 v) { return _mm512_shuffle_i32x4(v, v, 0x44); }
KERNEL_INLINE qs8_weights qs8_weights_both(qs8_weights w) { return _mm512_shuffle_i32x4(w, w, 0x44); }

KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) {
    v[i] = _mm512_castps128_ps512(_mm_loadu_ps(block + 4 * i));
    v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(block + 16 + 4 * i), 1);
    v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(block + 32 + 4 * i), 2);
    v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(block + 48 + 4 * i), 3);
  }
}
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) {
    _mm_storeu_ps(block + 4 * i, _mm512_castps512_ps128(v[i]));
    _mm_storeu_ps(block + 16 + 4 * i, _mm512_extractf32x4_ps(v[i], 1));
    _mm_storeu_ps(block + 32 + 4 * i, _mm512_extractf32x4_ps(v[i], 2));
    _mm_storeu_ps(block + 48 + 4 * i, _mm512_extractf32x4_ps(v[i], 3));
  }
}
KERNEL_INLINE __m512i avx512_dw_bytes(const qs8_requantization *r, const vf32 *scales, const vs32 *sums) {
  const __m512i bytes =
      _mm512_packs_epi16(avx512_requantize(r, scales, sums), avx512_requantize(r, scales + 2, sums + 2));
  return _mm512_max_epi8(bytes, _mm512_set1_epi8(avx512_lowest(r)));
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  const __m512i q = avx512_dw_bytes(r, scales, sums);
  if (n >= 64) {
    _mm512_storeu_si512(output, q);
  } else {
    _mm512_mask_storeu_epi8(output, (UINT64_C(1) << n) - 1, q);
  }
}
KERNEL_INLINE void qs8_dw_store_s8_pair(int8_t *output, int8_t *second, const qs8_requantization *r,
                                        const vf32 *scales, const vs32 *sums, size_t n) {
  const __m512i q = avx512_dw_bytes(r, scales, sums);
  const __m256i low = _mm512_castsi512_si256(q), high = _mm512_extracti64x4_epi64(q, 1);
  if (n >= 32) {
    _mm256_storeu_si256((__m256i *)output, low);
    _mm256_storeu_si256((__m256i *)second, high);
  } else {
    const __mmask32 mask = (UINT32_C(1) << n) - 1;
    _mm256_mask_storeu_epi8(output, mask, low);
    _mm256_mask_storeu_epi8(second, mask, high);
  }
}
