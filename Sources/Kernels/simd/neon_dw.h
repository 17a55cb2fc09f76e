// What depthwise kernels of both Advanced SIMD tiers do with a block of 16 channels in four vectors.
#pragma once

KERNEL_INLINE vf32 qs8_dw_load(const float *block, size_t v) { return vld1q_f32(block + 4 * v); }
KERNEL_INLINE void qs8_dw_store(float *block, size_t v, vf32 a) { vst1q_f32(block + 4 * v, a); }
KERNEL_INLINE void qs8_dw_store_s8(const qs8_requantization *r, const vf32 *multipliers, const vs32 *sums, size_t n,
                                   int8_t *output) {
  const int8x8_t low = vqmovn_s16(neon_requantize_pair(r, multipliers, sums));
  const int8x8_t high = vqmovn_s16(neon_requantize_pair(r, multipliers + 2, sums + 2));
  const int8x16_t q = vmaxq_s8(vcombine_s8(low, high), vdupq_n_s8(neon_lowest(r)));
  if (n >= 16) {
    vst1q_s8(output, q);
  } else {
    neon_store_bytes(output, vget_low_s8(q), n);
    if (n > 8) neon_store_bytes(output + 8, vget_high_s8(q), n - 8);
  }
}
