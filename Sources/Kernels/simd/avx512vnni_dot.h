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
  return avx512_unsigned(_mm512_set1_epi32(four));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  uint32_t some = (uint8_t)p[0];
  if (n > 1) some |= (uint32_t)(uint8_t)p[1] << 8;
  if (n > 2) some |= (uint32_t)(uint8_t)p[2] << 16;
  return avx512_unsigned(_mm512_set1_epi32((int32_t)some));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return _mm512_load_si512(p); }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return _mm512_dpbusd_epi32(sums, x, w); }

// Four rows of 16 bytes into 16 columns of 4.
KERNEL_INLINE __m512i avx512_transpose(__m128i a, __m128i b, __m128i c, __m128i d) {
  __m512i rows = _mm512_castsi128_si512(a);
  rows = _mm512_inserti32x4(rows, b, 1);
  rows = _mm512_inserti32x4(rows, c, 2);
  rows = _mm512_inserti32x4(rows, d, 3);
  const __m512i gather = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i blocks = _mm512_permutexvar_epi32(gather, rows);
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  return _mm512_shuffle_epi8(blocks, order);
}
KERNEL_INLINE qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset) {
  return avx512_unsigned(avx512_transpose(_mm_loadu_si128((const __m128i *)(taps[0] + offset)),
                                          _mm_loadu_si128((const __m128i *)(taps[1] + offset)),
                                          _mm_loadu_si128((const __m128i *)(taps[2] + offset)),
                                          _mm_loadu_si128((const __m128i *)(taps[3] + offset))));
}
KERNEL_INLINE qs8_inputs qs8_interleave_n(const int8_t *const *taps, size_t offset, size_t n) {
  const __mmask16 first = avx512_first(n);
  return avx512_unsigned(
      avx512_transpose(_mm_maskz_loadu_epi8(first, taps[0] + offset), _mm_maskz_loadu_epi8(first, taps[1] + offset),
                       _mm_maskz_loadu_epi8(first, taps[2] + offset), _mm_maskz_loadu_epi8(first, taps[3] + offset)));
}
