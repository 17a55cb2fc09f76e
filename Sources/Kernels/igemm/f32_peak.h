// The most f32 multiply-accumulates that a tier's instructions make, with nothing loaded or stored: independent chains in
// registers. `kernels_measure_peak` has the seeds.
#pragma once

KERNEL_INLINE void f32_peak(size_t rounds, const float *seeds, float *result) {
  const vf32 factor = vf32_load(seeds + PEAK_CHAINS * LANES);
  vf32 sums[PEAK_CHAINS];
  UNROLL for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = vf32_load(seeds + i * LANES);
  for (size_t round = 0; round < rounds; round++) {
    UNROLL for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = vf32_fma(sums[i], factor, factor);
  }
  vf32 total = sums[0];
  UNROLL for (size_t i = 1; i < PEAK_CHAINS; i++) total = vf32_add(total, sums[i]);
  vf32_store(result, total);
}
