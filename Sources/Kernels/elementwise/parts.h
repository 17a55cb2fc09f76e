// Loads and stores of what is left of a run of elements. Needs a simd/ header before it.
#pragma once

// The first n elements, or a whole vector of them.
KERNEL_INLINE vf32 part_load(const float *p, size_t n) { return n >= LANES ? vf32_load(p) : vf32_load_n(p, n); }

KERNEL_INLINE void part_store(float *p, vf32 a, size_t n) {
  if (n >= LANES) {
    vf32_store(p, a);
  } else {
    vf32_store_n(p, a, n);
  }
}
