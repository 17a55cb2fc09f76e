// Functions of one float without a branch or a call, so that loops over them vectorize.
#pragma once

#include <string.h>

#include "clones.h"

// exp to about 1 ulp of float: 2ⁿ · p(r) with r in [−ln 2 / 2, ln 2 / 2]. No branch and no call, so that loops over it
// vectorize. Below −87 the result stays at e⁻⁸⁷; NaN gives NaN.
TRAINER_INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
  const float magic = 12582912.0f;
  float shifted = x * 1.44269504f + magic;
  float n = shifted - magic;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127u) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

TRAINER_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

// tanh to 4e-7 of itself: x · p(x²) / q(x²), both of degree 4, the minimax approximation on [0, 9] (2.1e-8 without rounding), beyond
// which tanh is 1. One division, where an exponential would need another polynomial and a series near 0 beside it.
TRAINER_INLINE float hyperbolic_tangent(float x) {
  x = x < -9.0f ? -9.0f : x;
  x = x > 9.0f ? 9.0f : x;
  float s = x * x;
  float p = 1.3354630309146856e-08f;
  p = p * s + 2.060905761376498e-05f;
  p = p * s + 0.0034955865323733643f;
  p = p * s + 0.13381024270322828f;
  p = p * s + 0.9999999794674179f;
  float q = 7.776544891290574e-07f;
  q = q * s + 0.00032856322748542403f;
  q = q * s + 0.02587697604303788f;
  q = q * s + 0.46714339865775556f;
  q = q * s + 1.0f;
  return x * p / q;
}
