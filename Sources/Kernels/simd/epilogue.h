// Last steps of kernels: clamp, requantize, dequantize, for one vector of columns or channels. Needs a simd/ header before it.
#pragma once

// NaN stays NaN: a result that is none must not come out as a number.
KERNEL_INLINE vf32 vf32_clamp_between(vf32 x, vf32 minimum, vf32 maximum) {
  return vf32_min(maximum, vf32_max(minimum, x));
}
KERNEL_INLINE vf32 vf32_clamp(vf32 x, float minimum, float maximum) {
  return vf32_clamp_between(x, vf32_set(minimum), vf32_set(maximum));
}

// NaN becomes `minimum`, for results that have no NaN.
KERNEL_INLINE vf32 vf32_clamp_number(vf32 x, float minimum, float maximum) {
  return vf32_min(vf32_max(x, vf32_set(minimum)), vf32_set(maximum));
}

// Quantize's `Requantization` of a vector in plain order.
KERNEL_INLINE vs32 qs8_requantized(const qs8_requantization *r, vf32 scales, vs32 sums) {
  const vf32 scaled = vf32_clamp_number(vf32_mul(vf32_from_s32(sums), scales), r->minimum, r->maximum);
  return vs32_add(vs32_round(scaled), vs32_set(r->zero_point));
}

// Quantize's `QuantizedAdd`.
KERNEL_INLINE vs32 qs8_sum(const qs8_addition *s, vs32 a, vs32 b) {
  vs32 scaled_a = vs32_mul(vs32_sub(a, vs32_set(s->zero_point_a)), vs32_set(s->multiplier_a));
  vs32 scaled_b = vs32_mul(vs32_sub(b, vs32_set(s->zero_point_b)), vs32_set(s->multiplier_b));
  vs32 sum = vs32_add(vs32_add(scaled_a, scaled_b), vs32_set((int32_t)1 << (s->shift - 1)));
  vs32 q = vs32_add(vs32_shift_right(sum, s->shift), vs32_set(s->zero_point));
  return vs32_min(vs32_max(q, vs32_set(s->minimum)), vs32_set(s->maximum));
}
