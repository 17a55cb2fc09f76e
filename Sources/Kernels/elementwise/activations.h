// Activation functions beyond sigmoid and tanh. Needs a simd/ header and simd/epilogue.h before it.
#pragma once

#include "exponential.h"

// x where it is positive, slope · x elsewhere.
KERNEL_INLINE vf32 vf32_leaky_relu(vf32 x, float slope) {
  return vf32_select(vf32_less(vf32_set(0), x), x, vf32_mul(x, vf32_set(slope)));
}

// ReLU6(x + 3) / 6, relative error below 2^-22; exactly 0 below −3 and 1 above 3.
KERNEL_INLINE vf32 vf32_hard_sigmoid(vf32 x) {
  return vf32_mul(vf32_clamp(vf32_add(x, vf32_set(3)), 0, 6), vf32_set(1.0f / 6));
}

// x · ReLU6(x + 3) / 6, relative error below 2^-21.
KERNEL_INLINE vf32 vf32_hard_swish(vf32 x) { return vf32_mul(x, vf32_hard_sigmoid(x)); }

// x · sigmoid(x), relative error below 2^-21 where the sigmoid is above 2^-120.
KERNEL_INLINE vf32 vf32_silu(vf32 x) { return vf32_mul(x, vf32_sigmoid(x)); }

// x / 2 · (1 + tanh u) = x · sigmoid(2u), u = √(2/π)·(x + 0.044715·x³). The error of 2u grows by its own size in the
// exponential: relative error below 2^-22·(2 + |2u|).
KERNEL_INLINE vf32 vf32_gelu(vf32 x) {
  const vf32 factor = vf32_fma(vf32_mul(x, x), vf32_set(0x1.2444f2p-4f), vf32_set(0x1.988454p0f));
  return vf32_mul(x, vf32_sigmoid(vf32_mul(x, factor)));
}
