// A line of pixels between two lines and, in each, two columns: Format's `Resize`. Needs a simd/ header and
// simd/epilogue.h before it.
#pragma once

#include "parts.h"

KERNEL_INLINE vf32 f32_between(vf32 a, vf32 b, vf32 share) { return vf32_add(a, vf32_mul(vf32_sub(b, a), share)); }

KERNEL_INLINE void f32_bilinear(const f32_bilinear_arguments *s) {
  const vf32 down = vf32_set(s->down);
  for (size_t p = 0; p < s->pixels; p++) {
    const size_t left = s->left[p], right = s->right[p];
    const vf32 across = vf32_set(s->across[p]);
    float *output = s->output + p * s->channels;
    for (size_t c = 0; c < s->channels; c += LANES) {
      const size_t n = s->channels - c;
      const vf32 top = f32_between(part_load(s->top + left + c, n), part_load(s->top + right + c, n), across);
      const vf32 bottom = f32_between(part_load(s->bottom + left + c, n), part_load(s->bottom + right + c, n), across);
      part_store(output + c, f32_between(top, bottom, down), n);
    }
  }
}

KERNEL_INLINE vs32 s8_part_load(const int8_t *p, size_t n) {
  return n >= LANES ? vs32_load_s8(p) : vs32_load_s8_n(p, n);
}

// a·(2048 − share) + b·share
KERNEL_INLINE vs32 s32_between(vs32 a, vs32 b, int32_t share) {
  return vs32_add(vs32_mul(a, vs32_set(2048 - share)), vs32_mul(b, vs32_set(share)));
}

KERNEL_INLINE void qs8_bilinear(const qs8_bilinear_arguments *s) {
  for (size_t p = 0; p < s->pixels; p++) {
    const size_t left = s->left[p], right = s->right[p];
    const int32_t across = s->across[p];
    int8_t *output = s->output + p * s->channels;
    for (size_t c = 0; c < s->channels; c += LANES) {
      const size_t n = s->channels - c;
      const vs32 top = s32_between(s8_part_load(s->top + left + c, n), s8_part_load(s->top + right + c, n), across);
      const vs32 bottom =
          s32_between(s8_part_load(s->bottom + left + c, n), s8_part_load(s->bottom + right + c, n), across);
      const vs32 sum = vs32_add(s32_between(top, bottom, s->down), vs32_set(1 << 21));
      const vs32 q = vs32_shift_right(sum, 22);
      if (n >= LANES) {
        vs32_store_s8(output + c, q);
      } else {
        vs32_store_s8_n(output + c, q, n);
      }
    }
  }
}
