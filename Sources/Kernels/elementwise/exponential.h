// exp, sigmoid and tanh by polynomials. Needs a simd/ header and simd/epilogue.h before it.
//
// The coefficients are interpolations at Chebyshev nodes of the functions named at them, over the interval named.
//
// Products and sums are each rounded, never fused: e^x, sigmoid and tanh have the same bits on every tier, those of
// Quantize/GateFunctions.swift, because a recurrent layer with s8 weights quantizes what comes of them.
#pragma once

// a × b + c, two roundings.
KERNEL_INLINE vf32 vf32_mul_add(vf32 a, vf32 b, vf32 c) { return vf32_add(vf32_mul(a, b), c); }

// e^x for x ≤ 88, relative error below 2^-22; below −87 the result is e^-87 (1.6e-38). NaN gives e^-87.
//
// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and e^x = 2^n · e^r.
KERNEL_INLINE vf32 vf32_exp(vf32 x) {
  x = vf32_clamp_number(x, -87, 88);
  const vs32 n = vs32_round(vf32_mul(x, vf32_set(0x1.715476p0f)));  // 1 / ln 2
  const vf32 whole = vf32_from_s32(n);
  // ln 2 in two parts, the first with few enough bits that its product with n is exact.
  vf32 r = vf32_mul_add(whole, vf32_set(-0x1.62e4p-1f), x);
  r = vf32_mul_add(whole, vf32_set(-0x1.7f7d1cp-20f), r);
  // (e^r − 1 − r) / r² on [−ln 2 / 2, ln 2 / 2]
  vf32 p = vf32_set(0x1.6d4328p-10f);
  p = vf32_mul_add(p, r, vf32_set(0x1.120b74p-7f));
  p = vf32_mul_add(p, r, vf32_set(0x1.5554eap-5f));
  p = vf32_mul_add(p, r, vf32_set(0x1.5554dcp-3f));
  p = vf32_mul_add(p, r, vf32_set(0.5f));
  p = vf32_mul_add(p, vf32_mul(r, r), r);
  return vf32_scale(vf32_add(p, vf32_set(1)), n);
}

// 1 / (1 + e^-x), error below 2^-22 relative where the result is above 2^-120.
KERNEL_INLINE vf32 vf32_sigmoid(vf32 x) {
  const vf32 e = vf32_exp(vf32_sub(vf32_set(0), vf32_abs(x)));
  const vf32 numerator = vf32_select(vf32_less(x, vf32_set(0)), e, vf32_set(1));
  return vf32_div(numerator, vf32_add(vf32_set(1), e));
}

// Relative error below 2^-21.
KERNEL_INLINE vf32 vf32_tanh(vf32 x) {
  const vf32 magnitude = vf32_abs(x);
  const vf32 e = vf32_exp(vf32_mul(magnitude, vf32_set(-2)));
  const vf32 large = vf32_div(vf32_sub(vf32_set(1), e), vf32_add(vf32_set(1), e));
  // Near 0 that difference cancels: (tanh x / x − 1) / x² as a polynomial in x² on [0, 0.4].
  const vf32 square = vf32_mul(x, x);
  vf32 p = vf32_set(-0.0060537f);
  p = vf32_mul_add(p, square, vf32_set(0.02096819f));
  p = vf32_mul_add(p, square, vf32_set(-0.05384499f));
  p = vf32_mul_add(p, square, vf32_set(0.13332733f));
  p = vf32_mul_add(p, square, vf32_set(-0.33333329f));
  const vf32 small = vf32_mul_add(vf32_mul(p, square), magnitude, magnitude);
  return vf32_copysign(vf32_select(vf32_less(magnitude, vf32_set(0.63f)), small, large), x);
}
