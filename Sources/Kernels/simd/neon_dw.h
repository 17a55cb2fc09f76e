// What depthwise kernels of both Advanced SIMD tiers do with a block of 16 channels in four vectors.
#pragma once

KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) v[i] = vld1q_f32(block + 4 * i);
}
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) {
  UNROLL for (size_t i = 0; i < QS8_DW_VECTORS; i++) vst1q_f32(block + 4 * i, v[i]);
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  pair_store_s8(output, r, scales, sums, n);
  if (n > 8) pair_store_s8(output + 8, r, scales + 2, sums + 2, n - 8);
}
