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

// Near 0 the quotient would lose digits: there the series x − x³/3 + 2x⁵/15 − 17x⁷/315 + … stands.
TRAINER_INLINE float hyperbolic_tangent(float x) {
  float magnitude = x < 0 ? -x : x;
  float s = x * x;
  float p = -1382.0f / 155925;
  p = p * s + 62.0f / 2835;
  p = p * s - 17.0f / 315;
  p = p * s + 2.0f / 15;
  p = p * s - 1.0f / 3;
  float small = x + x * s * p;
  float large = 1.0f - 2.0f / (exponential(2.0f * magnitude) + 1.0f);
  large = x < 0 ? -large : large;
  return magnitude < 0.35f ? small : large;
}
