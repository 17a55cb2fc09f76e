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

// Four rows of 8 bytes into 8 columns of 4.
KERNEL_INLINE __m256i avxvnni_transpose(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i rows = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi64(a, b)),
                                               _mm_unpacklo_epi64(c, d), 1);
  const __m256i blocks = _mm256_permutevar8x32_epi32(rows, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  return _mm256_shuffle_epi8(blocks, order);
}
KERNEL_INLINE qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset) {
  return avxvnni_unsigned(avxvnni_transpose(_mm_loadl_epi64((const __m128i *)(taps[0] + offset)),
                                            _mm_loadl_epi64((const __m128i *)(taps[1] + offset)),
                                            _mm_loadl_epi64((const __m128i *)(taps[2] + offset)),
                                            _mm_loadl_epi64((const __m128i *)(taps[3] + offset))));
}
KERNEL_INLINE qs8_inputs qs8_interleave_n(const int8_t *const *taps, size_t offset, size_t n) {
  return avxvnni_unsigned(
      avxvnni_transpose(avx2_load_bytes(taps[0] + offset, n), avx2_load_bytes(taps[1] + offset, n),
                        avx2_load_bytes(taps[2] + offset, n), avx2_load_bytes(taps[3] + offset, n)));
}
