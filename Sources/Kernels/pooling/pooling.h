// The loops of all pooling kernels. Needs a simd/ header before it.
#pragma once

KERNEL_INLINE vf32 pooling_load_f32(const float *p, size_t n) { return n >= LANES ? vf32_load(p) : vf32_load_n(p, n); }

KERNEL_INLINE void pooling_store_f32(float *p, vf32 a, size_t n) {
  if (n >= LANES) {
    vf32_store(p, a);
  } else {
    vf32_store_n(p, a, n);
  }
}

KERNEL_INLINE vs32 pooling_load_s8(const int8_t *p, size_t n) {
  return n >= LANES ? vs32_load_s8(p) : vs32_load_s8_n(p, n);
}

KERNEL_INLINE void pooling_store_s8(int8_t *p, vs32 a, size_t n) {
  if (n >= LANES) {
    vs32_store_s8(p, a);
  } else {
    vs32_store_s8_n(p, a, n);
  }
}

KERNEL_INLINE void f32_maxpool(const f32_maxpool_arguments *a) {
  for (size_t p = 0; p < a->pixels; p++) {
    const float *const *inputs = a->inputs + p * a->input_step;
    for (size_t c = 0; c < a->channels; c += LANES) {
      const size_t n = a->channels - c, offset = a->input_offset + c;
      vf32 most = pooling_load_f32(inputs[0] + offset, n);
      for (size_t t = 1; t < a->taps; t++) most = vf32_max(most, pooling_load_f32(inputs[t] + offset, n));
      pooling_store_f32(a->output + p * a->output_stride + c, most, n);
    }
  }
}

KERNEL_INLINE vs8 pooling_load_bytes(const int8_t *p, size_t n) {
  return n >= BYTE_LANES ? vs8_load(p) : vs8_load_n(p, n);
}

KERNEL_INLINE void s8_maxpool(const s8_maxpool_arguments *arguments) {
  const s8_maxpool_arguments a = *arguments;  // which stores of bytes cannot change
  for (size_t p = 0; p < a.pixels; p++) {
    const int8_t *const *inputs = a.inputs + p * a.input_step;
    int8_t *output = a.output + p * a.output_stride;
    for (size_t c = 0; c < a.channels; c += BYTE_LANES) {
      const size_t n = a.channels - c, offset = a.input_offset + c;
      vs8 most = pooling_load_bytes(inputs[0] + offset, n);
      for (size_t t = 1; t < a.taps; t++) most = vs8_max(most, pooling_load_bytes(inputs[t] + offset, n));
      if (n >= BYTE_LANES) {
        vs8_store(output + c, most);
      } else {
        vs8_store_n(output + c, most, n);
      }
    }
  }
}

KERNEL_INLINE void f32_avgpool(const f32_avgpool_arguments *a) {
  for (size_t p = 0; p < a->pixels; p++) {
    const float *const *inputs = a->inputs + p * a->input_step;
    const vf32 multiplier = vf32_set(a->multipliers[p]);
    for (size_t c = 0; c < a->channels; c += LANES) {
      const size_t n = a->channels - c, offset = a->input_offset + c;
      vf32 sum = pooling_load_f32(inputs[0] + offset, n);
      for (size_t t = 1; t < a->taps; t++) sum = vf32_add(sum, pooling_load_f32(inputs[t] + offset, n));
      pooling_store_f32(a->output + p * a->output_stride + c, vf32_mul(sum, multiplier), n);
    }
  }
}

// Quantize's `quantizedMean` of a sum of q − zero_point.
KERNEL_INLINE vs32 pooling_mean_s8(vs32 sum, float multiplier, int32_t zero_point) {
  vf32 scaled = vf32_mul(vf32_from_s32(sum), vf32_set(multiplier));
  return vs32_add(vs32_round(scaled), vs32_set(zero_point));
}

KERNEL_INLINE void qs8_avgpool(const qs8_avgpool_arguments *a) {
  // Taps outside the picture are zero points: taking one zero point off for every tap leaves nothing of them.
  const vs32 start = vs32_set(-a->zero_point * (int32_t)a->taps);
  for (size_t p = 0; p < a->pixels; p++) {
    const int8_t *const *inputs = a->inputs + p * a->input_step;
    for (size_t c = 0; c < a->channels; c += LANES) {
      const size_t n = a->channels - c, offset = a->input_offset + c;
      vs32 sum = start;
      for (size_t t = 0; t < a->taps; t++) sum = vs32_add(sum, pooling_load_s8(inputs[t] + offset, n));
      pooling_store_s8(a->output + p * a->output_stride + c,
                       pooling_mean_s8(sum, a->multipliers[p], a->zero_point), n);
    }
  }
}

KERNEL_INLINE void f32_mean(size_t pixels, size_t channels, const float *input, size_t input_stride, float *output) {
  const vf32 multiplier = vf32_set(1 / (float)pixels);
  for (size_t c = 0; c < channels; c += LANES) {
    const size_t n = channels - c;
    vf32 sum = pooling_load_f32(input + c, n);
    for (size_t p = 1; p < pixels; p++) sum = vf32_add(sum, pooling_load_f32(input + p * input_stride + c, n));
    pooling_store_f32(output + c, vf32_mul(sum, multiplier), n);
  }
}

KERNEL_INLINE void qs8_mean(size_t pixels, size_t channels, const int8_t *input, size_t input_stride,
                            int32_t zero_point, int8_t *output) {
  const float multiplier = 1 / (float)pixels;
  for (size_t c = 0; c < channels; c += LANES) {
    const size_t n = channels - c;
    vs32 sum = vs32_set(-zero_point * (int32_t)pixels);
    for (size_t p = 0; p < pixels; p++) sum = vs32_add(sum, pooling_load_s8(input + p * input_stride + c, n));
    pooling_store_s8(output + c, pooling_mean_s8(sum, multiplier, zero_point), n);
  }
}
