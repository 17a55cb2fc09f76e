// As f32_peak.h, of s8 products summed in s32.
#pragma once

_Static_assert(sizeof(qs8_inputs) == sizeof(vs32) && sizeof(qs8_weights) == sizeof(vs32), "sums are taken for inputs");

KERNEL_INLINE void qs8_peak(size_t rounds, const float *seeds, float *result) {
  qs8_weights w;
  memcpy(&w, seeds + PEAK_CHAINS * LANES, sizeof w);
  vs32 sums[PEAK_CHAINS];
  memcpy(sums, seeds, sizeof sums);
  for (size_t round = 0; round < rounds; round++) {
    UNROLL for (size_t i = 0; i < PEAK_CHAINS; i++) {
      // Inputs that stay the same would let the compiler take the products out of the loop.
      qs8_inputs x;
      memcpy(&x, &sums[i], sizeof x);
      sums[i] = qs8_dot(sums[i], x, w);
    }
  }
  vs32 total = sums[0];
  UNROLL for (size_t i = 1; i < PEAK_CHAINS; i++) total = vs32_add(total, sums[i]);
  memcpy(result, &total, sizeof total);
}
